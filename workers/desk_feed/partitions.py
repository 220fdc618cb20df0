"""The partitions that the feed reads and writes, with their names and their records.

log.py follows queues and outcomes as a member of a group. `read_partition` reads one partition
between two offsets, without a group.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.health.progress import Partition
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.envelope import Headers

QUIET = 2
"""Log level of clients whose caller logs outages."""


@dataclass(frozen=True, slots=True)
class WaitingEntry:
    """A record for waiting.v1; without a value it is a tombstone."""

    conversation: str
    key: bytes
    value: bytes | None
    headers: Headers


def raw_bytes(value: bytes | str | None) -> bytes | None:
    """Return a record's key or value as bytes, because the client's types allow a str."""
    return value.encode() if isinstance(value, str) else value


def waiting_partition(conversation: str, count: int) -> int:
    """Return the partition of waiting.v1, of `count`, that has all records of a conversation."""
    return zlib.crc32(conversation.encode()) % count


def partition_name(partition: Partition) -> str:
    """Return the name of a partition in Redis."""
    return f"{partition[0]}/{partition[1]}"


def list_queue_partitions(kafka: KafkaSettings, departments: Iterable[str]) -> list[Partition]:
    """Return every partition of these departments' queues."""
    return [(topics.queue_topic(d), n) for d in departments for n in range(kafka.queue_partitions)]


def list_outcome_partitions(kafka: KafkaSettings) -> list[Partition]:
    """Return every partition of outcomes.v1."""
    return [(topics.OUTCOMES.name, n) for n in range(kafka.partitions)]


def read_partition(
    kafka: KafkaSettings, partition: Partition, start: int, end: int, batch: int = 5000
) -> Iterator[list[Message]]:
    """Yield the committed records of a partition from `start` until all below `end` were read.

    Waits for the end of a transaction that is pending below `end`.
    """
    if start >= end:
        return
    consumer = Consumer(
        rdkafka_settings(
            kafka,
            **{
                "group.id": "santral-lines-reader",
                "log_level": QUIET,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 32 * 1024,
            },
        )
    )
    topic, number = partition
    position = start
    try:
        consumer.assign([TopicPartition(topic, number, start)])
        while position < end:
            records = []
            for message in consumer.consume(batch, 0.05):
                fault = message.error()
                if fault is None:
                    position = (message.offset() or 0) + 1
                    records.append(message)
                elif fault.code() == KafkaError._PARTITION_EOF:
                    position = max(position, message.offset() or 0)
                elif not fault.retriable():
                    raise KafkaException(fault)
            if records:
                yield records
    finally:
        consumer.close()
