"""Values as vendors write them: numbers in texts, times of four kinds, and what is not JSON at all.

Before: a call was proven, a file was picked up. After: a channel's parser. Pure.
"""

import re
from datetime import UTC, datetime
from typing import TypeVar

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


def read(kind: type[T], raw: msgspec.Raw | bytes) -> T:
    """Return the Struct in an item, numbers in texts taken; raise Rejected with what is wrong."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise Rejected("json.invalid", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error


def spaced(text: str) -> str:
    """Return a text whose runs of blanks are one space; its line breaks stay."""
    return re.sub(r"[^\S\n]+", " ", text).strip()
