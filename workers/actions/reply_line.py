"""Answers on LINE, by push, because people do not answer within the minute of a reply token.

The reply's id is the retry key. LINE takes a key once and answers 409 to its repetition.
Source: developers.line.biz, Messaging API, retry failed requests.
"""

import uuid
from typing import Annotated

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_response, post, require_target, retry_delay
from workers.actions.oauth import bearer_header


class LineReplyAccount(Record, frozen=True, kw_only=True):
    """The official account that answers."""

    token: Annotated[str, msgspec.Meta(description="The channel access token.")] = ""
    push_api: Annotated[str, msgspec.Meta(description="The address of LINE's messaging API.")] = (
        "https://api.line.me"
    )
    timeout_s: SendTimeout = 30


class LineError(Record, frozen=True, kw_only=True):
    """LINE's reason for a refusal."""

    message: str = ""


class ReplyLine:
    """The action for conversations on LINE."""

    name = "reply_line"
    channel = "line"
    account = LineReplyAccount
    shares: tuple[str, ...] = ("token",)
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: LineReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return LINE's id of the request."""
        recipient = require_target(reply.reply_to, settings.token, "[channels.line.ACCOUNT]")
        retry_key = str(uuid.uuid5(uuid.NAMESPACE_OID, reply.id))
        response = await post(
            f"{settings.push_api}/v2/bot/message/push",
            "LINE",
            timeout_s=settings.timeout_s,
            json={"to": recipient, "messages": [{"type": "text", "text": reply.text}]},
            headers=bearer_header(settings.token) | {"x-line-retry-key": retry_key},
            safe=True,
        )
        if response.status in (200, 409):
            accepted = response.headers.get("x-line-accepted-request-id", "")
            return f"request {response.headers.get('x-line-request-id', '') or accepted}"
        detail = (response.decode(LineError) or LineError()).message
        if response.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"LINE refuses the token: {detail}"[:ERROR_TEXT_LIMIT])
        if response.status >= 500:
            raise Retry(retry_delay(response.headers), f"LINE answered {response.status}")
        raise error_for_response(response, "LINE", detail)
