"""Reads from the departments' queues the work items that Redis lacks, by partition and offset.

One thread has one consumer, which belongs to no group. Callers wait for their turn, and at most
`DEADLINE_S` in all.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.topics import queue_topic
from workers.desk_feed.partitions import QUIET, raw_bytes

log = get(__name__)

DEADLINE_S = 5.0
"""A claim waits this long for Kafka before its caller must try again."""
_FETCH_BYTES = 128 * 1024
"""A fetch brings a few work items, not a whole segment."""
_MAX_GAP = 200
"""One pass reads two offsets that are at most this far apart; a second pass costs more."""


class QueueBodyReader:
    """A consumer without a group; many callers may call `load` at a time."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._executor = ThreadPoolExecutor(1, "queue-bodies")
        self._consumer: Consumer | None = None

    async def load(
        self, department: str, offsets: Sequence[tuple[int, int]]
    ) -> Sequence[bytes | None]:
        """Return the WorkItem as JSON at each (partition, offset); None if Kafka deleted it.

        Raises Retry when Kafka is away.
        """
        until = time.monotonic() + DEADLINE_S
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(
            self._executor, self._load, queue_topic(department), list(offsets), until
        )
        try:
            async with asyncio.timeout(DEADLINE_S + 1):
                return await asyncio.shield(reading)
        except TimeoutError as error:
            reading.add_done_callback(lambda f: f.cancelled() or f.exception())
            raise Retry(
                NEIGHBOUR_S, "Kafka, which has the text, does not answer in time"
            ) from error

    async def close(self) -> None:
        """Disconnect."""
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)

    def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def _load(self, topic: str, offsets: list[tuple[int, int]], until: float) -> list[bytes | None]:
        values: dict[tuple[int, int], bytes | None] = {}
        try:
            for partition in sorted({partition for partition, _ in offsets}):
                wanted = sorted({o for p, o in offsets if p == partition})
                for run in _runs(wanted):
                    texts = self._read(TopicPartition(topic, partition), run, until)
                    values |= {(partition, offset): texts.get(offset) for offset in run}
        except KafkaException as error:
            self._close()
            raise Retry(
                NEIGHBOUR_S, f"Kafka, which has the text, is away: {error.args[0].str()}"
            ) from error
        return [values[position] for position in offsets]

    def _connect(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(
                rdkafka_settings(
                    self._kafka,
                    **{
                        "group.id": "santral-bodies",
                        "client.id": f"santral-bodies-{os.getpid()}",
                        "log_level": QUIET,
                        "enable.auto.commit": False,
                        "enable.partition.eof": True,
                        "isolation.level": "read_committed",
                        "auto.offset.reset": "earliest",
                        "fetch.wait.max.ms": 20,
                        "fetch.message.max.bytes": _FETCH_BYTES,
                        "queued.max.messages.kbytes": 1024,
                        "socket.timeout.ms": int(DEADLINE_S * 1000),
                    },
                )
            )
        return self._consumer

    def _read(self, partition: TopicPartition, run: list[int], until: float) -> dict[int, bytes]:
        """Return the records at these offsets of a partition, without those that Kafka deleted."""
        consumer = self._connect()
        consumer.assign([TopicPartition(partition.topic, partition.partition, run[0])])
        wanted, values = set(run), dict[int, bytes]()
        try:
            while time.monotonic() < until:
                record = consumer.poll(0.2)
                if record is None:
                    continue
                fault = record.error()
                if fault is None:
                    offset = record.offset() or 0
                    value = raw_bytes(record.value())
                    if offset in wanted and value is not None:
                        values[offset] = value
                    if offset >= run[-1]:
                        return values
                elif fault.code() == KafkaError._PARTITION_EOF:
                    return values
                elif not fault.retriable() and fault.code() != KafkaError._ALL_BROKERS_DOWN:
                    raise KafkaException(fault)
        finally:
            consumer.unassign()
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


def _runs(offsets: list[int]) -> list[list[int]]:
    """Split sorted offsets into runs whose gaps are small."""
    runs: list[list[int]] = []
    for offset in offsets:
        if runs and offset - runs[-1][-1] <= _MAX_GAP:
            runs[-1].append(offset)
        else:
            runs.append([offset])
    return runs
