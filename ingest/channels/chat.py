"""Web chat: the frames of the WebSocket protocol, and their Message.

Before: ingest/door/websocket.py holds the connection. After: accept publishes; the visitor's line
is marked as received only after Kafka's ack. A session is its id and a key signed by us, so that
any door can resume it without a look-up.
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

Token = Annotated[str, msgspec.Meta(pattern="^[0-9a-zA-Z_-]{1,64}$")]
LINE_LIMIT = 8000
"""Longest line a visitor may send, in characters."""


class Hello(Record, frozen=True, kw_only=True, tag="hello", tag_field="type"):
    """First frame: a new session, or one to resume with its key and the last reply seen."""

    session: Token | None = None
    key: str = ""
    after: str | None = None
    name: Annotated[str, msgspec.Meta(max_length=120)] = ""
    email: Annotated[str, msgspec.Meta(max_length=320)] = ""


class ChatLine(Record, frozen=True, kw_only=True, tag="message", tag_field="type"):
    """What the visitor wrote; `id` is the widget's own, the same when it sends again."""

    id: Token
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LINE_LIMIT)]


class ReplyShown(Record, frozen=True, kw_only=True, tag="seen", tag_field="type"):
    """The visitor's page shows that reply."""

    id: str


Frame = Hello | ChatLine | ReplyShown
_decoder: msgspec.json.Decoder[Hello | ChatLine | ReplyShown] = msgspec.json.Decoder(Frame)


class ArchivedChatLine(Record, frozen=True, kw_only=True):
    """The raw form of one line, as the archive keeps it."""

    session: Token
    line: ChatLine
    name: str = ""
    email: str = ""


class Account(Record, frozen=True, kw_only=True):
    """One widget."""

    brand: Brand = ""
    origins: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="The sites that may embed the widget; none allows any."),
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
        """Return the Message of one stored line."""
        try:
            told = msgspec.json.decode(delivery.raw, type=ArchivedChatLine)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Rejected("chat.bad_frame", str(error)) from error
        brand = (context.settings.brand if context.settings else "") or context.brand
        source = f"chat:{delivery.account}"
        native = f"{told.session}/{told.line.id}"
        handles = [Handle(kind="handle", value=f"chat:{told.session}")]
        if "@" in told.email:
            handles.append(Handle(kind="email", value=told.email.lower()))
        made = Message(
            id=message_id("chat", source, native),
            brand=brand,
            channel="chat",
            source=source,
            native_id=native,
            conversation=conversation_of(brand, told.session),
            kind="chat",
            sender=Party(name=told.name, handles=tuple(handles)),
            text=told.line.text,
            full_text=told.line.text,
            received_at=delivery.received_at,
        )
        return Parsed(message=made)


def conversation_of(brand: str, session: str) -> str:
    """Return the conversation of a chat session."""
    return conversation_id(brand, "chat", session)


def frame(data: str | bytes) -> Frame:
    """Return the frame; raise Rejected(chat.bad_frame) with what is wrong and where."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected("chat.bad_frame", str(error)) from error


def session_key(secret: bytes, session: str) -> str:
    """Return the key that proves a session to be ours."""
    return hmac.new(secret, f"chat.{session}".encode(), sha256).hexdigest()[:32]
