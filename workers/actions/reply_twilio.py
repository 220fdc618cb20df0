"""Answers by SMS and WhatsApp through Twilio.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's phone. Nothing makes a
second sending harmless. Source: twilio.com/docs, messages resource, error codes.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send

_LATER = frozenset({20429, 63018, 30001, 14107})
_TOO_LATE = 63016


class Account(Record, frozen=True, kw_only=True):
    """The account that sends."""

    account_sid: Annotated[str, msgspec.Meta(description="The account's SID.")] = ""
    auth_token: Annotated[str, msgspec.Meta(description="The auth token.")] = ""
    api: ApiAddress = "https://api.twilio.com"
    timeout_s: SendTimeout = 30


class Said(Record, frozen=True, kw_only=True):
    """What Twilio answered."""

    sid: str = ""
    code: int = 0
    message: str = ""


class ReplyTwilio:
    """The action for conversations that came through Twilio."""

    name = "reply_twilio"
    channel = "twilio"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("account_sid", "auth_token", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return its SID."""
        token = settings.auth_token and settings.account_sid
        place = to_send(reply.reply_to, token, "[channels.twilio.ACCOUNT]")
        ours, _, whom = place.partition("/")
        if not ours or not whom:
            raise Rejected("reply.no_address", f"{place!r} is nobody's number")
        answer = await post(
            f"{settings.api}/2010-04-01/Accounts/{settings.account_sid}/Messages.json",
            "Twilio",
            data={"To": whom, "From": ours, "Body": reply.text},
            timeout_s=settings.timeout_s,
            auth=(settings.account_sid, settings.auth_token),
        )
        said = answer.read(Said) or Said()
        if answer.status in (200, 201):
            return f"message {said.sid}"
        words = f"Twilio: {said.code} {said.message}"[:ERROR_TEXT_LIMIT]
        if answer.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"{words} (look at account_sid and auth_token)")
        if said.code in _LATER or answer.status == 429:
            raise Retry(later(answer.headers, BUSY_S), words)
        if said.code == _TOO_LATE:
            raise Rejected("reply.too_late", words)
        raise refused(answer, "Twilio", f"{said.code} {said.message}")
