"""Makes the items of a feed or a JSON body, each with its version. Pure."""

import msgspec

from ingest.channels.complaint.account import Account
from ingest.channels.complaint.json_list import JsonValue, list_entries
from ingest.parsing.complaint_feed import ComplaintEntry, parse_feed
from ingest.parsing.json_values import decode_json, parse_time
from ingest.sources.polling import ArchivedItem, PolledItem, content_hash, unreadable_item
from ingest.webhook import WebhookResult
from schemas.errors import Rejected


def split_body(body: bytes, settings: Account) -> WebhookResult:
    """Return the deliveries of a site's call, or of a captured feed or list."""
    is_feed = body.lstrip()[:1] == b"<"
    entries = parse_feed(body, settings.feed) if is_feed else list_entries(body, settings)
    if not entries:
        return WebhookResult(ignored=("empty",))
    return WebhookResult(
        deliveries=tuple(
            msgspec.json.encode(ArchivedItem(version=version, item=msgspec.Raw(item.raw)))
            for item in map(make_item, entries)
            for version in _versions(item)
        )
    )


def make_item(entry: ComplaintEntry | JsonValue) -> PolledItem:
    """Return the item of an entry, or of a value that is not an entry."""
    if not isinstance(entry, ComplaintEntry):
        return unreadable_item(msgspec.json.encode(entry))
    return PolledItem(
        id=entry.id,
        raw=msgspec.json.encode(entry),
        version=content_hash(entry.title, entry.text, entry.rating),
        created_at=parse_time(entry.created),
    )


def _versions(item: PolledItem) -> tuple[str, ...]:
    """Return the versions under which a call hands an item over.

    A call does not say whether a changed entry is new to us, so it counts as both.
    """
    return ("", item.version) if item.version and _is_changed(item.raw) else ("",)


def _is_changed(raw: bytes) -> bool:
    """Return whether the site changed an entry after it was written."""
    try:
        return bool(decode_json(ComplaintEntry, raw).updated)
    except Rejected:
        return False
