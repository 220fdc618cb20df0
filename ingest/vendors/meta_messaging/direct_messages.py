"""Makes a Message of a direct message, of its edit or deletion, of a reaction or a postback."""

from datetime import timedelta
from pathlib import PurePosixPath

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.parsing.json_values import decode_json, parse_time, split_url
from ingest.vendors.meta_messaging import wire
from ingest.vendors.meta_messaging.account import Account
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Event, EventKind, Handle, Party

_ANSWER_WINDOW = timedelta(hours=24)
_HUMAN_AGENT_WINDOW = timedelta(days=7)  # with the tag HUMAN_AGENT, which Meta grants an app
_MAX_MESSENGER_CHARS = 2000  # Meta refuses longer texts
_MAX_INSTAGRAM_BYTES = 1000  # Meta refuses longer texts
_MAX_KIND_CHARS = 40  # a kind in a text comes from the network
_FILE_KINDS = (
    "image",
    "video",
    "audio",
    "file",
    "story_mention",
    "ig_story",
    "reel",
    "ig_reel",
    "sticker",
)
_TYPE_OF_KIND = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mp4"}


def parse_direct_message(
    product: wire.Product,
    archived: wire.ArchivedMetaItem,
    delivery: Delivery,
    context: Context[Account],
) -> Parsed:
    """Return the Message of an entry of `messaging` or `standby`; raise Rejected."""
    item = decode_json(wire.MessagingEvent, archived.item)
    sender, ours = str(item.sender.id or ""), str(item.recipient.id or "") or archived.ours
    if not sender:
        raise Rejected("json.invalid", "a message without a sender - at `$.sender.id`")
    native_id, event, text = _content(product, item, delivery)
    message = item.message or wire.DirectMessage()
    attachments = message.attachments or ()
    files = [attachment for attachment in attachments if _is_file(attachment)]
    story = message.reply_to.story if message.reply_to else None
    about = f"[story {story.url or story.id}]" if story else ""
    full_text = "\n".join(t for t in (text, *map(_shared_text, attachments), about) if t)
    answered = message.reply_to.mid if message.reply_to else ""
    sent_at = parse_time(item.timestamp)
    human_agent = context.settings is not None and context.settings.human_agent
    window = _HUMAN_AGENT_WINDOW if human_agent else _ANSWER_WINDOW
    result = build_message(
        product,
        delivery,
        context,
        native_id=native_id,
        root=f"{ours}/{sender}",
        kind="chat",
        sender=Party(handles=(Handle(kind="handle", value=f"{product}:{sender}"),)),
        recipients=(Party(handles=(Handle(kind="handle", value=f"{product}:{ours}"),)),),
        text=text,
        full_text=full_text,
        sent_at=sent_at,
        event=event,
        attachments=tuple(map(_describe_file, files)),
        thread=tuple(mid for mid in (answered, native_id) if mid),
        reply_to=f"{ours}/{sender}",
        answering=Answering(
            until=(sent_at or delivery.received_at) + window,
            limit=_MAX_MESSENGER_CHARS if product == "messenger" else _MAX_INSTAGRAM_BYTES,
            unit="characters" if product == "messenger" else "bytes",
            forbidden="another app answers this thread" if archived.place == "standby" else "",
        ),
        repaired=() if full_text or event or files else ("content.unsupported",),
    )
    media = tuple(Media(index=index, ref=_url(file)) for index, file in enumerate(files))
    return Parsed(message=result, media=media)


def _content(
    product: wire.Product, item: wire.MessagingEvent, delivery: Delivery
) -> tuple[str, Event | None, str]:
    """Return the native id, the event and the text of a direct message."""

    def event(kind: EventKind, mid: str) -> Event:
        if not mid:
            raise Rejected("json.invalid", f"{kind}, without the id of a message")
        return event_for(product, delivery, kind, mid)

    time = str(item.timestamp or "")
    if item.message_edit:
        mid, number = item.message_edit.mid, item.message_edit.num_edit
        return f"{mid}:edit:{number}", event("edited", mid), item.message_edit.text or ""
    if item.reaction:
        mid = item.reaction.mid
        return f"{mid}:reaction:{time}", event("reaction", mid), item.reaction.emoji or ""
    if item.postback:
        text = item.postback.title or item.postback.payload or ""
        return item.postback.mid or f"{item.sender.id}:{time}:postback", None, text
    message = item.message or wire.DirectMessage()
    if not message.mid:
        raise Rejected("json.invalid", "a message without its id - at `$.message.mid`")
    if message.is_deleted:
        return f"{message.mid}:deleted", event("deleted", message.mid), ""
    return message.mid, None, message.text or ""


def _url(attachment: wire.MessageAttachment) -> str:
    payload = attachment.payload or wire.AttachmentPayload()
    return payload.url or payload.story_media_url or attachment.url or ""


def _is_file(attachment: wire.MessageAttachment) -> bool:
    return attachment.type in _FILE_KINDS and _url(attachment).startswith("https://")


def _shared_text(attachment: wire.MessageAttachment) -> str:
    """Return the text of a shared item: a link, a location, or the caption of a film."""
    payload = attachment.payload or wire.AttachmentPayload()
    if _is_file(attachment):
        return payload.title or ""
    location = ",".join(str(value) for value in (payload.coordinates or {}).values())
    title = attachment.title or payload.title
    text = " ".join(t for t in (title, location or _url(attachment)) if t)
    return text or f"[{attachment.type[:_MAX_KIND_CHARS]}]"


def _describe_file(attachment: wire.MessageAttachment) -> Attachment:
    kind = _TYPE_OF_KIND.get(attachment.type, "application/octet-stream")
    name = PurePosixPath(split_url(_url(attachment)).path).name
    name = name if "." in name else attachment.type
    return Attachment(name=name, type=kind, size=0, sha256="")
