"""Reads Jetstream's events, and selects the posts that mention, answer or quote an account."""

from ingest.channels.bluesky import wire
from ingest.channels.bluesky.account import Account
from ingest.parsing.json_values import decode_json, parse_time
from schemas.errors import Rejected
from schemas.text.fold import fold

POST_COLLECTION = "app.bsky.feed.post"
_OTHER_COLLECTIONS = {
    "app.bsky.feed.like": "like",
    "app.bsky.feed.repost": "repost",
    "app.bsky.graph.follow": "follow",
    "app.bsky.graph.block": "block",
}
_MAX_KIND_CHARS = 20  # a kind in a reason comes from the network


def read_event(raw: bytes) -> wire.JetstreamEvent:
    """Return an event of either form in the shape of the first one."""
    payload = decode_json(wire.JetstreamEnvelope, raw).payload
    if payload is None:
        return decode_json(wire.JetstreamEvent, raw)
    time = parse_time(payload.witnessed_at or payload.time)
    kind = payload.kind.rpartition("#")[2]
    commit = wire.Commit(
        rev=payload.rev,
        operation=payload.operation,
        collection=payload.collection,
        rkey=payload.rkey,
        cid=payload.cid,
        record=payload.record,
    )
    return wire.JetstreamEvent(
        did=payload.did,
        kind=kind,
        time_us=int(time.timestamp() * 1_000_000) if time else None,
        commit=commit if kind == "commit" else None,
    )


def post_commit(event: wire.JetstreamEvent) -> wire.Commit:
    """Return the commit of a post; raise Rejected(delivery.ignored) for anything else."""
    commit = event.commit
    if event.kind != "commit" or commit is None:
        if not event.did or not event.kind:
            raise Rejected("json.invalid", "not an event of Jetstream: did or kind is missing")
        raise Rejected("delivery.ignored", f"{event.kind[:_MAX_KIND_CHARS]} event")
    if commit.collection != POST_COLLECTION:
        reason = _OTHER_COLLECTIONS.get(commit.collection, "another collection")
        raise Rejected("delivery.ignored", reason)
    if commit.operation not in ("create", "update", "delete") or not (event.did and commit.rkey):
        raise Rejected("json.invalid", f"a commit without did, key or operation: {commit.rev}")
    return commit


def post_uri(event: wire.JetstreamEvent, commit: wire.Commit) -> str:
    """Return the address of the post that a commit changes."""
    return f"at://{event.did}/{commit.collection}/{commit.rkey}"


def reason_to_ignore(did: str, record: wire.PostRecord, settings: Account) -> str:
    """Return why the post of the author `did` is not for an account, empty when it is.

    Every post is for an account without an id and keywords.
    """
    if not settings.did and not settings.keywords:
        return ""
    if settings.did:
        if did == settings.did:
            return "our own"
        if _names_account(record, settings.did):
            return ""
    text = fold(record.text)
    if any(f" {fold(keyword).strip()} " in text for keyword in settings.keywords):
        return ""
    return "not about us"


def _names_account(record: wire.PostRecord, did: str) -> bool:
    """Return whether a post mentions, answers or quotes an account."""
    own_posts = f"at://{did}/"
    reply = record.reply or wire.ReplyRef()
    mentions = [feature.did for facet in record.facets for feature in facet.features]
    if did in mentions or reply.parent.uri.startswith(own_posts):
        return True
    quoted = "" if record.embed is None else str(record.embed.record or "")
    return own_posts in quoted
