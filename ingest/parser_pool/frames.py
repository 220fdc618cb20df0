"""The frames between a stage and its parser processes, in msgpack after a length of four bytes.

pool.py sends a delivery, and worker.py answers with a message or with the reason for its failure.
The stage does not trust a process that has read hostile bytes. It bounds the answers' length,
decodes them into these Structs, and never unpickles anything.
"""

import os
import traceback
from datetime import datetime
from typing import Literal

import msgspec

from ingest.channel import Parsed
from schemas.base import Record

MAX_FRAME_BYTES = 512 * 1024 * 1024
"""Largest frame; the default settings take mails of at most 64 MB, and their files are less."""

FAILURES = frozenset({"parser.bug", "parser.limit"})
"""Codes of our own failures. The door answers the sender that it took the delivery."""

UNREADABLE = FAILURES | {"mime.undecodable"}
"""Codes of a mail that continues without its text."""

HEAD_BYTES = 4
_MAX_STACK_FRAMES = 20  # a recursion has a thousand that are alike


class Task(Record, frozen=True, kw_only=True):
    """One delivery to parse, or to turn into the message for an unreadable mail."""

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
    by_reference: bool = False


class Answer(Record, frozen=True, kw_only=True):
    """The result of a task: `parsed`, or a refusal (`code`, `text`), or the stack of a bug.

    A process sends `ready` once before its first task.
    """

    parsed: Parsed | None = None
    code: str = ""
    text: str = ""
    stack: str = ""
    ready: bool = False


def stack_of(error: BaseException) -> str:
    """Return a traceback without the error's text, which may quote a customer."""
    frames = traceback.format_tb(error.__traceback__)[-_MAX_STACK_FRAMES:]
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
    body = bytearray()
    while len(body) < count:
        piece = os.read(descriptor, min(count - len(body), 1 << 20))
        if not piece:
            return None
        body += piece
    return bytes(body)
