"""Builds waiting.v1 from the whole history of queues and outcomes.

It runs if the group has no valid offsets, which means that this is its first start or that Kafka
was replaced. Afterwards waiting.v1 has exactly the messages that wait. The last transaction commits
the offsets. After a crash before it, the next build starts from the beginning and writes the
difference to the present records.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Message, Producer, TopicPartition

from runtime.health.progress import Partition
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.state.waiting import WaitingMessage
from workers.desk_feed.log import (
    BUILDER,
    FeedLog,
    abort,
    commit,
    produce_entries,
    transactional_producer,
)
from workers.desk_feed.partitions import (
    WaitingEntry,
    list_outcome_partitions,
    raw_bytes,
    read_partition,
)
from workers.desk_feed.record_decoder import RecordDecoder
from workers.desk_feed.waiting_entries import closed_entry, queued_entry
from workers.desk_queue.values import QueuedMessage

_ENTRIES_A_TRANSACTION = 10_000
_REQUEST_S = 10.0

OnStep = Callable[[], None]
"""The build calls it after each batch, for the watchdog and the membership in the group."""


@dataclass(kw_only=True)
class _QueueBuild:
    """A queue's partition during a build.

    `end` is the offset at which the feed will continue. `opened` has the conversations that wait.
    """

    end: int
    is_cut: bool = False
    opened: set[str] = field(default_factory=set)


class WaitingBuild:
    """One build; the process that has the first partition of outcomes.v1 runs it."""

    def __init__(
        self, settings: Settings, feed_log: FeedLog, records: RecordDecoder, on_step: OnStep
    ) -> None:
        self._kafka, self._limit = settings.kafka, settings.desk.max_waiting
        self._feed_log, self._records, self._on_step = feed_log, records, on_step
        self._finished: dict[str, int] = {}
        self._count = 0

    def run(self, queues: Iterable[Partition]) -> int:
        """Build; return the number of messages that wait. Raises KafkaException."""
        producer = transactional_producer(self._kafka, BUILDER)
        producer.init_transactions(_REQUEST_S)
        try:
            return self._build(producer, queues, self._feed_log.membership())
        except KafkaException:
            abort(producer)
            raise

    def _build(self, producer: Producer, queues: Iterable[Partition], member: object) -> int:
        outcomes = self._feed_log.read_bounds(list_outcome_partitions(self._kafka))
        # An outcome is younger than its work item, so these ends have every item of those outcomes.
        items = self._feed_log.read_bounds(queues)
        ends = {partition: high for partition, (_, high) in {**outcomes, **items}.items()}
        for partition, (low, high) in outcomes.items():
            for batch in self._read(partition, low, high):
                self._take_outcomes(batch)
        present = self._read_present()
        for partition, (low, high) in items.items():
            queue = _QueueBuild(end=high)
            for batch in self._read(partition, low, high):
                entries = [
                    entry
                    for queued in self._records.decode_messages(batch)
                    if (entry := self._entry(queued, queue))
                ]
                for entry in entries:
                    present.pop(entry.key, None)
                self._write(producer, entries)
            ends[partition] = queue.end
        gone = [WaitingEntry(conversation, key, None, []) for key, conversation in present.items()]
        for first in range(0, len(gone), _ENTRIES_A_TRANSACTION):
            self._write(producer, gone[first : first + _ENTRIES_A_TRANSACTION])
        self._finish(producer, ends, member)
        return self._count

    def _read(self, partition: Partition, low: int, high: int) -> Iterable[list[Message]]:
        for batch in read_partition(self._kafka, partition, low, high):
            yield batch
            self._on_step()

    def _take_outcomes(self, batch: list[Message]) -> None:
        for closing in self._records.decode_closings(batch):
            for message, hops in closing.messages:
                self._finished[message] = max(self._finished.get(message, -1), hops)

    def _entry(self, queued: QueuedMessage, queue: _QueueBuild) -> WaitingEntry | None:
        """Return the entry of a message.

        At the limit of the lines, the feed will continue at this message. It then needs the
        finishes of the messages after it.
        """
        finished = self._finished.get(queued.message, -1)
        if finished >= queued.hops:
            if not queue.is_cut:
                return None
            return closed_entry(
                queued.department,
                queued.conversation,
                queued.message,
                finished,
                queued.arrived_ms,
            )
        if queue.is_cut or (queued.quiet and queued.conversation not in queue.opened):
            return None
        if self._count >= self._limit:
            queue.is_cut, queue.end = True, queued.offset
            return None
        queue.opened.add(queued.conversation)
        self._count += 1
        return queued_entry(queued)

    def _read_present(self) -> dict[bytes, str]:
        """Return the keys that have a value now, each with its conversation."""
        present: dict[bytes, str] = {}
        partitions = [(topics.WAITING.name, n) for n in range(self._kafka.partitions)]
        for partition, (low, high) in self._feed_log.read_bounds(partitions).items():
            for batch in self._read(partition, low, high):
                for record in batch:
                    key, value = raw_bytes(record.key()) or b"", raw_bytes(record.value())
                    if value is None:
                        present.pop(key, None)
                        continue
                    with contextlib.suppress(Rejected):  # the record of a newer writer stays
                        present[key] = envelope.decode(WaitingMessage, value).conversation
        return present

    def _write(self, producer: Producer, entries: list[WaitingEntry]) -> None:
        if not entries:
            return
        producer.begin_transaction()
        produce_entries(producer, entries, self._kafka.partitions)
        commit(producer)

    def _finish(self, producer: Producer, ends: dict[Partition, int], member: object) -> None:
        producer.begin_transaction()
        parts = [TopicPartition(topic, number, end) for (topic, number), end in ends.items()]
        producer.send_offsets_to_transaction(parts, member, _REQUEST_S)
        commit(producer)
