"""Answers on a Discourse forum, under the customer's post.

The forum has no key against a second sending, but it refuses the same text twice.
Source: docs.discourse.org, create a post.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_response, post, require_target, retry_delay
from workers.actions.outgoing_text import as_markdown, without_mentions


class DiscourseReplyAccount(Record, frozen=True, kw_only=True):
    """The user who answers on the forum."""

    url: Annotated[str, msgspec.Meta(description="The forum's address.")] = ""
    username: Annotated[str, msgspec.Meta(description="The user who answers.")] = ""
    api_key: Annotated[str, msgspec.Meta(description="An API key of that user.")] = ""
    timeout_s: SendTimeout = 30


class DiscourseLimit(Record, frozen=True, kw_only=True):
    """The wait that a rate limit asks for."""

    wait_seconds: float | None = None


class DiscoursePostBody(Record, frozen=True, kw_only=True):
    """The body of a response to a post, with its number or the errors."""

    id: int = 0
    errors: tuple[str, ...] = ()
    extras: DiscourseLimit = DiscourseLimit()


class ReplyDiscourse:
    """The action for conversations on a Discourse forum."""

    name = "reply_discourse"
    channel = "discourse"
    account = DiscourseReplyAccount
    shares: tuple[str, ...] = ("url", "username")
    required: tuple[str, ...] = ("url", "username", "api_key")

    async def send(self, reply: Reply, settings: DiscourseReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the post's number."""
        key = settings.url and settings.username and settings.api_key
        table = "[actions.reply_discourse.ACCOUNT] as `api_key`"
        topic, _, number = require_target(reply.reply_to, key, table).partition("|")
        if not (topic.isascii() and topic.isdigit()):
            raise Rejected("reply.no_address", f"{topic!r} is not a topic")
        text = as_markdown(without_mentions(reply.text))
        post_body: dict[str, object] = {"topic_id": int(topic), "raw": text}
        if number.isascii() and number.isdigit():
            post_body["reply_to_post_number"] = int(number)
        response = await post(
            f"{settings.url}/posts.json",
            "Discourse",
            json=post_body,
            timeout_s=settings.timeout_s,
            headers={"api-key": settings.api_key, "api-username": settings.username},
        )
        body = response.decode(DiscoursePostBody) or DiscoursePostBody()
        if response.status == 200:
            return f"post {body.id}"
        if response.status == 429:
            wait_s = body.extras.wait_seconds or retry_delay(response.headers, BUSY_S)
            raise Retry(wait_s, "Discourse limits the rate of posts")
        if response.status in (401, 403):
            raise Retry(ACCOUNT_PROBLEM_S, f"Discourse refuses the key ({response.status})")
        raise error_for_response(response, "Discourse", "; ".join(body.errors))
