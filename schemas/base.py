"""The common base of every Struct that travels, and the deterministic ids. Pure."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha1
from typing import Annotated, TypeAlias

import msgspec

NAMESPACE = uuid.UUID("6f1c9a52-3f0e-5d43-9b0e-8f3f5a3f7d10")
"""The namespace of all derived ids. Never change it, because every id would change."""

_VARIANT = {digit: f"{int(digit, 16) & 3 | 8:x}" for digit in "0123456789abcdef"}
"""The first digit of the fourth group in a UUID of RFC 9562, by the digest's digit."""

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant; always with a time zone, always UTC when Santral wrote it."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,62}$")]
"""The name of a department, a rule or a topic, in lower-case letters, digits and underscores."""

MAX_WORD_CHARS = 63
"""The longest word of an open list, which is the longest Name, too."""


def open_list(words: Iterable[str]) -> msgspec.Meta:
    """Return the constraint of a field whose words may become more; `words` are those of today.

    A newer writer may use another word. Every reader must take such a record, and passes over the
    word that it does not know.
    """
    return msgspec.Meta(
        min_length=1,
        max_length=MAX_WORD_CHARS,
        description="An open list: skip a word that you do not know.",
        examples=sorted(words),
    )


Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"
"""A value of JSON."""

JsonObject: TypeAlias = Mapping[str, Json]
"""An object of JSON."""


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A frozen, keyword-only Struct; unknown fields are ignored when decoded.

    A Record never changes, so it can't be part of a cycle, and the garbage collector ignores it.
    """


def derived_id(*parts: str) -> str:
    """Return the UUIDv5 (RFC 9562) of `parts`, the same in every process.

    The parts are written as a JSON array first, so that ("a", "bc") and ("ab", "c") differ.
    """
    digest = sha1(NAMESPACE.bytes + msgspec.json.encode(parts), usedforsecurity=False).hexdigest()
    # uuid.uuid5 returns the same, but its conversions to integers cost more than the digest.
    return (
        f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}"
        f"-{_VARIANT[digest[16]]}{digest[17:20]}-{digest[20:32]}"
    )


def message_id(channel: str, source: str, native_id: str) -> str:
    """Return the id of a message, which a redelivery of the same native id has too."""
    return derived_id("message", channel, source, native_id)


def conversation_id(brand: str, kind: str, root: str) -> str:
    """Return the id of a conversation from its root, without looking anything up."""
    return derived_id("conversation", brand, kind, root)
