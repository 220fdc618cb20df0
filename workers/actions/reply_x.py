"""Answers on X: a post of our own under the customer's, in everybody's sight.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's notifications. X has
no key that would make a second sending harmless. Source: docs.x.com, POST /2/tweets.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send
from workers.actions.outgoing_text import without_mentions


class Account(Record, frozen=True, kw_only=True):
    """The user who answers."""

    token: Annotated[
        str,
        msgspec.Meta(
            description="A user's access token (tweet.write), which ends after two hours."
        ),
    ] = ""
    api: ApiAddress = "https://api.x.com"
    timeout_s: SendTimeout = 30


class Post(Record, frozen=True, kw_only=True):
    """The post that was made."""

    id: str = ""


class Said(Record, frozen=True, kw_only=True):
    """What X answered."""

    data: Post | None = None
    title: str = ""
    detail: str = ""


class ReplyX:
    """The action for conversations that came by X."""

    name = "reply_x"
    channel = "x"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("api",)

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the post's id."""
        place = to_send(reply.reply_to, settings.token, "[actions.reply_x.ACCOUNT]")
        answer = await post(
            f"{settings.api}/2/tweets",
            "X",
            timeout_s=settings.timeout_s,
            json={
                "text": without_mentions(reply.text),
                "reply": {"in_reply_to_tweet_id": place},
            },
            headers={"authorization": f"Bearer {settings.token}"},
        )
        said = answer.read(Said) or Said()
        if answer.status in (200, 201):
            return f"post {said.data.id if said.data else '?'}"
        words = f"X: {said.title} {said.detail}".strip()[:ERROR_TEXT_LIMIT]
        if answer.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, f"{words} (the access token ended: set a new one)")
        if answer.status == 429:
            reset = answer.headers.get("x-rate-limit-reset", "")
            is_time = reset.isascii() and reset.isdigit()
            wait = float(reset) - datetime.now(UTC).timestamp() if is_time else 0.0
            raise Retry(max(wait, later(answer.headers, BUSY_S)), words)
        raise refused(answer, "X", f"{said.title} {said.detail}".strip())
