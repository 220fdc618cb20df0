"""Makes a Message of an archived event: of a message, a tap or a withdrawal. Pure."""

from typing import NamedTuple

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.line import wire
from ingest.channels.line.account import Account
from ingest.parsing.json_values import decode_json, parse_size, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Event, Handle, Party

_MAX_ANSWER_CHARS = 5000  # LINE refuses longer texts
_MAX_KEYWORDS = 5  # enough to understand a sticker, of which LINE sends up to 15
_FILE_TYPES = ("image", "video", "audio", "file")
_MIME_TYPES = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mp4"}


class _Content(NamedTuple):
    """The native id, the event and the texts of an event."""

    native_id: str
    event: Event | None = None
    text: str = ""
    full_text: str = ""


def parse_event(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of an archived event; raise Rejected."""
    archived = decode_json(wire.ArchivedLineEvent, delivery.raw)
    event = decode_json(wire.LineEvent, archived.event)
    source = event.source
    chat = source.group_id or source.room_id or source.user_id or ""
    if not chat:
        raise Rejected("json.invalid", "no person and no chat - at `$.source`")
    content = _read_content(event, delivery)
    message = event.message or wire.MessageContent()
    is_file = message.type in _FILE_TYPES
    result = build_message(
        "line",
        delivery,
        context,
        native_id=content.native_id,
        kind="chat",
        text=content.text,
        event=content.event,
        root=f"{archived.destination}/{chat}/{source.user_id or ''}",
        sender=_party(source.user_id),
        full_text=content.full_text,
        sent_at=parse_time(event.timestamp),
        reply_to=chat,
        thread=(message.quoted_message_id,) if message.quoted_message_id else (),
        attachments=(_describe_file(message),) if is_file else (),
        answering=_answering(event),
        repaired=() if content.full_text or is_file or content.event else ("content.unsupported",),
    )
    media = (Media(index=0, ref=_media_ref(message)),) if is_file else ()
    return Parsed(message=result, media=media)


def _read_content(event: wire.LineEvent, delivery: Delivery) -> _Content:
    """Return the content of an event; raise Rejected without an id."""
    if event.unsend:
        number = str(event.unsend.message_id or "")
        if not number:
            raise Rejected("json.invalid", "a withdrawal without the id of a message")
        return _Content(f"{number}:deleted", event_for("line", delivery, "deleted", number))
    if event.postback:
        if not event.webhook_event_id:
            raise Rejected("json.invalid", "a tap without its id")
        text = _read_tap(event.postback)
        return _Content(event.webhook_event_id, text=text, full_text=text)
    message = event.message or wire.MessageContent()
    if not message.id:
        raise Rejected("json.invalid", "a message without its id")
    text, full_text = _read_text(message)
    return _Content(str(message.id), text=text, full_text=full_text)


def _read_tap(tap: wire.PostbackContent) -> str:
    """Return the label of a button, or its data, with the time that the person chose."""
    params = tap.params or wire.PostbackParams()
    time = params.datetime or params.date or params.time or ""
    return " ".join(t for t in (tap.display_text or tap.data, time) if t)


def _read_text(message: wire.MessageContent) -> tuple[str, str]:
    """Return the text and the full text of a message."""
    text = message.text or ""
    if message.type == "location":
        text = ", ".join(t for t in (message.title, message.address) if t)
        return text, f"{text} ({message.latitude},{message.longitude})"
    if message.type == "sticker":
        return text, f"[{', '.join(message.keywords[:_MAX_KEYWORDS]) or 'sticker'}]"
    return text, text


def _party(user_id: str | None) -> Party:
    """Return the sender; LINE names no person in a group chat who has not consented to it."""
    return Party(handles=(Handle(kind="handle", value=f"line:{user_id}"),) if user_id else ())


def _answering(event: wire.LineEvent) -> Answering:
    return Answering(
        limit=_MAX_ANSWER_CHARS,
        public=bool(event.source.group_id or event.source.room_id),
        forbidden="another app answers this chat" if event.mode == "standby" else "",
    )


def _media_ref(message: wire.MessageContent) -> str:
    """Return the address of a file that LINE does not hold, or else the id of its message."""
    provider = message.content_provider
    if provider and provider.type == "external" and provider.original_content_url:
        return provider.original_content_url
    return str(message.id)


def _describe_file(message: wire.MessageContent) -> Attachment:
    return Attachment(
        name=message.file_name or message.type,
        type=_MIME_TYPES.get(message.type, "application/octet-stream"),
        sha256="",
        size=parse_size(message.file_size),
    )
