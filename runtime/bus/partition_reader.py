"""Reads single partitions: a group's committed offset, a range of records, records by offset.

The sender restores a partition of replies with it and reads parked replies, and the desk reads a
close in doubt.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from runtime.bus.readers import create_reader, fetch_group_offset
from runtime.settings.structs import KafkaSettings

_READ_TIMEOUT_S = 10.0
_FETCH_BYTES = 256 * 1024
"""A read by offset needs few records: a larger fetch would bring many that nobody asked for."""


class Committed(NamedTuple):
    """The offset that a group committed for a partition, and the text that it committed with it."""

    offset: int | None
    metadata: str


async def committed(kafka: KafkaSettings, group: str, topic_partition: TopicPartition) -> Committed:
    """Return what a group committed for a partition."""
    return Committed(*await fetch_group_offset(kafka, group, topic_partition))


async def read_since(
    kafka: KafkaSettings,
    topic_partition: TopicPartition,
    *,
    client_id: str,
    offset: int | None = None,
    since_ms: int | None = None,
) -> AsyncGenerator[list[ConsumerRecord], None]:
    """Yield a partition's records in batches, from an offset or a time (milliseconds since 1970)
    up to the partition's present end. Kafka's logs name the reader by `client_id`."""
    consumer = create_reader(kafka, group=None, client_id=client_id)
    try:
        await consumer.start()
        consumer.assign([topic_partition])
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        begin = (await consumer.beginning_offsets([topic_partition]))[topic_partition]
        if since_ms is not None:
            starts = await consumer.offsets_for_times({topic_partition: since_ms})
            start = starts.get(topic_partition)
            begin = max(begin, start.offset if start else end)
        if offset is not None:
            begin = max(begin, offset)
        consumer.seek(topic_partition, begin)
        async for records in consumer.read_until({topic_partition: end}, max_records=1000):
            yield records
    finally:
        await consumer.stop()


class RecordReader:
    """Reads records of one topic by their offsets."""

    def __init__(self, kafka: KafkaSettings, topic: str, client_id: str) -> None:
        self._kafka, self._topic, self._client_id = kafka, topic, client_id
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def read(self, partition: int, offsets: Iterable[int]) -> dict[int, ConsumerRecord]:
        """Return the records of a partition at these offsets, without those that Kafka no longer
        has. It raises what the client raises while Kafka is away."""
        async with self._lock, asyncio.timeout(_READ_TIMEOUT_S):
            consumer = await self._ready()
            topic_partition = TopicPartition(self._topic, partition)
            if consumer.assignment() != {topic_partition}:
                consumer.assign([topic_partition])
            begin = (await consumer.beginning_offsets([topic_partition]))[topic_partition]
            end = (await consumer.end_offsets([topic_partition]))[topic_partition]
            wanted = sorted(offset for offset in offsets if begin <= offset < end)
            records: dict[int, ConsumerRecord] = {}
            if wanted:
                consumer.resume(topic_partition)
                consumer.seek(topic_partition, wanted[0])
            missing = set(wanted)
            while missing:
                batch = await consumer.getmany(topic_partition, timeout_ms=500, max_records=1000)
                for record in batch.get(topic_partition, ()):
                    if record.offset in missing:
                        records[record.offset] = record
                position = await consumer.position(topic_partition)
                missing = {offset for offset in missing if offset >= position}
                if missing and min(missing) - position > 1000:
                    consumer.seek(topic_partition, min(missing))
            consumer.pause(topic_partition)
            return records

    async def _ready(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = create_reader(
                self._kafka, group=None, client_id=self._client_id, fetch_bytes=_FETCH_BYTES
            )
            self._consumer = consumer
            try:
                await consumer.start()
            except BaseException:
                await self.stop()
                raise
        return self._consumer

    async def stop(self) -> None:
        """Disconnect."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()
