"""Answers by SMS and WhatsApp through Twilio.

A second sending would be a second message, so an unclear end is never repeated.
Source: twilio.com/docs, messages resource and error codes.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import (
    error_for_response,
    post,
    require_target,
    retry_delay,
    split_target,
)

_TEMPORARY_CODES = frozenset({20429, 63018, 30001, 14107})
_CLOSED_WINDOW_CODE = 63016


class TwilioReplyAccount(Record, frozen=True, kw_only=True):
    """The account that sends."""

    account_sid: Annotated[str, msgspec.Meta(description="The account's SID.")] = ""
    auth_token: Annotated[str, msgspec.Meta(description="The auth token.")] = ""
    api: ApiAddress = "https://api.twilio.com"
    timeout_s: SendTimeout = 30


class TwilioResult(Record, frozen=True, kw_only=True):
    """Twilio's message resource, or its error."""

    sid: str = ""
    code: int = 0
    message: str = ""


class ReplyTwilio:
    """The action for conversations through Twilio."""

    name = "reply_twilio"
    channel = "twilio"
    account = TwilioReplyAccount
    shares: tuple[str, ...] = ("account_sid", "auth_token", "api")
    required: tuple[str, ...] = ("auth_token", "account_sid")

    async def send(self, reply: Reply, settings: TwilioReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return its SID."""
        token = settings.auth_token and settings.account_sid
        target = require_target(reply.reply_to, token, "[channels.twilio.ACCOUNT]")
        ours, recipient = split_target(target, "Twilio")
        response = await post(
            f"{settings.api}/2010-04-01/Accounts/{settings.account_sid}/Messages.json",
            "Twilio",
            data={"To": recipient, "From": ours, "Body": reply.text},
            timeout_s=settings.timeout_s,
            auth=(settings.account_sid, settings.auth_token),
        )
        result = response.decode(TwilioResult) or TwilioResult()
        if response.status in (200, 201):
            return f"message {result.sid}"
        text = f"Twilio: {result.code} {result.message}"[:ERROR_TEXT_LIMIT]
        if response.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"{text} (look at account_sid and auth_token)")
        if result.code in _TEMPORARY_CODES or response.status == 429:
            raise Retry(retry_delay(response.headers, BUSY_S), text)
        if result.code == _CLOSED_WINDOW_CODE:
            raise Rejected("reply.too_late", text)
        raise error_for_response(response, "Twilio", f"{result.code} {result.message}")
