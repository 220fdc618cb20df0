"""Makes a Message of an archived event: of a message, an edit, a deletion or a reaction. Pure.

A mention reaches the door as two events of one message. Its channel and time are its id, so both
become the same Message.
"""

import msgspec

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.slack import wire
from ingest.channels.slack.account import Account
from ingest.channels.slack.files import media_ref
from ingest.channels.slack.markup import read_markup
from ingest.parsing.json_values import decode_json, parse_size, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Event, Handle, Party

_MAX_ANSWER_CHARS = 40_000  # Slack cuts longer texts


def parse_event(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of an archived event; raise Rejected."""
    archived = decode_json(wire.ArchivedSlackEvent, delivery.raw)
    settings: Account = context.settings or Account()
    event = _without_tombstone(decode_json(wire.SlackEvent, archived.event))
    message = event.message or event.previous_message or event
    is_reaction = event.type.startswith("reaction")
    author = event.user if is_reaction else message.user
    if settings.bot_user and author == settings.bot_user:
        raise Rejected("delivery.ignored", "our own message")
    if is_reaction:
        return _parse_reaction(event, archived.team, delivery, context)
    if not event.channel or not message.user or not message.ts:
        raise Rejected("json.invalid", "a message without channel, person or time")
    return _parse_message(event, message, f"{archived.team}/{event.channel}", delivery, context)


def _without_tombstone(event: wire.SlackEvent) -> wire.SlackEvent:
    """Return the deletion that a tombstone in the message's place announces, or the same event."""
    tombstone = event.message
    if tombstone is None or tombstone.subtype != "tombstone" or event.previous_message is None:
        return event
    return msgspec.structs.replace(
        event, subtype="message_deleted", deleted_ts=tombstone.ts, message=None
    )


def _parse_message(
    event: wire.SlackEvent,
    message: wire.SlackEvent,
    channel_root: str,
    delivery: Delivery,
    context: Context[Account],
) -> Parsed:
    """Return the Message of a message or of its edit or deletion.

    `channel_root` is `workspace/channel`.
    """
    channel = event.channel or ""
    native_id, touched = _native_id(event, message, channel_root, delivery)
    is_deleted = event.subtype == "message_deleted"
    text, shared_text = ("", "") if is_deleted else _read_text(message)
    files = () if is_deleted else message.files
    thread = message.thread_ts or message.ts
    is_direct = _is_direct(channel)
    result = build_message(
        "slack",
        delivery,
        context,
        native_id=native_id,
        kind="chat",
        text=text or shared_text,
        full_text="\n".join(t for t in (text, shared_text) if t),
        event=touched,
        root=channel_root if is_direct else f"{channel_root}/{thread}",
        sender=_party(message.user),
        sent_at=parse_time(message.ts),
        thread=(message.ts,),
        reply_to=f"{channel}/{'' if is_direct and not message.thread_ts else thread}",
        attachments=tuple(_describe_file(file) for file in files),
        answering=Answering(limit=_MAX_ANSWER_CHARS, public=not is_direct),
        repaired=() if text or shared_text or files or touched else ("content.unsupported",),
    )
    media = tuple(Media(index=index, ref=media_ref(file)) for index, file in enumerate(files))
    return Parsed(message=result, media=media)


def _native_id(
    event: wire.SlackEvent, message: wire.SlackEvent, channel_root: str, delivery: Delivery
) -> tuple[str, Event | None]:
    """Return the native id of an event, and the edit or deletion that it reports."""
    original_id = f"{channel_root}/{event.deleted_ts or message.ts}"
    if event.subtype == "message_changed":
        version = message.edited.ts if message.edited else event.event_ts or event.ts
        native_id = f"{original_id}:edit:{version}"
        return native_id, event_for("slack", delivery, "edited", original_id)
    if event.subtype == "message_deleted":
        return f"{original_id}:deleted", event_for("slack", delivery, "deleted", original_id)
    return original_id, None


def _parse_reaction(
    event: wire.SlackEvent, team: str, delivery: Delivery, context: Context[Account]
) -> Parsed:
    item = event.item or wire.ReactionItem()
    if not item.channel or not item.ts or not event.user:
        raise Rejected("delivery.ignored", "a reaction without a message")
    channel_root = f"{team}/{item.channel}"
    original_id = f"{channel_root}/{item.ts}"
    result = build_message(
        "slack",
        delivery,
        context,
        native_id=f"{original_id}:{event.type}:{event.user}:{event.reaction}:{event.event_ts}",
        kind="chat",
        root=channel_root if _is_direct(item.channel) else original_id,
        text=f":{event.reaction}:" if event.type == "reaction_added" else "",
        sender=_party(event.user),
        sent_at=parse_time(event.event_ts),
        event=event_for("slack", delivery, "reaction", original_id),
    )
    return Parsed(message=result)


def _is_direct(channel: str) -> bool:
    """Return whether a channel is a direct message, which is one conversation with all threads."""
    return channel.startswith("D")


def _party(user: str | None) -> Party:
    return Party(handles=(Handle(kind="handle", value=f"slack:{user}"),))


def _read_text(message: wire.SlackEvent) -> tuple[str, str]:
    """Return the text of a message, and the texts of the messages that it shares."""
    shared = (a.text or "" for a in message.attachments if a.is_share or a.is_msg_unfurl)
    return read_markup(message.text or ""), "\n".join(map(read_markup, shared))


def _describe_file(file: wire.UploadedFile) -> Attachment:
    return Attachment(
        name=file.name or "file",
        type=file.mimetype or "application/octet-stream",
        sha256="",
        size=parse_size(file.size),
    )
