"""Answers on X, by a public post under the customer's.

A second sending would be a second post, so an unclear end is never repeated.
Source: docs.x.com, POST /2/tweets.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry
from schemas.outcome import Reply
from workers.actions.http import (
    ActionResponse,
    error_for_response,
    post,
    require_target,
    retry_delay,
)
from workers.actions.oauth import bearer_header
from workers.actions.outgoing_text import without_mentions


class XReplyAccount(Record, frozen=True, kw_only=True):
    """The user who answers."""

    token: Annotated[
        str,
        msgspec.Meta(
            description="A user's access token (tweet.write), which ends after two hours."
        ),
    ] = ""
    api: ApiAddress = "https://api.x.com"
    timeout_s: SendTimeout = 30


class CreatedPost(Record, frozen=True, kw_only=True):
    """The post that X created."""

    id: str = ""


class CreatePostBody(Record, frozen=True, kw_only=True):
    """The body of a response to a post, with the post or the problem."""

    data: CreatedPost | None = None
    title: str = ""
    detail: str = ""


class ReplyX:
    """The action for conversations on X."""

    name = "reply_x"
    channel = "x"
    account = XReplyAccount
    shares: tuple[str, ...] = ("api",)
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: XReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the post's id."""
        parent = require_target(reply.reply_to, settings.token, "[actions.reply_x.ACCOUNT]")
        response = await post(
            f"{settings.api}/2/tweets",
            "X",
            timeout_s=settings.timeout_s,
            json={
                "text": without_mentions(reply.text),
                "reply": {"in_reply_to_tweet_id": parent},
            },
            headers=bearer_header(settings.token),
        )
        body = response.decode(CreatePostBody) or CreatePostBody()
        if response.status in (200, 201):
            return f"post {body.data.id if body.data else '?'}"
        detail = f"{body.title} {body.detail}".strip()
        text = f"X: {detail}"[:ERROR_TEXT_LIMIT]
        if response.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"{text} (the access token ended: set a new one)")
        if response.status == 429:
            raise Retry(_rate_limit_delay(response, datetime.now(UTC)), text)
        raise error_for_response(response, "X", detail)


def _rate_limit_delay(response: ActionResponse, now: datetime) -> float:
    """Return the seconds until the limit resets, the later of X's two headers."""
    reset = response.headers.get("x-rate-limit-reset", "")
    is_time = reset.isascii() and reset.isdigit()
    delay_s = float(reset) - now.timestamp() if is_time else 0.0
    return max(delay_s, retry_delay(response.headers, BUSY_S))
