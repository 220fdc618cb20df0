"""Answers on Viber, by the bot API.

Viber answers every request with the status 200 and reports errors in the body.
Source: developers.viber.com, REST bot API, error codes.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_response, post, require_target

_TEMPORARY_STATUSES = frozenset({12})
_ACCOUNT_STATUSES = frozenset({2, 7, 8, 9, 10, 15, 23, 24})
"""Statuses that a person must settle at Viber."""
_MAX_SENDER_CHARS = 28
"""Viber refuses longer names."""


class ViberReplyAccount(Record, frozen=True, kw_only=True):
    """The bot that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    sender: Annotated[str, msgspec.Meta(description="The name under which the bot answers.")] = (
        "Santral"
    )
    api: ApiAddress = "https://chatapi.viber.com"
    timeout_s: SendTimeout = 30


class ViberResult(Record, frozen=True, kw_only=True):
    """Viber's result of a request; the status 0 is success."""

    status: int = -1
    status_message: str | None = ""
    message_token: int | str = ""


class ReplyViber:
    """The action for conversations on Viber."""

    name = "reply_viber"
    channel = "viber"
    account = ViberReplyAccount
    shares: tuple[str, ...] = ("token",)
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: ViberReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return Viber's token of it."""
        receiver = require_target(reply.reply_to, settings.token, "[channels.viber.ACCOUNT]")
        response = await post(
            f"{settings.api}/pa/send_message",
            "Viber",
            json={
                "receiver": receiver,
                "type": "text",
                "text": reply.text,
                "tracking_data": reply.id,
                "sender": {"name": settings.sender[:_MAX_SENDER_CHARS]},
            },
            timeout_s=settings.timeout_s,
            headers={"x-viber-auth-token": settings.token},
        )
        result = response.decode(ViberResult)
        if response.status != 200 or result is None:
            raise error_for_response(response, "Viber")
        if result.status == 0:
            return f"message {result.message_token}"
        text = f"Viber: {result.status} {result.status_message}"[:ERROR_TEXT_LIMIT]
        if result.status in _TEMPORARY_STATUSES:
            raise Retry(BUSY_S, text)
        if result.status in _ACCOUNT_STATUSES:
            raise Retry(ACCOUNT_PROBLEM_S, f"{text}: look at the bot's token and account")
        raise Rejected("reply.refused", text)
