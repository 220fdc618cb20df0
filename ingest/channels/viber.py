"""Viber bots, by the webhook of a bot.

Viber calls /v1/hooks/viber/ACCOUNT. It also sends `delivered` for the customer's own messages,
which is ignored.
Source: developers.viber.com, REST bot API.
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
    check_body_signature,
    require_secret,
)
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party

_MAX_ANSWER_CHARS = 7000  # Viber refuses longer texts
_SIGNATURE_HEADER = "X-Viber-Content-Signature"
_FILE_TYPES = ("picture", "video", "file", "sticker")
_MIME_TYPES = {"picture": "image/jpeg", "video": "video/mp4", "sticker": "image/png"}
_OTHER_EVENTS = frozenset(
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


class MessageSender(Record, frozen=True, kw_only=True):
    """The person who wrote a message."""

    id: str = ""
    name: str | None = ""


class ViberContact(Record, frozen=True, kw_only=True):
    """A contact that a person shared."""

    name: str | None = ""
    phone_number: str | None = ""


class ViberLocation(Record, frozen=True, kw_only=True):
    """A location that a person shared."""

    lat: Text = ""
    lon: Text = ""
    address: str | None = ""


class ViberMessage(Record, frozen=True, kw_only=True):
    """A message; `media` is the address of its file or link."""

    type: str = ""
    text: str | None = ""
    media: str | None = ""
    file_name: str | None = ""
    size: Text = 0
    contact: ViberContact | None = None
    location: ViberLocation | None = None


class ViberCallback(Record, frozen=True, kw_only=True):
    """The body of a call. `message_token` is the id of its message, `chat_id` of a group chat."""

    event: str = ""
    timestamp: Text = None
    message_token: Text = ""
    sender: MessageSender | None = None
    message: ViberMessage | None = None
    chat_id: str | None = ""


class Viber:
    """The channel of Viber bots."""

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
        """Return the header of the signature; raise Rejected without a configured token."""
        _token(settings)
        return (_SIGNATURE_HEADER.lower(),)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the message of a call."""
        check_body_signature(request, _SIGNATURE_HEADER, (_token(settings),))
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the message in a body, or the reason to ignore it."""
        event = decode_json(ViberCallback, body).event
        if event == "message":
            return WebhookResult(deliveries=(body,))
        if not event:
            raise Rejected("json.invalid", "not a call of Viber: `event` is missing")
        return WebhookResult(ignored=(event if event in _OTHER_EVENTS else "other_event",))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one call."""
        callback = decode_json(ViberCallback, delivery.raw)
        sender = callback.sender or MessageSender()
        message = callback.message or ViberMessage()
        if not sender.id or not callback.message_token:
            raise Rejected("json.invalid", "a message without sender or token")
        text, full_text = _read_text(message)
        file_url = message.media if message.type in _FILE_TYPES else ""
        result = build_message(
            "viber",
            delivery,
            context,
            native_id=str(callback.message_token),
            kind="chat",
            root=f"{callback.chat_id or ''}/{sender.id}",
            text=text,
            full_text=full_text,
            sender=Party(
                name=sender.name or "",
                handles=(Handle(kind="handle", value=f"viber:{sender.id}"),),
            ),
            sent_at=parse_time(callback.timestamp),
            reply_to=sender.id,
            attachments=(_describe_file(message),) if file_url else (),
            answering=Answering(
                limit=_MAX_ANSWER_CHARS,
                forbidden="a bot can't answer in a group chat" if callback.chat_id else "",
            ),
            repaired=() if full_text or file_url else ("content.unsupported",),
        )
        media = (Media(index=0, ref=file_url),) if file_url else ()
        return Parsed(message=result, media=media)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file from its public address, which expires after a while."""
        return await web.get(ref)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a token."""
        return f"Viber: set_webhook with url {url}" if settings.token else None

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the bot's token."""
        return msgspec.structs.replace(settings, token=value)


def _token(settings: Account) -> str:
    return require_secret(settings.token, "token", "[channels.viber.ACCOUNT]")


def _read_text(message: ViberMessage) -> tuple[str, str]:
    """Return the text and the full text of a message."""
    if message.contact:
        name = message.contact.name or ""
        return name, f"{name} {message.contact.phone_number or ''}".strip()
    if message.location:
        address = message.location.address or ""
        return address, f"{address} ({message.location.lat},{message.location.lon})".strip()
    text = message.text or ""
    link = message.media if message.type == "url" and message.media not in (None, text) else ""
    return text, "\n".join(t for t in (text, link) if t)


def _describe_file(message: ViberMessage) -> Attachment:
    return Attachment(
        name=message.file_name or message.type,
        type=_MIME_TYPES.get(message.type, "application/octet-stream"),
        size=parse_size(message.size),
        sha256="",
        inline=message.type == "sticker",
    )
