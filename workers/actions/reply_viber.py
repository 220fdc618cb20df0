"""Answers on Viber, by the bot API.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's phone. HTTP 200
always: the status in the body tells. Source: developers.viber.com, REST bot API, error codes.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import post, refused, to_send

_LATER = frozenset({12})
_ACCOUNT = frozenset({2, 7, 8, 9, 10, 15, 23, 24})


class Account(Record, frozen=True, kw_only=True):
    """The bot that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    sender: Annotated[str, msgspec.Meta(description="The name under which the bot answers.")] = (
        "Santral"
    )
    api: ApiAddress = "https://chatapi.viber.com"
    timeout_s: SendTimeout = 30


class Said(Record, frozen=True, kw_only=True):
    """What Viber answered."""

    status: int = -1
    status_message: str | None = ""
    message_token: int | str = ""


class ReplyViber:
    """The action for conversations that came by Viber."""

    name = "reply_viber"
    channel = "viber"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return its token."""
        place = to_send(reply.reply_to, settings.token, "[channels.viber.ACCOUNT]")
        body = {
            "receiver": place,
            "type": "text",
            "text": reply.text,
            "tracking_data": reply.id,
            "sender": {"name": settings.sender[:28]},
        }
        answer = await post(
            f"{settings.api}/pa/send_message",
            "Viber",
            json=body,
            timeout_s=settings.timeout_s,
            headers={"x-viber-auth-token": settings.token},
        )
        said = answer.read(Said)
        if answer.status != 200 or said is None:
            raise refused(answer, "Viber")
        if said.status == 0:
            return f"message {said.message_token}"
        words = f"Viber: {said.status} {said.status_message}"[:ERROR_TEXT_LIMIT]
        if said.status in _LATER:
            raise Retry(BUSY_S, words)
        if said.status in _ACCOUNT:
            raise Retry(ACCOUNT_PROBLEM_S, f"{words}: look at the bot's token and account")
        raise Rejected("reply.refused", words)
