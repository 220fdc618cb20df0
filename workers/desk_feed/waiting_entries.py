"""Builds the records of waiting.v1 that queue records and outcomes cause. Pure.

log.py writes them with the offsets, and waiting_build.py from history.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from runtime.health.progress import Partition
from schemas import envelope
from schemas.state.waiting import CLOSED, WaitingMessage, closed_key, waiting_key
from schemas.topics import WAITING
from workers.desk_feed.open_items import ORIGIN
from workers.desk_feed.partitions import WaitingEntry, partition_name
from workers.desk_queue.lookup import Lookup
from workers.desk_queue.values import Closing, QueuedMessage

_TYPE = WAITING.ce_type.encode()
_SOURCE = b"santral/desk"


def build_origin(partition: Partition, offset: int) -> bytes:
    """Return the value of the header `origin` for the record at an offset."""
    return f"{partition_name(partition)}/{offset}".encode()


def queued_entry(queued: QueuedMessage) -> WaitingEntry:
    """Return the entry of waiting.v1 for a message that waits."""
    record = WaitingMessage(
        message=queued.message,
        department=queued.department,
        conversation=queued.conversation,
        hops=queued.hops,
        partition=queued.partition,
        offset=queued.offset,
        arrived_ms=queued.arrived_ms,
        score=queued.score,
        quiet=queued.quiet,
    )
    return _entry(waiting_key(queued.message, queued.hops), record, queued.arrived_ms)


def queued_entries(
    queued_messages: Iterable[QueuedMessage], lookup: Lookup, topic: str
) -> list[WaitingEntry]:
    """Return the entries of messages that the feed reads for the first time.

    A message that an outcome finished before leaves waiting.v1 together with that finish. A quiet
    message of a conversation that does not wait gets no entry.
    """
    entries = []
    for queued in queued_messages:
        if lookup.is_open(queued):
            if not queued.quiet or (queued.department, queued.conversation) in lookup.open:
                entries.append(queued_entry(queued))
            continue
        origin = build_origin((topic, queued.partition), queued.offset)
        keys = (waiting_key(queued.message, queued.hops), closed_key(queued.message))
        entries += [_tombstone(queued.conversation, key, origin) for key in keys]
    return entries


def closing_entries(
    closings: Iterable[Closing], lookup: Lookup, partition: Partition, now_ms: int
) -> list[WaitingEntry]:
    """Return the entries of outcomes that close messages.

    A message that does not wait may come later, so its finish gets an entry of its own.
    """
    entries = []
    for closing in closings:
        origin = build_origin(partition, closing.offset)
        for message, hops in closing.messages:
            keys = [waiting_key(message, each) for each in range(hops + 1)]
            entries += [_tombstone(closing.conversation, key, origin) for key in keys]
            if message not in lookup.waiting:
                entries.append(
                    closed_entry(closing.department, closing.conversation, message, hops, now_ms)
                )
    return entries


def closed_entry(
    department: str, conversation: str, message: str, hops: int, time_ms: int
) -> WaitingEntry:
    """Return the entry of a finish whose message the feed has not read yet."""
    record = WaitingMessage(
        state=CLOSED, message=message, department=department, conversation=conversation, hops=hops
    )
    return _entry(closed_key(message), record, time_ms)


def _entry(key: bytes, record: WaitingMessage, time_ms: int) -> WaitingEntry:
    time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().encode()
    headers = envelope.headers_from(_TYPE, key.decode(), _SOURCE, time, None)
    return WaitingEntry(record.conversation, key, envelope.encode(record), headers)


def _tombstone(conversation: str, key: bytes, origin: bytes) -> WaitingEntry:
    return WaitingEntry(conversation, key, None, [(ORIGIN, origin)])
