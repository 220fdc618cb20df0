"""Slack: messages of the channels our app is in, by the Events API.

Before: Slack calls /v1/hooks/slack/ACCOUNT. After: accept publishes. Slack wants its answer within
three seconds and gives up after an hour: what Kafka can't take is kept on disk. A mention comes as
two events of one message: the message's own place is its id. Source: docs.slack.dev, Events API,
verifying requests.
"""

import html
import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from ingest.channel import (
    Context,
    Delivery,
    HintKind,
    Media,
    MediaClient,
    Parsed,
    build_message,
    event_for,
)
from ingest.parsing.json_values import Text, decode_json, parse_size, parse_time
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    check_timestamp,
    hmac_matches,
    require_secret,
)
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party

WINDOW = timedelta(minutes=5)
LIMIT = 40_000
HOSTS = ("slack.com", "slack-files.com")
_BOT = "USLACKBOT"
_WORDS = frozenset({"", "file_share", "thread_broadcast", "me_message"})
_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


class Account(Record, frozen=True, kw_only=True):
    """One app in a workspace."""

    brand: Brand = ""
    signing_secret: Annotated[
        str, msgspec.Meta(description="The app's signing secret, which proves Slack's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The bot token (xoxb-…), which fetches files.")
    ] = ""
    bot_user: Annotated[
        str, msgspec.Meta(description="The id of our own user, whose messages are ignored.")
    ] = ""
    api: ApiAddress = "https://slack.com/api"


class File(Record, frozen=True, kw_only=True):
    """A file; of another workspace's (Slack Connect) only the id is told."""

    id: str = ""
    name: str | None = ""
    mimetype: str | None = ""
    size: Text = 0
    url_private_download: str | None = ""
    url_private: str | None = ""


class Share(Record, frozen=True, kw_only=True):
    """A message that was passed on."""

    text: str | None = ""
    from_url: str | None = ""
    is_share: bool = False
    is_msg_unfurl: bool = False


class Found(Record, frozen=True, kw_only=True):
    """The answer to files.info."""

    file: File = File()


class Edited(Record, frozen=True, kw_only=True):
    """When it was edited."""

    ts: str = ""


class Said(Record, frozen=True, kw_only=True):
    """An event: a message, or one about a message."""

    type: str = ""
    subtype: str | None = ""
    channel: str | None = ""
    channel_type: str | None = ""
    user: str | None = ""
    bot_id: str | None = None
    app_id: str | None = None
    text: str | None = ""
    ts: str = ""
    thread_ts: str | None = ""
    event_ts: str | None = ""
    deleted_ts: str | None = ""
    hidden: bool = False
    files: tuple[File, ...] = ()
    attachments: tuple[Share, ...] = ()
    blocks: msgspec.Raw = msgspec.Raw(b"[]")
    edited: Edited | None = None
    message: "Said | None" = None
    previous_message: "Said | None" = None
    reaction: str | None = ""
    item: "Place | None" = None


class Place(Record, frozen=True, kw_only=True):
    """What a reaction is about."""

    channel: str | None = ""
    ts: str | None = ""


class Body(Record, frozen=True, kw_only=True):
    """The body of a call."""

    type: str = ""
    challenge: str = ""
    team_id: str | None = ""
    event: msgspec.Raw = msgspec.Raw(b"null")


class Stored(Record, frozen=True, kw_only=True):
    """An event with its workspace, as the archive keeps it."""

    team: str
    event: msgspec.Raw


class Slack:
    """The channel, and the hook of its vendor."""

    name = "slack"
    channel = "slack"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = MIB
    account = Account
    takes = "messages of people with files, edits, deletions, reactions"
    ignores = "messages of bots and our own, joins, topics, unfurled links, commands and buttons"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.signing_secret, "signing_secret", "[channels.slack.ACCOUNT]")
        return ("x-slack-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Slack's held, or the answer to its challenge."""
        secret = require_secret(
            settings.signing_secret, "signing_secret", "[channels.slack.ACCOUNT]"
        )
        stamp = request.headers.get("x-slack-request-timestamp", "")
        told = request.headers.get("x-slack-signature", "")
        if not stamp or not told:
            raise Rejected("signature.missing", "no X-Slack-Signature with its time")
        version, _, value = told.partition("=")
        parts = (b"v0:", stamp.encode("utf-8", "replace"), b":", request.body)
        if version != "v0" or not hmac_matches(secret, value, *parts):
            raise Rejected("signature.wrong", "X-Slack-Signature is not of these bytes")
        check_timestamp(stamp, context.now, WINDOW, "X-Slack-Request-Timestamp")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return WebhookResult(ignored=("command",), response=WebhookResponse(body=b""))
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the event in a body, unless it is no person's message."""
        told = decode_json(Body, body)
        if told.type == "url_verification":
            return WebhookResult(
                ignored=("handshake",),
                response=WebhookResponse(body=told.challenge.encode()[:1024]),
            )
        if told.type != "event_callback":
            if not told.type:
                raise Rejected("json.invalid", "no call of Slack's: no type")
            known = told.type if told.type == "app_rate_limited" else "other_kind"
            return WebhookResult(ignored=(known,))
        try:
            why = _no_message(decode_json(Said, told.event))
        except Rejected:
            why = ""  # its dead letter will tell what is wrong with it
        if why:
            return WebhookResult(ignored=(why,))
        stored = Stored(team=told.team_id or "", event=told.event)
        return WebhookResult(deliveries=(msgspec.json.encode(stored),))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one stored event."""
        stored = decode_json(Stored, delivery.raw)
        told: Account = context.settings or Account()
        said = decode_json(Said, stored.event)
        if said.message and said.message.subtype == "tombstone" and said.previous_message:
            said = msgspec.structs.replace(
                said, subtype="message_deleted", deleted_ts=said.message.ts, message=None
            )
        inner = said.message or said.previous_message or said
        who = said.user if said.type.startswith("reaction") else inner.user
        if told.bot_user and who == told.bot_user:
            raise Rejected("delivery.ignored", "our own")
        if said.type.startswith("reaction"):
            return _reacted(said, stored.team, delivery, context)
        channel = said.channel or ""
        if not channel or not inner.user or not inner.ts:
            raise Rejected("json.invalid", "a message without channel, person or time")
        return _said(said, inner, stored.team, channel, delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file; a page instead of it means that a permission is missing."""
        if not settings.token:
            raise Rejected("media.refused", "set `token` in [channels.slack.ACCOUNT]")
        secret = {"authorization": f"Bearer {settings.token}"}
        kind, _, url = ref.partition("|")
        if kind == "id":
            url = f"{settings.api}/files.info?file={quote(url, safe='')}"
            told = decode_json(
                Found, await web.get(url, own=settings.api, secret=secret, hosts=HOSTS)
            )
            url = _address(told.file)
        found = await web.get(url, own=settings.api, secret=secret, hosts=HOSTS)
        if kind != "html" and found[:200].lstrip().lower().startswith(
            (b"<!doctype html", b"<html")
        ):
            raise Rejected("media.refused", "Slack sent its sign-in page: add the scope files:read")
        return found

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.signing_secret:
            return None
        return (
            f"Slack: app settings, Event Subscriptions: request URL {url}, events "
            "message.channels, message.groups, message.im, message.mpim"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the signing secret."""
        return msgspec.structs.replace(settings, signing_secret=value)


def _no_message(said: Said) -> str:
    """Return why an event is no person's message; empty when it is one."""
    if said.type in ("reaction_added", "reaction_removed"):
        return ""
    if said.type not in ("message", "app_mention"):
        return "other_event"
    inner = said.message or said.previous_message or said
    if inner.subtype == "tombstone":
        # The first message of a thread was deleted: what is left speaks for Slackbot.
        before = said.previous_message
        return "" if before and before.user and before.user != _BOT else "unknown_deletion"
    if (
        _BOT in (said.user, inner.user)
        or said.bot_id
        or inner.bot_id
        or "bot_message" in (said.subtype, inner.subtype)
    ):
        return "bot"
    if said.subtype == "message_changed":
        before, now = said.previous_message or Said(), said.message or Said()
        edited = now.edited is not None and now.edited != before.edited
        return "unfurled" if now.text == before.text and not edited else ""
    if said.subtype == "message_deleted":
        return "" if said.previous_message and said.previous_message.user else "unknown_deletion"
    return "" if (said.subtype or "") in _WORDS else "notice"


def _native(team: str, channel: str, ts: str) -> str:
    return f"{team}/{channel}/{ts}"


def _said(
    said: Said, inner: Said, team: str, channel: str, delivery: Delivery, context: Context[Account]
) -> Parsed:
    own = _native(team, channel, said.deleted_ts or inner.ts)
    native, event = own, None
    if said.subtype == "message_changed":
        native = f"{own}:edit:{inner.edited.ts if inner.edited else said.event_ts or said.ts}"
        event = event_for("slack", delivery, "edited", own)
    elif said.subtype == "message_deleted":
        native, event = f"{own}:deleted", event_for("slack", delivery, "deleted", own)
    gone = said.subtype == "message_deleted"
    text = "" if gone else plain(inner.text or "")
    shares = (
        ""
        if gone
        else "\n".join(
            plain(s.text or "") for s in inner.attachments if s.is_share or s.is_msg_unfurl
        )
    )
    files = () if gone else inner.files
    root = inner.thread_ts or inner.ts
    personal = channel.startswith("D")
    made = build_message(
        "slack",
        delivery,
        context,
        native_id=native,
        kind="chat",
        text=text or shares,
        full_text="\n".join(t for t in (text, shares) if t),
        event=event,
        root=f"{team}/{channel}" + ("" if personal else f"/{root}"),
        sender=Party(handles=(Handle(kind="handle", value=f"slack:{inner.user}"),)),
        sent_at=parse_time(inner.ts),
        thread=(inner.ts,),
        reply_to=f"{channel}/{'' if personal and not inner.thread_ts else root}",
        attachments=tuple(_attachment(f) for f in files),
        answering=Answering(limit=LIMIT, public=not personal),
        repaired=() if text or shares or files or event else ("content.unsupported",),
    )
    media = tuple(Media(index=i, ref=_ref(f)) for i, f in enumerate(files))
    return Parsed(message=made, media=media)


def _address(file: File) -> str:
    return file.url_private_download or file.url_private or ""


def _ref(file: File) -> str:
    """Return what a file is fetched by; a page may come only where a page is meant."""
    if not _address(file):
        return f"id|{file.id}"
    return f"{'html' if 'html' in (file.mimetype or '') else 'url'}|{_address(file)}"


def _reacted(said: Said, team: str, delivery: Delivery, context: Context[Account]) -> Parsed:
    place = said.item or Place()
    if not place.channel or not place.ts or not said.user:
        raise Rejected("delivery.ignored", "a reaction to something that is no message")
    own = _native(team, place.channel, place.ts)
    added = said.type == "reaction_added"
    root = f"{team}/{place.channel}" + ("" if place.channel.startswith("D") else f"/{place.ts}")
    made = build_message(
        "slack",
        delivery,
        context,
        kind="chat",
        root=root,
        native_id=f"{own}:{said.type}:{said.user}:{said.reaction}:{said.event_ts}",
        text=f":{said.reaction}:" if added else "",
        sender=Party(handles=(Handle(kind="handle", value=f"slack:{said.user}"),)),
        sent_at=parse_time(said.event_ts),
        event=event_for("slack", delivery, "reaction", own),
    )
    return Parsed(message=made)


def plain(text: str) -> str:
    """Return Slack's markup as it is read: links in full, names of people as their ids."""

    def one(found: re.Match[str]) -> str:
        mark, target, label = found[1], found[2], found[3]
        if mark in ("@", "#"):
            return f"{mark}{label or target}"
        if mark == "!":
            return f"@{label or target}"
        target = target.removeprefix("mailto:").removeprefix("tel:")
        return target if not label or label == target else f"{label} ({target})"

    return html.unescape(_TOKEN.sub(one, text))


def _attachment(file: File) -> Attachment:
    return Attachment(
        name=file.name or "file",
        type=file.mimetype or "application/octet-stream",
        sha256="",
        size=parse_size(file.size),
    )
