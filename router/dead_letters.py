"""The dead letter of a record that the router refuses. Pure but for the archive.

The letter names the record's offset and the archive's reference of its bytes, so that people can
repair the writer and hand the record in again.
"""

from datetime import datetime
from typing import Protocol

from runtime.archive.protocol import Archive
from schemas import envelope
from schemas.base import derived_id
from schemas.dead_letter import DeadLetter, Origin
from schemas.errors import Rejected
from schemas.message import Message
from schemas.outcome import Outcome

_MAX_KEY_CHARS = 200
"""A key of ours is a UUID; a stranger's key is cut."""


class KafkaRecord(Protocol):
    """A record as confluent-kafka reads it."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> envelope.Headers | None: ...


def write_dead_letter(
    record: KafkaRecord,
    content: Message | Outcome | None,
    refusal: Rejected,
    archive: Archive,
    now: datetime,
) -> DeadLetter:
    """Archive the bytes of a refused record and return its dead letter."""
    raw = archive.put(record.value() or b"")
    origin = Origin(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        position=decode_key(record)[:_MAX_KEY_CHARS],
    )
    message = content if isinstance(content, Message) else None
    return DeadLetter(
        id=derived_id("dead", f"{origin.topic}/{origin.partition}/{origin.offset}"),
        stage="router",
        source=message.source if message else f"kafka:{origin.topic}",
        message=message.id if message else None,
        code=refusal.code,
        text=refusal.text,
        origin=origin,
        raw=raw,
        at=now,
    )


def decode_key(record: KafkaRecord) -> str:
    """Return a record's key as text."""
    return (record.key() or b"").decode("utf-8", "replace")
