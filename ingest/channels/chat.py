"""Web chat: the frames of the WebSocket protocol, and the Message of a visitor's line.

ingest/door/websocket.py has the connection, and acknowledges a line once Kafka has its message. A
session is an id with a key that we sign, so that any door can resume it without a look-up.
"""

import hmac
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed
from schemas.account_fields import Brand
from schemas.base import Record, conversation_id, message_id
from schemas.errors import Rejected
from schemas.message import Handle, Message, Party

MAX_LINE_CHARS = 8000
"""The longest line that a visitor may send: three pages of text."""

_KEY_CHARS = 32  # 128 bits of the HMAC

FrameId = Annotated[str, msgspec.Meta(pattern="^[0-9a-zA-Z_-]{1,64}$")]


class Hello(Record, frozen=True, kw_only=True, tag="hello", tag_field="type"):
    """The first frame, for a new session, or for one to resume with its key and the last reply."""

    session: FrameId | None = None
    key: str = ""
    after: str | None = None
    name: Annotated[str, msgspec.Meta(max_length=120)] = ""
    email: Annotated[str, msgspec.Meta(max_length=320)] = ""


class ChatLine(Record, frozen=True, kw_only=True, tag="message", tag_field="type"):
    """A line of the visitor; `id` is the widget's own, and the same in a repeated line."""

    id: FrameId
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LINE_CHARS)]


class ReplyShown(Record, frozen=True, kw_only=True, tag="seen", tag_field="type"):
    """The visitor's page shows the reply with this id."""

    id: str


Frame = Hello | ChatLine | ReplyShown
_DECODER: msgspec.json.Decoder[Hello | ChatLine | ReplyShown] = msgspec.json.Decoder(Frame)


class ArchivedChatLine(Record, frozen=True, kw_only=True):
    """A line with its session, as the archive keeps it."""

    session: FrameId
    line: ChatLine
    name: str = ""
    email: str = ""


class Account(Record, frozen=True, kw_only=True):
    """One widget."""

    brand: Brand = ""
    origins: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="The sites that may embed the widget; an empty list allows every site."
        ),
    ] = ()


class Chat:
    """The channel of the web widget."""

    name = "chat"
    takes = "lines that visitors write in the web widget"
    ignores = "other frames, such as greetings and read receipts"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    account = Account

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived line."""
        try:
            archived = msgspec.json.decode(delivery.raw, type=ArchivedChatLine)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Rejected("chat.bad_frame", str(error)) from error
        brand = (context.settings.brand if context.settings else "") or context.brand
        source = f"chat:{delivery.account}"
        native_id = f"{archived.session}/{archived.line.id}"
        handles = [Handle(kind="handle", value=f"chat:{archived.session}")]
        if "@" in archived.email:
            handles.append(Handle(kind="email", value=archived.email.lower()))
        message = Message(
            id=message_id("chat", source, native_id),
            brand=brand,
            channel="chat",
            source=source,
            native_id=native_id,
            conversation=conversation_of(brand, archived.session),
            kind="chat",
            sender=Party(name=archived.name, handles=tuple(handles)),
            text=archived.line.text,
            full_text=archived.line.text,
            received_at=delivery.received_at,
        )
        return Parsed(message=message)


def conversation_of(brand: str, session: str) -> str:
    """Return the conversation of a chat session."""
    return conversation_id(brand, "chat", session)


def decode_frame(data: str | bytes) -> Frame:
    """Return the frame; raise Rejected(chat.bad_frame) with the error and its path."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected("chat.bad_frame", str(error)) from error


def session_key(secret: bytes, session: str) -> str:
    """Return the key that proves a session to be ours."""
    return hmac.new(secret, f"chat.{session}".encode(), sha256).hexdigest()[:_KEY_CHARS]
