"""Mailgun's inbound routes: `forward("https://…/v1/hooks/mailgun/ACCOUNT/mime")`.

The URL must end in `mime`, or Mailgun does not send the raw mail. The signature covers time and
token, not the body, and so all doors remember for 9 hours which mail came with a token. Mailgun
retries for 8 hours. A first try must come within the account's `mailgun_window`.
Source: documentation.mailgun.com, securing webhooks and routes.
"""

from collections import OrderedDict
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from ingest.parsing.mail.smtp_envelope import with_envelope
from ingest.vendors.form_data import fields, first, last
from ingest.webhook import MIB, Call, HookTools, Taken, in_time, need, same_hmac
from schemas.delays import SETUP_PROBLEM_S
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
        raw = form.get("body-mime", [b""])[0]
        if not raw:
            raise Retry(SETUP_PROBLEM_S, "no body-mime: the route's URL must end in /mime")
        mail = with_envelope(raw, first(form, "sender"), first(form, "recipient"))
        await _check_token(token, stamp, mail, settings.mailgun_window, tools)
        tools.proven()
        if token in self._used:
            return Taken(ignored=("repeat",))
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


async def _check_token(
    token: str, stamp: str, mail: bytes, window: timedelta, tools: HookTools
) -> None:
    """Raise Rejected unless this is the token's first mail, or a retry of the same mail.

    The door takes an unknown token while it is new. A retry is older, and the doors know its first
    try. An old, unknown token may come from anybody who once saw a call.
    """
    digest = sha256(mail).hexdigest()
    age = tools.now.timestamp() - int(stamp)
    if age > window.total_seconds():
        first = await tools.memory.recall(f"mailgun:{token}")
        if first is None:
            raise Rejected("signature.stale", f"timestamp is {age:.0f} s off, its token is unknown")
    else:
        first = await tools.memory.remember(f"mailgun:{token}", digest)
    if first != digest:
        raise Rejected("signature.wrong", "the token belongs to another mail")
