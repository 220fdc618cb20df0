"""Discourse: posts of a forum, by its webhook.

Before: a forum calls /v1/hooks/discourse/ACCOUNT. After: accept publishes. Most forums do not
repeat a call: what Kafka can't take is kept on disk. Each try has a new event id: the post and its
version are the key. Source: discourse/discourse, emit_web_hook_event.rb.
"""

from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    hmac_matches,
    require_secret,
)
from schemas.account_fields import Brand
from schemas.base import Record, message_id
from schemas.errors import Rejected
from schemas.message import Answering, Event, Handle, Party, Post

LIMIT = 32_000
_EVENTS = {
    "post_created": "",
    "post_edited": "edited",
    "post_destroyed": "deleted",
    "post_recovered": "edited",
}


class Account(Record, frozen=True, kw_only=True):
    """One forum."""

    brand: Brand = ""
    url: Annotated[str, msgspec.Meta(description="The forum's address.")] = ""
    secret: Annotated[
        str, msgspec.Meta(description="The webhook's secret, which proves the forum's calls.")
    ] = ""
    username: Annotated[
        str, msgspec.Meta(description="Our own user, whose posts are ignored and who answers.")
    ] = ""
    categories: Annotated[
        tuple[int, ...],
        msgspec.Meta(description="The numbers of the categories to read; none reads all."),
    ] = ()


class ForumPost(Record, frozen=True, kw_only=True):
    """A post of the forum."""

    id: Text = ""
    topic_id: Text = ""
    topic_slug: str | None = ""
    topic_title: str | None = ""
    category_id: Text = None
    post_number: Text = 1
    reply_to_post_number: Text = None
    user_id: Text = ""
    username: str | None = ""
    name: str | None = ""
    raw: str | None = None
    cooked: str | None = ""
    created_at: Text = None
    updated_at: Text = None
    version: Text = 1
    post_type: Text = 1
    topic_archetype: str | None = ""


class PostWebhook(Record, frozen=True, kw_only=True):
    """A call."""

    post: ForumPost | None = None


class ArchivedForumPost(Record, frozen=True, kw_only=True):
    """A post with what happened to it, as the archive keeps it."""

    event: str
    post: msgspec.Raw


class UnreadPostWebhook(Record, frozen=True, kw_only=True):
    """A call, its post not yet read."""

    post: msgspec.Raw = msgspec.Raw(b"null")


class Discourse:
    """The channel, and the hook of a forum."""

    name = "discourse"
    channel = "discourse"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = 4 * MIB
    account = Account
    takes = "posts of people, their edits and deletions"
    ignores = "our own posts and the system's, small actions, whispers and every other event"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.secret, "secret", "[channels.discourse.ACCOUNT]")
        return ("x-discourse-event-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of the forum's held."""
        secret = require_secret(settings.secret, "secret", "[channels.discourse.ACCOUNT]")
        told = request.headers.get("x-discourse-event-signature", "")
        if not told:
            raise Rejected("signature.missing", "no X-Discourse-Event-Signature")
        scheme, _, value = told.partition("=")
        if scheme != "sha256" or not hmac_matches(secret, value, request.body):
            raise Rejected("signature.wrong", "X-Discourse-Event-Signature is not of these bytes")
        context.report_proven()
        return _taken(request.body, request.headers.get("x-discourse-event", "post_created"))

    def take(self, body: bytes) -> WebhookResult:
        """Return the post in a captured body: without its headers it is taken for a new one."""
        return _taken(body, "post_created")

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one post."""
        told: Account = context.settings or Account()
        kept = decode_json(ArchivedForumPost, delivery.raw)
        post = decode_json(ForumPost, kept.post)
        why = _unwanted(post, told)
        if why:
            raise Rejected("delivery.ignored", why)
        number, kind = str(post.id or ""), _EVENTS.get(kept.event)
        if kind is None:
            raise Rejected("json.invalid", f"no event of a post: {kept.event[:40]!r}")
        if not number or not post.topic_id:
            raise Rejected("json.invalid", "a post without its id or its topic")
        of = message_id("discourse", f"discourse:{delivery.account}", number)
        native, event = number, None
        if kind == "edited":
            native, event = (
                f"{number}@{post.version}.{post.updated_at}",
                Event(kind="edited", of=of),
            )
        elif kind == "deleted":
            native, event = f"{number}:deleted", Event(kind="deleted", of=of)
        who = post.username or post.user_id
        text = post.raw if post.raw is not None else to_text(post.cooked or "")
        parent = str(post.reply_to_post_number) if post.reply_to_post_number else None
        link = f"{told.url}/t/{post.topic_slug or '-'}/{post.topic_id}/{post.post_number}"
        return Parsed(
            message=build_message(
                "discourse",
                delivery,
                context,
                native_id=native,
                kind="post",
                event=event,
                root=f"{post.topic_id}|{post.user_id}",
                subject=post.topic_title or "",
                text="" if kind == "deleted" else text,
                sender=Party(
                    name=post.name or post.username or "",
                    handles=(Handle(kind="handle", value=f"discourse:{who}"),),
                ),
                sent_at=parse_time(post.updated_at if event else post.created_at),
                post=Post(url=link if told.url else None, parent=parent),
                reply_to=f"{post.topic_id}|{post.post_number}",
                thread=(number,),
                answering=Answering(limit=LIMIT, public=post.topic_archetype != "private_message"),
            )
        )

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.secret:
            return None
        return f"Discourse: admin, API, Webhooks: payload URL {url}, JSON, post events, the secret"

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret=value)


def _taken(body: bytes, event: str) -> WebhookResult:
    post = decode_json(UnreadPostWebhook, body).post
    if bytes(post) == b"null":
        keys = decode_json(dict[str, msgspec.Raw], body).keys()
        return WebhookResult(ignored=("ping" if "ping" in keys else "other_event",))
    if event not in _EVENTS:
        return WebhookResult(ignored=("other_event",))
    return WebhookResult(
        deliveries=(msgspec.json.encode(ArchivedForumPost(event=event, post=post)),)
    )


def _unwanted(post: ForumPost, told: Account) -> str:
    """Return why a post is no customer's; empty when it is one."""
    if str(post.post_type or 1) != "1":
        return "no post of a person's"
    ours = (told.username or "").lower()
    if str(post.user_id).startswith("-") or (ours and (post.username or "").lower() == ours):
        return "our own"
    if told.categories and str(post.category_id) not in map(str, told.categories):
        return "another category"
    return ""
