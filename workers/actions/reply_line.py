"""Answers on LINE, by push: people do not answer within the minute of a reply token.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's phone. The retry key
is the reply's id: LINE takes it once, and says 409 when it had it already. Source:
developers.line.biz, Messaging API, retry failed requests.
"""

import uuid
from typing import Annotated, Any

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send


class Account(Record, frozen=True, kw_only=True):
    """The official account that answers."""

    token: Annotated[str, msgspec.Meta(description="The channel access token.")] = ""
    push_api: Annotated[str, msgspec.Meta(description="The address of LINE's messaging API.")] = (
        "https://api.line.me"
    )
    timeout_s: SendTimeout = 30


class Said(Record, frozen=True, kw_only=True):
    """Why LINE refused."""

    message: str = ""


class ReplyLine:
    """The action for conversations that came by LINE."""

    name = "reply_line"
    channel = "line"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return LINE's word for it."""
        place = to_send(reply.reply_to, settings.token, "[channels.line.ACCOUNT]")
        key = str(uuid.uuid5(uuid.NAMESPACE_OID, reply.id))
        answer = await post(
            f"{settings.push_api}/v2/bot/message/push",
            "LINE",
            timeout_s=settings.timeout_s,
            json={"to": place, "messages": [{"type": "text", "text": reply.text}]},
            headers={"authorization": f"Bearer {settings.token}", "x-line-retry-key": key},
            safe=True,
        )
        if answer.status in (200, 409):
            accepted = answer.headers.get("x-line-accepted-request-id", "")
            return f"request {answer.headers.get('x-line-request-id', '') or accepted}"
        said = (answer.read(Said) or Said()).message
        if answer.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"LINE refuses the token: {said}"[:ERROR_TEXT_LIMIT])
        if answer.status >= 500:
            raise Retry(later(answer.headers, RECOVERY_S), f"LINE answered {answer.status}")
        raise refused(answer, "LINE", said)
