"""Reads work items from the departments' queues by partition and offset, for what Redis lacks.

Before: desk/bodies.py has messages without a body. After: desk/desk.py shows them. One thread has
one consumer, which no group knows; callers wait for their turn, and at most `DEADLINE_S` in all.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.bus.bus import rdkafka
from runtime.log import get
from runtime.settings.structs import Kafka
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.topics import queue_topic
from workers.desk_feed.partitions import QUIET, raw_bytes

log = get(__name__)

DEADLINE_S = 5.0
"""How long a claim waits for Kafka before its caller must try again."""
_FETCH_BYTES = 128 * 1024
_NEAR = 200
"""Offsets this close to each other are read in one pass instead of two."""


class QueueBodyReader:
    """A consumer by hand-assignment; `load` may be called by many at a time."""

    def __init__(self, kafka: Kafka) -> None:
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
        return [values[partition] for partition in offsets]

    def _ready(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(
                rdkafka(
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

    def _read(self, part: TopicPartition, run: list[int], until: float) -> dict[int, bytes]:
        """Return the records at these offsets of a partition that are there."""
        consumer = self._ready()
        consumer.assign([TopicPartition(part.topic, part.partition, run[0])])
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
    """Split sorted offsets where the next one is far away."""
    runs: list[list[int]] = []
    for offset in offsets:
        if runs and offset - runs[-1][-1] <= _NEAR:
            runs[-1].append(offset)
        else:
            runs.append([offset])
    return runs
