"""Reads the forms of an event: an archived event, a notification, a frame of the stream."""

from typing import Literal

import msgspec

from ingest.channels.mastodon import wire
from ingest.parsing.json_values import decode_json
from schemas.errors import Rejected

_MAX_KIND_CHARS = 30  # a kind in a reason comes from the network


def read_event(raw: bytes) -> wire.ArchivedEvent:
    """Return the event in any of its forms; raise Rejected(delivery.ignored) for other events."""
    fields = decode_json(dict[str, msgspec.Raw], raw).keys()
    if "kind" in fields:
        return decode_json(wire.ArchivedEvent, raw)
    if "payload" in fields or "event" in fields:
        frame = decode_json(wire.StreamEvent, raw)
        if frame.event == "delete":
            raise Rejected("delivery.ignored", "the deletion of a post that was not taken")
        if frame.event not in ("notification", "status.update"):
            kind = frame.event[:_MAX_KIND_CHARS] or "no"
            raise Rejected("delivery.ignored", f"{kind} event")
        raw = (frame.payload or "").encode("utf-8", "replace")
        if frame.event == "status.update":
            return _event_of(decode_json(wire.Status, raw), "edited")
    notification = read_notification(raw)
    if notification.type != "mention" or notification.status is None:
        kind = notification.type[:_MAX_KIND_CHARS]
        raise Rejected("delivery.ignored", f"{kind} notification")
    return _event_of(notification.status, "mention")


def read_notification(raw: bytes) -> wire.Notification:
    """Return a notification; raise Rejected for anything else."""
    notification = decode_json(wire.Notification, raw)
    if not notification.type:
        raise Rejected("json.invalid", "not a notification of Mastodon: type is missing")
    return notification


def _event_of(status: wire.Status, kind: Literal["mention", "edited"]) -> wire.ArchivedEvent:
    author = author_of(status.account)
    return wire.ArchivedEvent(kind=kind, root="", uri=status.uri, author=author, status=status)


def author_of(person: wire.Person) -> str:
    """Return the id of an author within the roots of conversations."""
    return person.url or person.acct
