"""LINE: the webhook of an official account.

Before: LINE calls /v1/hooks/line/ACCOUNT. After: accept publishes. Redelivery is off by default:
what Kafka can't take is kept on disk. Source: developers.line.biz, Messaging API reference;
line/line-openapi webhook.yml.
"""

import base64
import hmac
import re
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_size, parse_time
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret
from schemas.account_fields import Brand
from schemas.base import Record, message_id
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Event, Handle, Party

LIMIT = 5000
_FILES = ("image", "video", "audio", "file")
_KNOWN = frozenset(
    {
        "follow",
        "unfollow",
        "join",
        "leave",
        "memberJoined",
        "memberLeft",
        "beacon",
        "accountLink",
        "things",
        "videoPlayComplete",
        "membership",
        "delivery",
        "activated",
        "deactivated",
        "botSuspended",
        "botResumed",
    }
)


class Account(Record, frozen=True, kw_only=True):
    """One official account."""

    brand: Brand = ""
    channel_secret: Annotated[
        str, msgspec.Meta(description="The channel secret, which proves LINE's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The channel access token, which fetches files.")
    ] = ""
    api: Annotated[str, msgspec.Meta(description="The address of LINE's file API.")] = (
        "https://api-data.line.me"
    )


class EventSource(Record, frozen=True, kw_only=True, rename="camel"):
    """Where and by whom it was said."""

    type: str = ""
    user_id: str | None = ""
    group_id: str | None = ""
    room_id: str | None = ""


class Provider(Record, frozen=True, kw_only=True, rename="camel"):
    """Who holds a file."""

    type: str = ""
    original_content_url: str | None = ""


class LineMessage(Record, frozen=True, kw_only=True, rename="camel"):
    """A message."""

    id: Text = ""
    type: str = ""
    text: str | None = ""
    file_name: str | None = ""
    file_size: Text = 0
    title: str | None = ""
    address: str | None = ""
    latitude: Text = ""
    longitude: Text = ""
    keywords: tuple[str, ...] = ()
    quoted_message_id: str | None = ""
    content_provider: Provider | None = None


class UnsentMessage(Record, frozen=True, kw_only=True, rename="camel"):
    """What was unsent."""

    message_id: Text = ""


class PostbackParams(Record, frozen=True, kw_only=True, rename="camel"):
    """What was chosen with it: a time, or a tab of our menu."""

    datetime: str | None = ""
    date: str | None = ""
    time: str | None = ""
    new_rich_menu_alias_id: str | None = ""


class LinePostback(Record, frozen=True, kw_only=True, rename="camel"):
    """A button that was touched."""

    params: PostbackParams | None = None

    data: str | None = ""
    display_text: str | None = ""


class LineEvent(Record, frozen=True, kw_only=True, rename="camel"):
    """An event."""

    type: str = ""
    timestamp: Text = None
    mode: str = ""
    webhook_event_id: str | None = ""
    source: EventSource = EventSource()
    message: LineMessage | None = None
    postback: LinePostback | None = None
    unsend: UnsentMessage | None = None


class LineWebhook(Record, frozen=True, kw_only=True):
    """The body of a call; without events it is the console's check."""

    destination: str | None = ""
    events: tuple[msgspec.Raw, ...]


class ArchivedLineEvent(Record, frozen=True, kw_only=True):
    """An event with the account it is for, as the archive keeps it."""

    destination: str = ""
    event: msgspec.Raw


class Line:
    """The channel, and the hook of its vendor."""

    name = "line"
    channel = "line"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = 2 * MIB
    account = Account
    takes = "texts, pictures, videos, sound, files, stickers, locations, button taps, withdrawals"
    ignores = "follows, joins, beacons, read receipts and every other event"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.channel_secret, "channel_secret", "[channels.line.ACCOUNT]")
        return ("x-line-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of LINE's held."""
        secret = require_secret(
            settings.channel_secret, "channel_secret", "[channels.line.ACCOUNT]"
        )
        told = request.headers.get("x-line-signature", "")
        if not told:
            raise Rejected("signature.missing", "no x-line-signature")
        due = base64.b64encode(hmac.new(secret.encode(), request.body, sha256).digest())
        if not hmac.compare_digest(told.strip().encode("utf-8", "replace"), due):
            raise Rejected("signature.wrong", "x-line-signature is not of these bytes")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body; Rejected when it is no webhook's."""
        made: list[bytes] = []
        ignored: list[str] = []
        told = decode_json(LineWebhook, body)
        for raw in told.events:
            try:
                kind = decode_json(LineEvent, raw).type
            except Rejected:
                kind = "message"  # its dead letter will tell what is wrong with it
            if kind == "postback" and b'"newRichMenuAliasId"' in bytes(raw):
                ignored.append("menu_tab")
            elif kind in ("message", "postback", "unsend"):
                stored = ArchivedLineEvent(destination=told.destination or "", event=raw)
                made.append(msgspec.json.encode(stored))
            else:
                ignored.append(kind if kind in _KNOWN else "other_event")
        if not told.events:
            ignored.append("handshake")
        return WebhookResult(deliveries=tuple(made), ignored=tuple(ignored))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one event."""
        stored = decode_json(ArchivedLineEvent, delivery.raw)
        told = decode_json(LineEvent, stored.event)
        source = told.source
        place = source.group_id or source.room_id or source.user_id or ""
        if not place:
            raise Rejected("json.invalid", "nobody wrote it - at `$.source`")
        native, event, text, shown = _told(told, delivery)
        words = told.message or LineMessage()
        file = words.type in _FILES
        who = (Handle(kind="handle", value=f"line:{source.user_id}"),) if source.user_id else ()
        made = build_message(
            "line",
            delivery,
            context,
            native_id=native,
            kind="chat",
            text=text,
            event=event,
            root=f"{stored.destination}/{place}/{source.user_id or ''}",
            sender=Party(handles=who),
            full_text=shown,
            sent_at=parse_time(told.timestamp),
            reply_to=place,
            thread=(words.quoted_message_id,) if words.quoted_message_id else (),
            attachments=(_attachment(words),) if file else (),
            answering=Answering(
                limit=LIMIT,
                public=bool(source.group_id or source.room_id),
                forbidden="another app answers this chat" if told.mode == "standby" else "",
            ),
            repaired=() if shown or file or event else ("content.unsupported",),
        )
        return Parsed(message=made, media=(Media(index=0, ref=_ref(words)),) if file else ())

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: from LINE with our token, or from where else it lies."""
        if ref.startswith("https://"):
            return await web.get(ref)
        if not settings.token or not re.fullmatch(r"\d{1,40}", ref):
            raise Rejected("media.refused", "set `token` in [channels.line.ACCOUNT]")
        secret = {"authorization": f"Bearer {settings.token}"}
        url = f"{settings.api}/v2/bot/message/{ref}/content"
        return await web.get(url, own=settings.api, secret=secret)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.channel_secret:
            return None
        return f"LINE: console, Messaging API: webhook URL {url}, use webhook, redelivery on"

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the channel secret."""
        return msgspec.structs.replace(settings, channel_secret=value)


def _told(told: LineEvent, delivery: Delivery) -> tuple[str, Event | None, str, str]:
    """Return native id, what it touches, words, and how they are shown."""
    if told.unsend:
        number = str(told.unsend.message_id or "")
        if not number:
            raise Rejected("json.invalid", "unsent, and it is not said what")
        of = message_id("line", f"line:{delivery.account}", number)
        return f"{number}:deleted", Event(kind="deleted", of=of), "", ""
    if told.postback:
        chosen = told.postback.params or PostbackParams()
        at = chosen.datetime or chosen.date or chosen.time or ""
        words = " ".join(t for t in (told.postback.display_text or told.postback.data, at) if t)
        if not told.webhook_event_id:
            raise Rejected("json.invalid", "a tap without its id")
        return told.webhook_event_id, None, words, words
    words_of = told.message or LineMessage()
    if not words_of.id:
        raise Rejected("json.invalid", "a message without its id")
    text = words_of.text or ""
    shown = text
    if words_of.type == "location":
        text = ", ".join(t for t in (words_of.title, words_of.address) if t)
        shown = f"{text} ({words_of.latitude},{words_of.longitude})"
    elif words_of.type == "sticker":
        shown = f"[{', '.join(words_of.keywords[:5]) or 'sticker'}]"
    return str(words_of.id), None, text, shown


def _ref(words: LineMessage) -> str:
    provider = words.content_provider
    if provider and provider.type == "external" and provider.original_content_url:
        return provider.original_content_url
    return str(words.id)


def _attachment(words: LineMessage) -> Attachment:
    kind = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mp4"}.get(
        words.type, "application/octet-stream"
    )
    return Attachment(
        name=words.file_name or words.type,
        type=kind,
        sha256="",
        size=parse_size(words.file_size),
    )
