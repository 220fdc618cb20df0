"""Makes a Message of a post, of its edit or of its deletion."""

from datetime import datetime, timedelta

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.bluesky import wire
from ingest.channels.bluesky.account import Account
from ingest.channels.bluesky.content import content_id, describe_file, expand_links, list_files
from ingest.channels.bluesky.events import post_commit, post_uri, read_event, reason_to_ignore
from ingest.parsing.json_values import Text, decode_json, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

_MAX_ANSWER_CHARS = 300  # Bluesky refuses longer posts
_MAX_CLOCK_SKEW = timedelta(minutes=5)  # an author's clock may be wrong by this


def parse_event(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one event; raise Rejected(delivery.ignored) for other posts."""
    archived = decode_json(wire.ArchivedJetstreamEvent, delivery.raw)
    event = read_event(bytes(archived.event) or delivery.raw)
    commit = post_commit(event)
    if commit.operation == "delete":
        return _parse_deletion(post_uri(event, commit), event, delivery, context)
    record = decode_json(wire.PostRecord, commit.record)
    reason = reason_to_ignore(event.did, record, context.settings or Account())
    if reason and delivery.hint is None:
        raise Rejected("delivery.ignored", reason)
    return _parse_post(event, record, archived.profile or wire.AuthorProfile(), delivery, context)


def _parse_post(
    event: wire.JetstreamEvent,
    record: wire.PostRecord,
    profile: wire.AuthorProfile,
    delivery: Delivery,
    context: Context[Account],
) -> Parsed:
    commit = event.commit or wire.Commit()
    uri = post_uri(event, commit)
    reply = record.reply or wire.ReplyRef()
    native_id, edit = uri, None
    if commit.operation == "update":
        native_id = f"{uri}@{commit.rev or commit.cid}"
        edit = event_for("bluesky", delivery, "edited", uri)
    files = list_files(record.embed)
    root = reply.root if reply.root.uri else wire.StrongRef(uri=uri, cid=commit.cid)
    result = build_message(
        "bluesky",
        delivery,
        context,
        native_id=native_id,
        root=f"{root.uri}|{event.did}",
        kind="post",
        sender=Party(
            name=profile.display_name or profile.handle or "",
            handles=(Handle(kind="handle", value=f"bluesky:{event.did}"),),
        ),
        text=record.text,
        full_text=expand_links(record),
        event=edit,
        sent_at=_sent_at(event, record),
        attachments=tuple(describe_file(blob, description) for blob, description in files),
        post=Post(
            url=f"https://bsky.app/profile/{profile.handle or event.did}/post/{commit.rkey}",
            parent=reply.parent.uri or None,
            author_reach=profile.followers_count,
        ),
        # An answer names the root and the post, each with its version.
        thread=(f"{root.uri}|{root.cid}", f"{uri}|{commit.cid}"),
        reply_to=uri,
        answering=Answering(limit=_MAX_ANSWER_CHARS, public=True),
    )
    media = tuple(
        Media(index=index, ref=f"{event.did}/{content_id(blob)}")
        for index, (blob, _) in enumerate(files)
    )
    return Parsed(message=result, media=media)


def _parse_deletion(
    uri: str, event: wire.JetstreamEvent, delivery: Delivery, context: Context[Account]
) -> Parsed:
    if delivery.hint is None:
        raise Rejected("delivery.ignored", "the deletion of a post that was not taken")
    result = build_message(
        "bluesky",
        delivery,
        context,
        native_id=f"{uri}:deleted",
        root=f"{delivery.hint}|{event.did}",
        kind="post",
        text="",
        sender=Party(handles=(Handle(kind="handle", value=f"bluesky:{event.did}"),)),
        sent_at=parse_time(_seconds(event.time_us)),
        event=event_for("bluesky", delivery, "deleted", uri),
    )
    return Parsed(message=result)


def _sent_at(event: wire.JetstreamEvent, record: wire.PostRecord) -> datetime | None:
    """Return the author's time of a post, or the server's when the author's is much later."""
    claimed, witnessed = parse_time(record.created_at), parse_time(_seconds(event.time_us))
    if claimed and witnessed and claimed > witnessed + _MAX_CLOCK_SKEW:
        return witnessed
    return claimed or witnessed


def _seconds(microseconds: Text) -> float:
    try:
        return float(microseconds or 0) / 1_000_000
    except ValueError:
        return 0.0
