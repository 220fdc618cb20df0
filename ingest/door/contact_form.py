"""The contact form at the door, which shows the form, takes it, or shows it again with its flaws.

Visitors see it on our address or in a frame of the brand's site. The receipt appears once Kafka or
the disk has the message. Every answer except the receipt is the form with the person's entries, so
that no text is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from ingest.channel import Delivery
from ingest.channels import form
from ingest.channels.form import Account, Form
from ingest.door import public_pages
from ingest.door.public_pages import FormPage, Notice
from ingest.intake.accept import Ingest
from ingest.parser_pool.frames import FAILURES
from runtime import metrics
from runtime.http import server
from schemas.base import derived_id
from schemas.errors import Rejected, Retry

_CHANNEL = Form()


@dataclass(frozen=True, kw_only=True)
class FormDoor:
    """The endpoint of a form; `pause` waits for a number of seconds, `max_body` is in bytes."""

    ingest: Ingest
    key: bytes
    max_body: int
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def answer(self, request: Request, account: str, settings: Account) -> Response:
        """Answer GET and POST of one form."""
        language = public_pages.language_of(request)
        if request.method == "GET":
            return self._show(account, settings, FormPage(language=language))
        kind = request.headers.get("content-type", "").replace("\n", " ")
        try:
            body = await server.read_body(request, self.max_body)
            raw = kind.encode("latin-1", "replace") + b"\n" + body
            filled = await asyncio.to_thread(form.read_form, raw)
        except Rejected as error:
            too_large = error.code == "body.too_large"
            page = FormPage(language=language, notice="too_large" if too_large else "unreadable")
            return self._show(account, settings, page, 413 if too_large else 400)
        page = FormPage(language=language, filled=filled)
        if filled.language in public_pages.LANGUAGES:
            return self._show(account, settings, replace(page, language=filled.language))
        return await self._take(account, settings, page, raw, request.headers.get("traceparent"))

    async def _take(
        self, account: str, settings: Account, page: FormPage, raw: bytes, traceparent: str | None
    ) -> Response:
        """Take a filled-in form, or show it again with the reason."""
        filled, now = page.filled, self.ingest.clock.now()
        doubt = form.find_doubt(filled, self.key, account, now)
        if doubt is not None:
            metrics.count("santral_deliveries_ignored_total", hook="form", reason=doubt)
            notice: Notice = "confirm" if doubt == "hidden_field" else "stale"
            again = replace(page, flaws=filled.flaws(), notice=notice)
            return self._show(account, settings, again, 400, confirmed=doubt == "hidden_field")
        if flaws := filled.flaws():
            return self._show(account, settings, replace(page, flaws=flaws), 400, filled.stamp)
        await self.pause(form.seconds_to_wait(filled, now))
        delivery = Delivery(raw=raw, account=account, received_at=now, traceparent=traceparent)
        try:
            identifier = await self._identify(delivery, settings)
            # A visitor sends it only once, so that the disk keeps it while Kafka is away.
            await self.ingest.publish_or_spool(_CHANNEL, settings, delivery, patient=False)
        except Retry:
            return self._show(account, settings, replace(page, notice="away"), 503, filled.stamp)
        except Rejected:
            return self._show(account, settings, replace(page, notice="unreadable"), 400)
        reference = identifier.partition("-")[0].upper()
        receipt = public_pages.receipt(account, settings, page, reference)
        return public_pages.respond(receipt, settings.origins)

    async def _identify(self, delivery: Delivery, settings: Account) -> str:
        """Return the message's id; a form on which our parser fails gets one of its bytes."""
        try:
            parsed = await self.ingest.parse(_CHANNEL, delivery, settings)
        except Rejected as error:
            if error.code not in FAILURES:
                raise
            return derived_id("form", delivery.account, sha256(delivery.raw).hexdigest())
        return parsed.message.id

    def _show(
        self,
        account: str,
        settings: Account,
        page: FormPage,
        code: int = 200,
        stamp: str = "",
        *,
        confirmed: bool = False,
    ) -> Response:
        """Return the form with the person's entries, and with a valid stamp: nobody waits twice."""
        now = self.ingest.clock.now()
        stamp = stamp or form.make_stamp(self.key, account, now, confirmed=confirmed)
        shown = public_pages.form_page(account, settings, page, stamp)
        return public_pages.respond(shown, settings.origins, code)
