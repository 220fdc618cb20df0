"""Decodes the records of queues and outcomes into messages and closings for desk_queue.

log.py reads the records. feed.py applies the messages and closings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from confluent_kafka import Message

from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.health.progress import Partition
from runtime.log import get
from schemas import envelope, topics
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.outcome import Outcome, closed_messages
from workers.desk_feed.partitions import raw_bytes
from workers.desk_queue.values import Closing, QueuedMessage

log = get(__name__)

STEP = "santral-desk"
"""The feed's name in the metric of faults."""


@dataclass(frozen=True, kw_only=True)
class PartitionBatch:
    """The decoded records of a partition; `end` is the offset behind the last one."""

    queued_messages: list[QueuedMessage]
    closings: list[Closing]
    end: int


def score(work: WorkItem, point: timedelta) -> float:
    """Return an item's rank, its arrival in ms less `point` for each point of priority."""
    arrived = work.message.received_at.timestamp() * 1000
    return arrived - work.decision.priority * point.total_seconds() * 1000


class RecordDecoder:
    """Decodes records; logs and skips those that do not decode."""

    def __init__(self, clock: Clock, point: timedelta) -> None:
        self._clock, self._point = clock, point

    def decode_batch(self, partition: Partition, records: Sequence[Message]) -> PartitionBatch:
        """Return the content of the records of a queue's partition, or of outcomes.v1."""
        is_outcomes = partition[0] == topics.OUTCOMES.name
        return PartitionBatch(
            queued_messages=[] if is_outcomes else self.decode_messages(records),
            closings=self.decode_closings(records) if is_outcomes else [],
            end=(records[-1].offset() or 0) + 1,
        )

    def decode_messages(self, records: Iterable[Message]) -> list[QueuedMessage]:
        """Return the messages of queue records."""
        return [
            message for record in records if (message := self._decode_message(record)) is not None
        ]

    def decode_closings(self, records: Iterable[Message]) -> list[Closing]:
        """Return the outcomes that close messages."""
        return [
            closing for record in records if (closing := self._decode_closing(record)) is not None
        ]

    def _decode_message(self, record: Message) -> QueuedMessage | None:
        try:
            work = envelope.decode(WorkItem, raw_bytes(record.value()))
        except Rejected as error:
            _log_undecodable(record, error)
            return None
        message, decision = work.message, work.decision
        # Without a valid rank the item waits like a message that comes now.
        arrived = rank = self._clock.now().timestamp() * 1000
        with guard(log, STEP, message=message.id):
            arrived = message.received_at.timestamp() * 1000
            rank = score(work, self._point)
        return QueuedMessage(
            department=decision.department,
            conversation=message.conversation,
            message=message.id,
            hops=decision.hops,
            work=raw_bytes(record.value()) or b"",
            arrived_ms=int(arrived),
            score=rank,
            quiet=message.event is not None,
            partition=record.partition() or 0,
            offset=record.offset() or 0,
        )

    def _decode_closing(self, record: Message) -> Closing | None:
        try:
            outcome = envelope.decode(Outcome, raw_bytes(record.value()))
        except Rejected as error:
            _log_undecodable(record, error)  # the router writes a dead letter for it
            return None
        messages = closed_messages(outcome)
        if not messages:
            return None
        return Closing(
            outcome=outcome.id,
            department=outcome.department,
            conversation=outcome.conversation,
            messages=messages,
            offset=record.offset() or 0,
        )


def _log_undecodable(record: Message, error: Rejected) -> None:
    log.warning("record.undecodable", topic=record.topic(), offset=record.offset(), text=error.text)
