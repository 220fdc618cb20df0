"""Reads the entries of a complaint site's feed, each with a stable id. Pure.

The complaint channel makes an item of each entry. Source: RFC 4287, RSS 2.0 (feedparser).
"""

import calendar
import hashlib
import io
import re
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from time import struct_time
from urllib.parse import urlsplit

import feedparser
import msgspec

from ingest.parsing.html.text import to_text
from schemas.base import Record
from schemas.errors import Rejected

_MAX_FEED_BYTES = 4 * 1024 * 1024
_MAX_ID_CHARS = 900  # with the feed's address before it; no usual id is longer

FeedEntry = Mapping[str, object]
"""An entry as feedparser gives it: texts, parsed times, and lists of contents."""

_REFERENCE = re.compile(rb"&#(?:[xX]([0-9a-fA-F]{1,8})|(\d{1,9}));")


class ComplaintEntry(Record, frozen=True, kw_only=True):
    """A complaint, from a feed or a webhook."""

    id: str
    title: str = ""
    text: str = ""
    author: str = ""
    author_id: str = ""
    url: str = ""
    created: str = ""
    updated: str = ""
    rating: float | None = None
    thread: str = ""


def parse_feed(body: bytes, address: str) -> list[ComplaintEntry]:
    """Return the entries of a feed; raise Rejected for other bytes."""
    if len(body) > _MAX_FEED_BYTES:
        raise Rejected("body.too_large", f"a feed of {len(body)} bytes")
    try:
        parsed = feedparser.parse(
            io.BytesIO(_REFERENCE.sub(_valid_reference, body)),
            response_headers={"content-type": "application/xml"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except (ValueError, OverflowError, RecursionError, LookupError, TypeError) as error:
        raise Rejected("form.malformed", f"not a feed: {type(error).__name__}") from error
    if not parsed.entries and not parsed.get("version"):
        raise Rejected("form.malformed", "not a feed: neither RSS nor Atom")
    entries = []
    for entry in parsed.entries:
        published, updated = _iso_time(entry, "published"), _iso_time(entry, "updated")
        entries.append(
            ComplaintEntry(
                id=str(entry.get("id") or ""),
                text=to_text(_html_of(entry)),
                title=to_text(str(entry.get("title") or ""), laid_out=False),
                author=str(entry.get("author") or ""),
                url=str(entry.get("link") or ""),
                created=published or updated,
                updated=updated if updated != published else "",
            )
        )
    return _with_ids(entries, address)


def _html_of(entry: FeedEntry) -> str:
    """Return the content of an entry, or its summary when it has no content."""
    content = entry.get("content")
    first = content[0] if isinstance(content, list) and content else {}
    value = first.get("value") if isinstance(first, dict) else None
    return str(value or entry.get("summary") or "")


def _with_ids(entries: list[ComplaintEntry], address: str) -> list[ComplaintEntry]:
    """Return the entries with ids, which are the feed's own, else a link that no other entry has.

    Several entries can share a link to the site or to a list. Title and time distinguish those,
    and the text does when title and time are equal. An id that a feed gives to several links
    counts once for each link.
    """
    links = Counter(entry.url for entry in entries)
    links_of_id: dict[str, set[str]] = {}
    for entry in entries:
        links_of_id.setdefault(entry.id, set()).add(entry.url)
    head_counts = Counter((entry.url, entry.title, entry.created) for entry in entries)
    identified = []
    for entry in entries:
        own_id = entry.id
        if own_id and len(links_of_id[own_id]) > 1:
            own_id = f"{own_id} {entry.url}"
        if not own_id and links[entry.url] == 1 and _is_entry_link(entry.url):
            own_id = entry.url
        if not own_id:
            head = (entry.url, entry.title, entry.created)
            id_parts = head if any(head[1:]) and head_counts[head] == 1 else (*head, entry.text)
            own_id = hashlib.sha256("\n".join(id_parts).encode()).hexdigest()
        identified.append(
            msgspec.structs.replace(
                entry, id=(f"{address}#{own_id}" if address else own_id)[:_MAX_ID_CHARS]
            )
        )
    return identified


def _is_entry_link(link: str) -> bool:
    """Say whether a link can be that of an entry, and not of the whole site."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return bool(link)
    return bool(parts.path.strip("/") or parts.query or parts.fragment)


def _valid_reference(match: re.Match[bytes]) -> bytes:
    """Return a character reference, or U+FFFD when it names no character."""
    number = int(match[1], 16) if match[1] else int(match[2])
    is_surrogate = 0xD800 <= number <= 0xDFFF
    if number == 0 or is_surrogate or number > sys.maxunicode:
        return "\ufffd".encode()
    return match[0]


def _iso_time(entry: FeedEntry, name: str) -> str:
    """Return a time of an entry in ISO 8601, empty when the entry has none."""
    moment = entry.get(f"{name}_parsed") if name in entry else None
    if not isinstance(moment, struct_time):
        return ""
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
