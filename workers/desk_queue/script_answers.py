"""Reads the answers of the Lua scripts; a value is bytes, a number or a list of values. Pure.

queue.py takes the values of each answer with it. A value of another type is a bug in a script.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"
"""A value as Redis returns it from Lua; None is a key that Redis does not have."""

Answer = Sequence[Value]
"""The values of one answer, or of a list in it."""


def bytes_of(value: Value) -> bytes:
    """Return a text or a record as Redis keeps it."""
    if not isinstance(value, bytes):
        raise TypeError(f"a script returned {type(value).__name__} in place of bytes")
    return value


def stored_bytes_of(value: Value) -> bytes | None:
    """Return a record as Redis keeps it, or None where Redis no longer has it."""
    return None if value is None else bytes_of(value)


def text_of(value: Value) -> str:
    """Return a text, which Redis keeps as UTF-8."""
    return bytes_of(value).decode()


def number_of(value: Value) -> int:
    """Return a number, which Redis may keep as its digits."""
    if not isinstance(value, bytes | int):
        raise TypeError(f"a script returned {type(value).__name__} in place of a number")
    return int(value)


def list_of(value: Value) -> Answer:
    """Return the values of a list."""
    if not isinstance(value, list):
        raise TypeError(f"a script returned {type(value).__name__} in place of a list")
    return value


def groups(flat: Answer, size: int) -> Iterator[Answer]:
    """Yield the values of a flat list in groups of `size`."""
    return (flat[n : n + size] for n in range(0, len(flat), size))
