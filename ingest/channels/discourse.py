"""Posts of a Discourse forum, by its webhook.

A forum calls /v1/hooks/discourse/ACCOUNT. Most forums do not repeat a call, so the spool keeps the
deliveries while Kafka is away. Each attempt has a new event id, so the post and its version are the
native id.
Source: discourse/discourse, emit_web_hook_event.rb.
"""

from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message, event_for
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    check_body_signature,
    require_secret,
)
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Event, Handle, Party, Post

_MAX_ANSWER_CHARS = 32_000  # a forum's own default limit of a post
_MAX_SHOWN_CHARS = 40  # enough of an event's name to recognise it
_SIGNATURE_HEADER = "X-Discourse-Event-Signature"
_CREATED = "post_created"
_EVENTS: dict[str, Literal["created", "edited", "deleted"]] = {
    _CREATED: "created",
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
    """A post. The type 1 is a person's; `raw` is its Markdown, `cooked` its HTML."""

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
    """The body of a call about a post."""

    post: msgspec.Raw = msgspec.Raw(b"null")


class ArchivedForumPost(Record, frozen=True, kw_only=True):
    """A post with the name of its event, as the archive keeps it."""

    event: str
    post: msgspec.Raw


class Discourse:
    """The channel of Discourse forums."""

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
        """Return the header of the signature; raise Rejected without a configured secret."""
        _secret(settings)
        return (_SIGNATURE_HEADER.lower(),)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the post of a call."""
        check_body_signature(request, _SIGNATURE_HEADER, (_secret(settings),), "sha256=")
        context.report_proven()
        return _select_post(request.body, request.headers.get("x-discourse-event", _CREATED))

    def take(self, body: bytes) -> WebhookResult:
        """Return the post in a captured body, which counts as new without its headers."""
        return _select_post(body, _CREATED)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived post."""
        settings: Account = context.settings or Account()
        archived = decode_json(ArchivedForumPost, delivery.raw)
        post = decode_json(ForumPost, archived.post)
        reason = _reason_to_ignore(post, settings)
        if reason:
            raise Rejected("delivery.ignored", reason)
        native_id, event = _native_id(archived.event, post, delivery)
        is_deleted = event is not None and event.kind == "deleted"
        text = post.raw if post.raw is not None else to_text(post.cooked or "")
        result = build_message(
            "discourse",
            delivery,
            context,
            native_id=native_id,
            kind="post",
            event=event,
            root=f"{post.topic_id}|{post.user_id}",
            subject=post.topic_title or "",
            text="" if is_deleted else text,
            sender=_party(post),
            sent_at=parse_time(post.updated_at if event else post.created_at),
            post=_describe_post(post, settings),
            reply_to=f"{post.topic_id}|{post.post_number}",
            thread=(str(post.id),),
            answering=Answering(
                limit=_MAX_ANSWER_CHARS, public=post.topic_archetype != "private_message"
            ),
        )
        return Parsed(message=result)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a secret."""
        if not settings.secret:
            return None
        return f"Discourse: admin, API, Webhooks: payload URL {url}, JSON, post events, the secret"

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret=value)


def _secret(settings: Account) -> str:
    return require_secret(settings.secret, "secret", "[channels.discourse.ACCOUNT]")


def _select_post(body: bytes, event: str) -> WebhookResult:
    """Return the post in a body, or the reason to ignore it."""
    post = decode_json(PostWebhook, body).post
    if bytes(post) == b"null":
        keys = decode_json(dict[str, msgspec.Raw], body).keys()
        return WebhookResult(ignored=("ping" if "ping" in keys else "other_event",))
    if event not in _EVENTS:
        return WebhookResult(ignored=("other_event",))
    archived = msgspec.json.encode(ArchivedForumPost(event=event, post=post))
    return WebhookResult(deliveries=(archived,))


def _reason_to_ignore(post: ForumPost, settings: Account) -> str:
    """Return why a post is not a customer's, empty for a customer's post."""
    if str(post.post_type or 1) != "1":
        return "not a person's post"
    ours = (settings.username or "").lower()
    is_system = str(post.user_id).startswith("-")
    if is_system or (ours and (post.username or "").lower() == ours):
        return "our own post"
    if settings.categories and str(post.category_id) not in map(str, settings.categories):
        return "another category"
    return ""


def _native_id(name: str, post: ForumPost, delivery: Delivery) -> tuple[str, Event | None]:
    """Return the native id of an event, and the edit or deletion that it reports."""
    kind = _EVENTS.get(name)
    number = str(post.id or "")
    if kind is None:
        raise Rejected("json.invalid", f"not an event of a post: {name[:_MAX_SHOWN_CHARS]!r}")
    if not number or not post.topic_id:
        raise Rejected("json.invalid", "a post without its id or its topic")
    if kind == "edited":
        version = f"{post.version}.{post.updated_at}"
        return f"{number}@{version}", event_for("discourse", delivery, "edited", number)
    if kind == "deleted":
        return f"{number}:deleted", event_for("discourse", delivery, "deleted", number)
    return number, None


def _party(post: ForumPost) -> Party:
    handle = Handle(kind="handle", value=f"discourse:{post.username or post.user_id}")
    return Party(name=post.name or post.username or "", handles=(handle,))


def _describe_post(post: ForumPost, settings: Account) -> Post:
    """Return the post's address, which needs the forum's, and the number of the answered post."""
    url = f"{settings.url}/t/{post.topic_slug or '-'}/{post.topic_id}/{post.post_number}"
    parent = str(post.reply_to_post_number) if post.reply_to_post_number else None
    return Post(url=url if settings.url else None, parent=parent)
