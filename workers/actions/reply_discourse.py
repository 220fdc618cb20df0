"""Answers on a Discourse forum, under the customer's post.

Before: workers/deliveries/tries.py may send the Reply. After: the topic. Nothing makes a second
sending harmless, but the forum refuses the same text twice. Source: docs.discourse.org, create a
post.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send
from workers.actions.outgoing_text import as_markdown, without_mentions


class Account(Record, frozen=True, kw_only=True):
    """The user who answers on the forum."""

    url: Annotated[str, msgspec.Meta(description="The forum's address.")] = ""
    username: Annotated[str, msgspec.Meta(description="The user who answers.")] = ""
    api_key: Annotated[str, msgspec.Meta(description="An API key of that user.")] = ""
    timeout_s: SendTimeout = 30


class Extras(Record, frozen=True, kw_only=True):
    """How long to wait."""

    wait_seconds: float | None = None


class Said(Record, frozen=True, kw_only=True):
    """What the forum answered."""

    id: int = 0
    errors: tuple[str, ...] = ()
    extras: Extras = Extras()


class ReplyDiscourse:
    """The action for conversations that came by a Discourse forum."""

    name = "reply_discourse"
    channel = "discourse"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("url", "username")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the post's number."""
        key = settings.url and settings.username and settings.api_key
        place = to_send(reply.reply_to, key, "[actions.reply_discourse.ACCOUNT] as `api_key`")
        topic, _, number = place.partition("|")
        if not (topic.isascii() and topic.isdigit()):
            raise Rejected("reply.no_address", f"{place!r} is no topic")
        words = as_markdown(without_mentions(reply.text))
        body: dict[str, Any] = {"topic_id": int(topic), "raw": words}
        if number.isascii() and number.isdigit():
            body["reply_to_post_number"] = int(number)
        answer = await post(
            f"{settings.url}/posts.json",
            "Discourse",
            json=body,
            timeout_s=settings.timeout_s,
            headers={"api-key": settings.api_key, "api-username": settings.username},
        )
        said = answer.read(Said) or Said()
        if answer.status == 200:
            return f"post {said.id}"
        if answer.status == 429:
            wait = said.extras.wait_seconds or later(answer.headers, BUSY_S)
            raise Retry(wait, "Discourse says later")
        if answer.status in (401, 403):
            raise Retry(ACCOUNT_PROBLEM_S, f"Discourse refuses the key ({answer.status})")
        raise refused(answer, "Discourse", "; ".join(said.errors))
