"""Makes a Message of an activity: of a message, an edit, a deletion or a reaction. Pure."""

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.teams import wire
from ingest.channels.teams.account import Account
from ingest.channels.teams.content import describe_file, list_files, read_text
from ingest.parsing.json_values import decode_json, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Event, Handle, Party

_MAX_ANSWER_CHARS = 28_000  # Teams refuses messages above some 28 KB


def parse_activity(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one activity; raise Rejected."""
    activity = decode_json(wire.Activity, delivery.raw)
    conversation = activity.conversation
    if not conversation.id or not (activity.id or activity.reply_to_id):
        raise Rejected("json.invalid", "an activity without conversation or id")
    native_id, event = _native_id(activity, delivery)
    text, files = read_text(activity), list_files(activity)
    is_direct = conversation.conversation_type in ("personal", "", None)
    result = build_message(
        "teams",
        delivery,
        context,
        native_id=native_id,
        kind="chat",
        text=text,
        event=event,
        root=conversation.id,
        sender=_party(activity.sender),
        sent_at=parse_time(activity.timestamp),
        thread=(activity.id,) if activity.id else (),
        reply_to=f"{activity.service_url.rstrip('/')}|{conversation.id}",
        attachments=tuple(describe_file(attachment) for attachment, _ in files),
        answering=Answering(limit=_MAX_ANSWER_CHARS, public=not is_direct),
        repaired=() if text or files or event else ("content.unsupported",),
    )
    media = tuple(Media(index=index, ref=ref) for index, (_, ref) in enumerate(files))
    return Parsed(message=result, media=media)


def _native_id(activity: wire.Activity, delivery: Delivery) -> tuple[str, Event | None]:
    """Return the native id of an activity, and the event of the message that it is about."""
    original_id = f"{activity.conversation.id}/{activity.id}"
    if activity.type == "messageUpdate":
        native_id = f"{original_id}:edit:{activity.timestamp}"
        return native_id, event_for("teams", delivery, "edited", original_id)
    if activity.type == "messageDelete":
        return f"{original_id}:deleted", event_for("teams", delivery, "deleted", original_id)
    if activity.type == "messageReaction":
        about = f"{activity.conversation.id}/{activity.reply_to_id or activity.id}"
        native_id = f"{original_id}:reaction:{activity.timestamp}"
        return native_id, event_for("teams", delivery, "reaction", about)
    return original_id, None


def _party(account: wire.ChannelAccount) -> Party:
    user_id = account.aad_object_id or account.id
    handles = (Handle(kind="handle", value=f"teams:{user_id}"),) if user_id else ()
    return Party(name=account.name or "", handles=handles)
