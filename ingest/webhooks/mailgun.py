"""Mailgun's inbound routes, which are `forward("https://…/v1/hooks/mailgun/ACCOUNT/mime")`.

Mailgun sends the raw mail only to URLs that end in `mime`. Its signature covers time and token, but
not the body, so all doors remember the mail of a token for 9 hours. Mailgun retries for 8 hours.
A first try must arrive within the account's `mailgun_window`. Source is documentation.mailgun.com,
securing webhooks and routes.
"""

from collections import OrderedDict
from datetime import timedelta
from hashlib import sha256
from typing import Protocol

import msgspec

from ingest.channel import AccountSettings
from ingest.parsing.mail.smtp_envelope import with_envelope
from ingest.vendors.form_data import first_text, last_text, read_fields
from ingest.webhook import (
    MIB,
    Settings,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    check_timestamp,
    hmac_matches,
    require_secret,
)
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import Rejected, Retry

WINDOW = timedelta(hours=9)
_MAX_TOKENS = 100_000
"""The tokens of safe mails that this process remembers, about 10 MB."""


class MailgunAccount(AccountSettings, Protocol):
    """The settings of Mailgun's calls in an email account."""

    @property
    def mailgun_key(self) -> str:
        """The webhook signing key."""
        ...

    @property
    def mailgun_window(self) -> timedelta:
        """The largest age of the first try of a call."""
        ...


class Mailgun:
    """Mailgun's routes."""

    name = "mailgun"
    channel = "email"
    patient = True
    max_body = 40 * MIB

    def __init__(self) -> None:
        self._used: OrderedDict[str, None] = OrderedDict()

    def proof_headers(self, settings: MailgunAccount) -> tuple[str, ...]:
        """Return no header, because the form has the signature."""
        require_secret(settings.mailgun_key, "mailgun_key", "[channels.email.ACCOUNT]")
        return ()

    async def receive(
        self, request: WebhookRequest, settings: MailgunAccount, context: WebhookContext
    ) -> WebhookResult:
        """Return the raw mail of a route's call."""
        key = require_secret(settings.mailgun_key, "mailgun_key", "[channels.email.ACCOUNT]")
        form = read_fields(request)
        stamp, token, signature = (last_text(form, n) for n in ("timestamp", "token", "signature"))
        if not (stamp and token and signature):
            raise Rejected("signature.missing", "no timestamp, token and signature in the form")
        if not hmac_matches(key, signature, stamp.encode(), token.encode()):
            raise Rejected("signature.wrong", "not signed with this account's webhook signing key")
        check_timestamp(stamp, context.now, WINDOW, "timestamp")
        raw = form.get("body-mime", [b""])[0]
        if not raw:
            raise Retry(SETUP_PROBLEM_S, "no body-mime: the route's URL must end in /mime")
        mail = with_envelope(raw, first_text(form, "sender"), first_text(form, "recipient"))
        await _check_token(token, stamp, mail, settings.mailgun_window, context)
        context.report_proven()
        if token in self._used:
            return WebhookResult(ignored=("repeat",))
        return WebhookResult(deliveries=(mail,), on_safe=lambda: self._remember(token))

    def setup(self, settings: MailgunAccount, url: str) -> str | None:
        """Return the route to set up at Mailgun."""
        if not settings.mailgun_key:
            return None
        return f'Mailgun: a route with forward("{url}/mime")'

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with the webhook signing key."""
        return msgspec.structs.replace(settings, mailgun_key=value)

    def _remember(self, token: str) -> None:
        self._used[token] = None
        while len(self._used) > _MAX_TOKENS:
            self._used.popitem(last=False)


async def _check_token(
    token: str, stamp: str, mail: bytes, window: timedelta, context: WebhookContext
) -> None:
    """Raise Rejected unless this is the token's first mail, or a retry of the same mail.

    The door takes an unknown token while it is new. A retry is older, and the doors know its first
    try. An old, unknown token may come from anybody who once saw a call.
    """
    digest = sha256(mail).hexdigest()
    age = context.now.timestamp() - int(stamp)
    if age > window.total_seconds():
        first = await context.memory.recall(f"mailgun:{token}")
        if first is None:
            raise Rejected("signature.stale", f"timestamp is {age:.0f} s off, its token is unknown")
    else:
        first = await context.memory.remember(f"mailgun:{token}", digest)
    if first != digest:
        raise Rejected("signature.wrong", "the token belongs to another mail")
