"""Viber bots: the webhook of a bot.

Before: Viber calls /v1/hooks/viber/ACCOUNT. After: accept publishes. `delivered` comes for the
customer's own messages too, and is none. Source: developers.viber.com, REST bot API.
"""

from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Media, MediaClient, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_size, parse_time
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    hmac_matches,
    require_secret,
)
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party

LIMIT = 7000
_KNOWN = frozenset(
    {
        "webhook",
        "delivered",
        "seen",
        "failed",
        "subscribed",
        "unsubscribed",
        "conversation_started",
        "client_status",
        "action",
    }
)


class Account(Record, frozen=True, kw_only=True):
    """One bot."""

    brand: Brand = ""
    token: Annotated[
        str, msgspec.Meta(description="The bot's token, which also proves Viber's calls.")
    ] = ""


class Sender(Record, frozen=True, kw_only=True):
    """Who wrote."""

    id: str = ""
    name: str | None = ""


class ViberContact(Record, frozen=True, kw_only=True):
    """A contact that was shared."""

    name: str | None = ""
    phone_number: str | None = ""


class ViberLocation(Record, frozen=True, kw_only=True):
    """A place."""

    lat: Text = ""
    lon: Text = ""
    address: str | None = ""


class ViberMessage(Record, frozen=True, kw_only=True):
    """A message."""

    type: str = ""
    text: str | None = ""
    media: str | None = ""
    file_name: str | None = ""
    size: Text = 0
    contact: ViberContact | None = None
    location: ViberLocation | None = None


class ViberCallback(Record, frozen=True, kw_only=True):
    """A call."""

    event: str = ""
    timestamp: Text = None
    message_token: Text = ""
    sender: Sender | None = None
    message: ViberMessage | None = None
    chat_id: str | None = ""


class Viber:
    """The channel, and the hook of its vendor."""

    name = "viber"
    channel = "viber"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = MIB
    account = Account
    takes = "texts, pictures, videos, files, stickers, contacts, locations, links"
    ignores = "delivery and read receipts, subscriptions, and conversations without a message"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.token, "token", "[channels.viber.ACCOUNT]")
        return ("x-viber-content-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Viber's held."""
        token = require_secret(settings.token, "token", "[channels.viber.ACCOUNT]")
        told = request.headers.get("x-viber-content-signature", "")
        if not told:
            raise Rejected("signature.missing", "no X-Viber-Content-Signature")
        if not hmac_matches(token, told, request.body):
            raise Rejected("signature.wrong", "X-Viber-Content-Signature is not of these bytes")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the message in a body, unless it is none."""
        event = decode_json(ViberCallback, body).event
        if event == "message":
            return WebhookResult(deliveries=(body,))
        if not event:
            raise Rejected("json.invalid", "no call of Viber's: no event")
        return WebhookResult(ignored=(event if event in _KNOWN else "other_event",))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message in one call."""
        told = decode_json(ViberCallback, delivery.raw)
        who, words = told.sender or Sender(), told.message or ViberMessage()
        if not who.id or not told.message_token:
            raise Rejected("json.invalid", "a message without sender or token")
        text, shown = _words(words)
        file = words.media if words.type in ("picture", "video", "file", "sticker") else ""
        handles = [Handle(kind="handle", value=f"viber:{who.id}")]
        made = build_message(
            "viber",
            delivery,
            context,
            native_id=str(told.message_token),
            kind="chat",
            root=f"{told.chat_id or ''}/{who.id}",
            text=text,
            full_text=shown,
            sender=Party(name=who.name or "", handles=tuple(handles)),
            sent_at=parse_time(told.timestamp),
            reply_to=who.id,
            attachments=(_attachment(words),) if file else (),
            answering=Answering(
                limit=LIMIT,
                forbidden="a bot can't answer in a group chat" if told.chat_id else "",
            ),
            repaired=() if shown or file else ("content.unsupported",),
        )
        return Parsed(message=made, media=(Media(index=0, ref=file),) if file else ())

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: it lies at a public address for a while."""
        return await web.get(ref)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        return f"Viber: set_webhook with url {url}" if settings.token else None

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the bot's token."""
        return msgspec.structs.replace(settings, token=value)


def _words(words: ViberMessage) -> tuple[str, str]:
    if words.contact:
        name = words.contact.name or ""
        return name, f"{name} {words.contact.phone_number or ''}".strip()
    if words.location:
        text = words.location.address or ""
        return text, f"{text} ({words.location.lat},{words.location.lon})".strip()
    text = words.text or ""
    shown = words.media if words.type == "url" and words.media not in (None, text) else ""
    return text, "\n".join(t for t in (text, shown) if t)


def _attachment(words: ViberMessage) -> Attachment:
    kind = {"picture": "image/jpeg", "video": "video/mp4", "sticker": "image/png"}.get(
        words.type, "application/octet-stream"
    )
    return Attachment(
        name=words.file_name or words.type,
        type=kind,
        size=parse_size(words.size),
        sha256="",
        inline=words.type == "sticker",
    )
