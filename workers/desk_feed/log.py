"""Reads queues and outcomes for the desk feed, and writes waiting.v1 with the group's offsets.

One transaction has the records of a batch and the offsets behind them, so both always agree.
feed.py applies the same records to Redis. Every method blocks, and one thread calls them all.
"""

import os
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from runtime.bus.client_settings import rdkafka_settings
from runtime.health.progress import Partition
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.topics import BROKER_MESSAGE_MAX
from workers.desk_feed.partitions import QUIET, WaitingEntry, waiting_partition

log = get(__name__)

GROUP = "santral-lines"
"""The consumer group, whose committed offsets are the end of the input that waiting.v1 has."""
BUILDER = "santral-lines-build"
"""Transactional id of the process that builds waiting.v1; Kafka fences the older one."""

_TRANSACTION_S = 15
"""Kafka aborts a transaction that is open for longer, as after a crash."""
_REQUEST_S = 10.0
"""A request that takes longer is an outage; the feed then waits and tries again."""
_SESSION_MS = 6_000
"""The group gives the partitions of a dead process to others after this time."""
_BROKER_CHECK_S = 3.0
"""The check of the broker is short, because the feed reads nothing meanwhile."""
_FIRST_POLL_S = 0.25
"""A read waits this long for the first record; the records behind it come without a wait."""

_PASSING_ERRORS = (
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._TIMED_OUT,
    KafkaError._MAX_POLL_EXCEEDED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
"""Errors after which the client tries again by itself; `check_broker` fails if they last."""


class FeedLog:
    """A consumer of the group and a transactional producer.

    A rebalance only sets `stale`. The log then reads nothing until `start_from`. The producer's
    transactional id is `identity`, so Kafka ends at once what an earlier producer of that name left
    open, and `read_committed` does not wait for the timeout of that transaction.
    """

    def __init__(self, kafka: KafkaSettings, names: Sequence[str], identity: str) -> None:
        self._kafka, self._identity = kafka, identity
        self.owned: frozenset[Partition] = frozenset()
        self.stale = True
        self._consumer = Consumer(
            rdkafka_settings(
                kafka,
                **{
                    "group.id": GROUP,
                    "client.id": f"santral-desk-{os.getpid()}",
                    "log_level": QUIET,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "isolation.level": "read_committed",
                    "auto.offset.reset": "earliest",
                    "partition.assignment.strategy": "range",
                    "session.timeout.ms": _SESSION_MS,
                    "heartbeat.interval.ms": _SESSION_MS // 4,
                    "fetch.wait.max.ms": 100,
                    "fetch.error.backoff.ms": 100,
                    "queued.max.messages.kbytes": 16 * 1024,
                },
            )
        )
        self._producer: Producer | None = None
        self._consumer.subscribe(
            list(names), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
        )

    def connect_producer(self) -> Producer:
        """Return the producer, a new one if the last one failed."""
        if self._producer is None:
            producer = transactional_producer(self._kafka, self._identity)
            producer.init_transactions(_REQUEST_S)
            self._producer = producer
        return self._producer

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.owned = frozenset((p.topic, p.partition) for p in partitions)
        self.stale = True
        consumer.assign([])

    def _revoke(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.owned = frozenset()
        self.stale = True
        consumer.unassign()

    def close(self) -> None:
        """Leave the group; Kafka aborts an open transaction."""
        self._producer = None
        try:
            self._consumer.close()
        except KafkaException as error:  # the group notices the end of its heartbeats
            log.warning("desk.leave_failed", why=str(error))

    def read_committed(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the committed offsets; a partition without one is absent.

        Waits for pending transactions on them to end.
        """
        wanted = [TopicPartition(topic, number) for topic, number in partitions]
        answer = self._consumer.committed(wanted, _TRANSACTION_S + _REQUEST_S) if wanted else []
        for position in answer:
            if position.error is not None:
                raise KafkaException(position.error)
        return {(p.topic, p.partition): p.offset for p in answer if p.offset >= 0}

    def check_broker(self) -> None:
        """Raise KafkaException if Kafka does not answer now."""
        partition = TopicPartition(topics.OUTCOMES.name, 0)
        self._consumer.get_watermark_offsets(partition, _BROKER_CHECK_S)

    def read_ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the offset behind the last record of each partition, uncommitted ones included."""
        return {partition: high for partition, (_, high) in self.read_bounds(partitions).items()}

    def read_bounds(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """Return the first offset of each partition and the one behind its last."""
        result = {}
        for topic, number in partitions:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(topic, number), _REQUEST_S
            )
            result[topic, number] = (low, high)
        return result

    def stop_reading(self) -> None:
        """Read nothing until `start_from`."""
        self._consumer.assign([])
        self.stale = True

    def start_from(self, offsets: Mapping[Partition, int]) -> None:
        """Begin to read the owned partitions at these offsets; the log is not stale any more."""
        self._consumer.assign([TopicPartition(t, n, offset) for (t, n), offset in offsets.items()])
        self.stale = False

    def pause(self, partitions: Iterable[Partition]) -> None:
        """Read these partitions no further."""
        self._consumer.pause([TopicPartition(topic, number) for topic, number in partitions])

    def resume(self, partitions: Iterable[Partition]) -> None:
        """Read these partitions again."""
        self._consumer.resume([TopicPartition(topic, number) for topic, number in partitions])

    def keep_membership(self) -> None:
        """Stay in the group without reading; call it only while the log is stale."""
        self._consumer.poll(0)

    def read(self, limit: int) -> dict[Partition, list[Message]]:
        """Return up to `limit` records by partition as soon as one comes, or {} after a while."""
        first = self._consumer.poll(_FIRST_POLL_S)
        if first is None:
            return {}
        batch: dict[Partition, list[Message]] = {}
        for message in (first, *self._consumer.consume(limit - 1, 0)):
            fault = message.error()
            if fault is not None:
                if fault.fatal() or fault.code() not in _PASSING_ERRORS:
                    raise KafkaException(fault)
                continue
            batch.setdefault((message.topic() or "", message.partition() or 0), []).append(message)
        return {} if self.stale else batch

    def write(self, entries: Iterable[WaitingEntry], offsets: Mapping[Partition, int]) -> None:
        """Write the entries and the offsets behind their records in one transaction.

        Raises KafkaException after it aborted the transaction, for example because another process
        owns the partitions now.
        """
        producer = self.connect_producer()
        try:
            producer.begin_transaction()
            producer.send_offsets_to_transaction(
                [TopicPartition(t, n, offset) for (t, n), offset in offsets.items()],
                self._consumer.consumer_group_metadata(),
                _TRANSACTION_S,
            )
            produce_entries(producer, entries, self._kafka.partitions)
            commit(producer)
        except KafkaException:
            if not abort(producer):
                self._producer = None
            raise

    def membership(self) -> object:
        """Return this process's membership in the present generation of the group."""
        return self._consumer.consumer_group_metadata()


def transactional_producer(kafka: KafkaSettings, identifier: str) -> Producer:
    """Return a producer for waiting.v1."""
    return Producer(
        rdkafka_settings(
            kafka,
            **{
                "transactional.id": identifier,
                "client.id": identifier,
                "log_level": QUIET,
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.size": 256 * 1024,
                "message.max.bytes": BROKER_MESSAGE_MAX,
                "retry.backoff.ms": 1,
                "retry.backoff.max.ms": 200,
                "transaction.timeout.ms": _TRANSACTION_S * 1000,
                "queue.buffering.max.messages": 500_000,
            },
        )
    )


def produce_entries(producer: Producer, entries: Iterable[WaitingEntry], partitions: int) -> None:
    """Hand entries to an open transaction."""
    for number, entry in enumerate(entries):
        producer.produce(
            topics.WAITING.name,
            entry.value,
            entry.key,
            partition=waiting_partition(entry.conversation, partitions),
            headers=entry.headers,
        )
        if number % 1000 == 999:
            producer.poll(0)


def commit(producer: Producer) -> None:
    """Commit; try again while Kafka calls the failure retriable."""
    while True:
        try:
            producer.commit_transaction(_TRANSACTION_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
        else:
            return


def abort(producer: Producer) -> bool:
    """Abort; return False if the producer is broken, and Kafka aborts by itself."""
    try:
        producer.abort_transaction(_TRANSACTION_S)
    except KafkaException:
        return False
    return True
