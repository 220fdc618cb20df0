"""Reads the entries in a site's own JSON, by the paths of its fields. Pure."""

from ingest.channels.complaint.account import Account
from ingest.parsing.complaint_feed import ComplaintEntry
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import decode_json
from ingest.sources.polling import star_rating
from schemas.errors import Rejected

JsonValue = dict[str, object] | list[object] | str | float | bool

_USUAL_LISTS = ("items", "data", "complaints", "results", "content")
"""Names under which sites put their list, where the settings name no path."""


def list_entries(body: bytes, settings: Account) -> list[ComplaintEntry | JsonValue]:
    """Return the entries of a JSON body; raise Rejected without a list.

    An item that is not an object, or has no id, is returned as it is: it becomes a dead letter.
    """
    content = decode_json(object, body)
    path = settings.fields.items
    items = value_at(content, path) if path else _find_list(content)
    if not isinstance(items, list):
        raise Rejected("json.invalid", f"no list at {path!r}")
    return [_build_entry(item, settings) or item for item in items if item is not None]


def value_at(value: object, path: str) -> object:
    """Return the value at a path of names and indexes, or None."""
    for name in path.split(".") if path else ():
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _find_list(content: object) -> object:
    """Return the list of a body without a path: the body, its usual list, or its only item."""
    if not isinstance(content, dict):
        return content
    values = (content.get(name) for name in _USUAL_LISTS)
    return next((value for value in values if isinstance(value, list)), [content])


def _build_entry(item: object, settings: Account) -> ComplaintEntry | None:
    """Return the entry in an item, or None without an id."""
    paths = settings.fields
    native_id = _text_at(item, paths.id)
    if not native_id:
        return None
    text = _text_at(item, paths.text)
    created, updated = _text_at(item, paths.created), _text_at(item, paths.updated)
    rating = value_at(item, paths.rating) if paths.rating else None
    return ComplaintEntry(
        id=native_id,
        title=_text_at(item, paths.title),
        text=to_text(text) if "</" in text else text,
        author=_text_at(item, paths.author),
        author_id=_text_at(item, paths.author_id),
        url=_text_at(item, paths.url),
        created=created,
        updated=updated if updated != created else "",
        thread=_text_at(item, paths.thread),
        rating=star_rating(rating, settings.most_stars),
    )


def _text_at(item: object, path: str) -> str:
    """Return the text at a path; empty for an object, a list, or nothing."""
    value = value_at(item, path) if path else None
    text = "" if value is None or isinstance(value, dict | list) else str(value)
    return text.encode("utf-8", "replace").decode()
