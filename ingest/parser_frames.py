"""What a stage and its parser processes tell each other: msgpack behind a length of four bytes.

Before: parser_pool.py has a delivery. After: parser_worker.py answers with a message, or why there
is none. A process that read hostile bytes is not trusted: its answers are decoded into these
Structs, bounded in length, and are never pickled objects.
"""

import os
import traceback
from datetime import datetime
from typing import Literal

import msgspec

from ingest.channel import Parsed
from schemas.base import Record

MAX_FRAME_BYTES = 512 * 1024 * 1024
"""Length of a frame; the largest mail of the default settings has 64 MB, its files less."""

FAILURES = frozenset({"parser.bug", "parser.limit"})
"""Codes by which we failed, not the sender: who hands it over is told that it was taken."""

UNREADABLE = FAILURES | {"mime.undecodable"}
"""Codes of a mail that goes on without its words."""

HEAD_BYTES = 4
_LAST_FRAMES = 20  # of a traceback: a recursion has a thousand that are alike


class Task(Record, frozen=True, kw_only=True):
    """One delivery to be parsed, or to be turned into a message that says it is unreadable."""

    work: Literal["parse", "unreadable"] = "parse"
    channel: str
    account: str
    brand: str
    signing_key: bytes
    settings: msgspec.Raw
    raw: bytes
    received_at: datetime
    position: str | None = None
    hint: str | None = None


class Answer(Record, frozen=True, kw_only=True):
    """What became of a task: `parsed`, or a refusal (`code`, `text`), or the stack of a bug.

    A process says `ready` once before its first task.
    """

    parsed: Parsed | None = None
    code: str = ""
    text: str = ""
    stack: str = ""
    ready: bool = False


def stack_of(error: BaseException) -> str:
    """Return a traceback without the error's own words, for a customer's may stand in them."""
    frames = traceback.format_tb(error.__traceback__)[-_LAST_FRAMES:]
    return "".join(("Traceback (most recent call last):\n", *frames, type(error).__name__))


def pack(record: Record) -> bytes:
    """Return a frame."""
    body = msgspec.msgpack.encode(record)
    return len(body).to_bytes(HEAD_BYTES) + body


def read_frame(descriptor: int) -> bytes | None:
    """Return the body of the next frame, None when the other side is gone; blocks until then."""
    head = _read(descriptor, HEAD_BYTES)
    return None if head is None else _read(descriptor, int.from_bytes(head))


def write_frame(descriptor: int, frame: bytes) -> None:
    """Write all of a frame; blocks until then."""
    rest = memoryview(frame)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read(descriptor: int, count: int) -> bytes | None:
    made = bytearray()
    while len(made) < count:
        piece = os.read(descriptor, min(count - len(made), 1 << 20))
        if not piece:
            return None
        made += piece
    return bytes(made)
