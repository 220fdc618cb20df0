"""The records that Kafka has for a loop and that the loop has not read.

The watchdog (runtime/stage/watchdog.py) gives the positions of a loop and gets the partitions in
which a committed record waits. An offset alone does not show that, because a log may end with the
markers of transactions and the records of aborted ones, which no reader gets.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from time import monotonic

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.health.progress import Partition
from runtime.settings.structs import KafkaSettings

MAX_REQUEST_S = 5.0
"""A broker that answers later than this counts as away."""


class Backlog:
    """Asks Kafka through a client of its own, in one thread at a time.

    Raises KafkaException while Kafka is away.
    """

    def __init__(self, kafka: KafkaSettings, patience: timedelta) -> None:
        self._kafka = kafka
        self._request_s = min(MAX_REQUEST_S, patience.total_seconds() / 4)
        self._consumer: Consumer | None = None
        self._empty: dict[Partition, tuple[int, int]] = {}

    def __call__(self, positions: Mapping[Partition, int]) -> frozenset[Partition]:
        """Return the partitions that have a committed record at or after the position.

        A partition without a leader has nothing to read.
        """
        if self._consumer is None:
            self._consumer = self._connect()
        led = self._led(self._consumer, {topic for topic, _ in positions})
        suspects: dict[Partition, tuple[int, int]] = {}
        for partition in positions.keys() & led:
            position = positions[partition]
            low, end = self._consumer.get_watermark_offsets(
                TopicPartition(*partition), self._request_s
            )
            first = max(low, position)
            # The same markers need one look only: the answer holds until the log grows.
            if first < end and self._empty.get(partition) != (first, end):
                suspects[partition] = (first, end)
        if not suspects:
            return frozenset()
        waiting, empty = self._read(self._consumer, suspects)
        self._empty |= {partition: suspects[partition] for partition in empty}
        return waiting

    def _connect(self) -> Consumer:
        config = {
            "group.id": "santral-lag",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "queued.min.messages": 1,
            "queued.max.messages.kbytes": 1024,
            "max.partition.fetch.bytes": 64 * 1024,
        }
        return Consumer(rdkafka_settings(self._kafka, **config))

    def _led(self, consumer: Consumer, topics: Collection[str]) -> set[Partition]:
        """Return the partitions of topics that have a leader; any answer shows that Kafka is up."""
        if not topics:
            consumer.list_topics(timeout=self._request_s)
        led: set[Partition] = set()
        for topic in topics:
            metadata = consumer.list_topics(topic, self._request_s)
            for number, partition in metadata.topics[topic].partitions.items():
                if partition.leader in metadata.brokers:
                    led.add((topic, number))
        return led

    def _read(
        self, consumer: Consumer, suspects: Mapping[Partition, tuple[int, int]]
    ) -> tuple[frozenset[Partition], frozenset[Partition]]:
        """Read each partition up to its first record; return those with one and those without."""
        waiting: set[Partition] = set()
        empty: set[Partition] = set()
        consumer.assign(
            [
                TopicPartition(*partition, first if first >= 0 else OFFSET_BEGINNING)
                for partition, (first, _) in suspects.items()
            ]
        )
        deadline = monotonic() + self._request_s
        try:
            while len(waiting | empty) < len(suspects) and monotonic() < deadline:
                for record in consumer.consume(100, 0.1):
                    partition = record.topic(), record.partition()
                    error = record.error()
                    if error is None:
                        waiting.add(partition)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        empty.add(partition)
                    elif not error.retriable():
                        raise KafkaException(error)
        finally:
            consumer.unassign()
        return frozenset(waiting), frozenset(empty - waiting)
