"""Values as vendors write them: numbers in texts, times of four kinds, and what is not JSON at all.

Before: a call was proven, a file was picked up. After: a channel's parser. Pure.
"""

import re
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from schemas.errors import Rejected

T = TypeVar("T")

Text = str | int | float | None
"""A value that comes as text from one version of a vendor and as number from another."""


def instant(told: Text) -> datetime | None:
    """Return the time in seconds, milliseconds or ISO text; None when it is none."""
    try:
        if isinstance(told, str) and not told.strip().replace(".", "", 1).isdigit():
            made = datetime.fromisoformat(told.strip())
            return made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)
        seconds = float(told or 0)
        if seconds <= 0:
            return None
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def split_url(url: str) -> SplitResult:
    """Return the parts of an address, all of them empty when it is none."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def read(kind: type[T], raw: msgspec.Raw | bytes) -> T:
    """Return the Struct in an item; raise Rejected with what is wrong.

    Numbers in texts are taken, null is as good as absent, half a character (an emoji that a length
    limit cut) becomes U+FFFD.
    """
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _kindly(kind, bytes(raw))


def _kindly(kind: type[T], raw: bytes) -> T:
    try:
        told = msgspec.json.decode(_ESCAPE.sub(_whole, raw))
        return msgspec.json.decode(msgspec.json.encode(_pruned(told)), type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise Rejected("json.invalid", str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error


_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\."
)


def _whole(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return b"\\ufffd" if len(text) == 6 and text[2:3] in b"dD" else text


def _pruned(told: object) -> object:
    """Return a value without the nulls in its objects and lists."""
    if isinstance(told, dict):
        return {k: _pruned(v) for k, v in told.items() if v is not None}
    if isinstance(told, list):
        return [_pruned(v) for v in told if v is not None]
    return told


def size(told: Text) -> int:
    """Return a size in bytes; 0 for what is none: strangers write anything there."""
    try:
        made = int(float(told or 0))
    except (ValueError, OverflowError):
        return 0
    return max(0, min(made, 1 << 53))


def there(raw: msgspec.Raw) -> bool:
    """Say whether a value was given, and is not null."""
    return bytes(raw) not in (b"", b"null")
