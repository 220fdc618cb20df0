"""Mailgun's inbound routes: `forward("https://…/v1/hooks/mailgun/ACCOUNT/mime")`.

The URL must end in `mime`: only then the raw mail comes. The signature covers time and token, not
the body: a token counts once. Mailgun retries for 8 hours, so a call may be 9 hours old.
Source: documentation.mailgun.com, securing webhooks and routes.
"""

from collections import OrderedDict
from datetime import timedelta
from typing import Any

import msgspec

from ingest.forms import fields, first, last
from ingest.hook import MIB, Call, HookTools, Taken, in_time, need, same_hmac
from ingest.hooks.envelope import with_envelope
from schemas.errors import Rejected, Retry

WINDOW = timedelta(hours=9)
_REMEMBERED = 100_000


class Mailgun:
    """The hook."""

    name = "mailgun"
    channel = "email"
    patient = True
    max_body = 40 * MIB

    def __init__(self) -> None:
        self._used: OrderedDict[str, None] = OrderedDict()

    def proof_headers(self, settings: Any) -> tuple[str, ...]:
        """Return where the proof is."""
        need(settings.mailgun_key, "mailgun_key", "[channels.email.ACCOUNT]")
        return ()

    async def receive(self, call: Call, settings: Any, tools: HookTools) -> Taken:
        """Return the raw mail of a route's call."""
        key = need(settings.mailgun_key, "mailgun_key", "[channels.email.ACCOUNT]")
        form = fields(call)
        stamp, token, told = (last(form, n) for n in ("timestamp", "token", "signature"))
        if not (stamp and token and told):
            raise Rejected("signature.missing", "no timestamp, token and signature in the form")
        if not same_hmac(key, told, stamp.encode(), token.encode()):
            raise Rejected("signature.wrong", "not signed with this account's webhook signing key")
        in_time(stamp, tools.now, WINDOW, "timestamp")
        tools.proven()
        if token in self._used:
            return Taken(ignored=("repeat",))
        raw = form.get("body-mime", [b""])[0]
        if not raw:
            raise Retry(600, "no body-mime: the route's URL must end in /mime")
        mail = with_envelope(raw, first(form, "sender"), first(form, "recipient"))
        return Taken(deliveries=(mail,), kept=lambda: self._remember(token))

    def setup(self, settings: Any, url: str) -> str | None:
        """Return what to set up."""
        if not settings.mailgun_key:
            return None
        return f'Mailgun: a route with forward("{url}/mime")'

    def secret(self, settings: Any, value: str) -> Any:
        """Return the settings with the webhook signing key."""
        return msgspec.structs.replace(settings, mailgun_key=value)

    def _remember(self, token: str) -> None:
        self._used[token] = None
        while len(self._used) > _REMEMBERED:
            self._used.popitem(last=False)
