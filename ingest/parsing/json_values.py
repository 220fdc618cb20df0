"""Decodes JSON as vendors write it: numbers as texts, times of four kinds, invalid JSON. Pure.

A channel's parser calls it after a webhook has proven a call, or a source has read an item.
"""

import re
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from schemas.errors import Rejected

T = TypeVar("T")

Text = str | int | float | None
"""A value that one version of a vendor writes as a text, and another as a number."""


def parse_time(value: Text) -> datetime | None:
    """Return the time in UTC, None when the value is not a time.

    It reads seconds, milliseconds, and ISO 8601, which is in UTC when it has no zone.
    """
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            time = datetime.fromisoformat(value.strip())
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        seconds = float(value or 0)
        if seconds <= 0:
            return None
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def split_url(url: str) -> SplitResult:
    """Return the parts of an address, all of them empty for an invalid one."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def decode_json(kind: type[T], raw: msgspec.Raw | bytes) -> T:
    """Return the Struct in a JSON text; raise Rejected with the reason.

    Numbers in texts are accepted, null counts as absent, and half a character, which remains of an
    emoji when a vendor cuts a text, becomes U+FFFD.
    """
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(kind, bytes(raw))


def _decode_leniently(kind: type[T], raw: bytes) -> T:
    try:
        value = msgspec.json.decode(_ESCAPE.sub(_replace_half, raw))
        return msgspec.json.decode(
            msgspec.json.encode(_without_nulls(value)), type=kind, strict=False
        )
    except msgspec.ValidationError as error:
        raise Rejected("json.invalid", str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error


_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)


def _replace_half(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return b"\\ufffd" if len(text) == 6 and text[2:3] in b"dD" else text


def _without_nulls(value: object) -> object:
    """Return a value without the nulls in its objects and lists."""
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(v) for v in value if v is not None]
    return value


def parse_size(value: Text) -> int:
    """Return a size in bytes, 0 for an invalid one, because strangers write anything."""
    try:
        size = int(float(value or 0))
    except (ValueError, OverflowError):
        return 0
    return max(0, min(size, 1 << 53))


def is_present(raw: msgspec.Raw) -> bool:
    """Say whether a value is in the JSON and not null."""
    return bytes(raw) not in (b"", b"null")
