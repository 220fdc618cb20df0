"""Readers of committed records: a whole topic up to its end, or a consumer that follows it."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.bus.client_settings import aiokafka_settings
from runtime.bus.group_member import SESSION_S
from runtime.bus.kafka_client import find_brokers
from runtime.bus.kafka_reader import CALL_LIMIT_S, KafkaReader
from runtime.settings.structs import KafkaSettings

_HEARTBEAT_MS = 1_500
_REBALANCE_MS = 10_000
"""The time in which a living member must give up its partitions and join its group again."""
_REQUEST_MS = 12_000
"""Longer than a rebalance, because the answer to a joining member comes at the rebalance's end."""
_FETCH_BYTES = 4 * 1024 * 1024
_BATCH_RECORDS = 5000


async def read_to_end(
    kafka: KafkaSettings, topics: Iterable[str], since_ms: int | None = None
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield the committed records of topics in batches, up to their end at the time of the call.

    `since_ms`, in milliseconds since 1970, leaves out older records.
    """
    consumer = KafkaReader(
        **aiokafka_settings(kafka),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        partitions: list[TopicPartition] = []
        for topic in topics:
            partitions += await consumer.topic_partitions(topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        if since_ms is not None:
            starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
            for partition in partitions:
                start = starts.get(partition)
                consumer.seek(partition, start.offset if start else ends[partition])
        async for records in consumer.read_until(ends, max_records=_BATCH_RECORDS):
            yield records
    finally:
        await consumer.stop()


async def fetch_group_offset(
    kafka: KafkaSettings, group: str, partition: TopicPartition
) -> tuple[int | None, str]:
    """Return the offset that a group committed for a partition, or None, and its metadata."""
    admin = AIOKafkaAdminClient(**aiokafka_settings(kafka))
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            await find_brokers(admin._client)  # as admin.start() does, which leaves connections
            offsets = await admin.list_consumer_group_offsets(group, partitions=[partition])
    finally:
        await admin.close()
    committed = offsets.get(partition)
    if committed is None or committed.offset < 0:
        return None, ""
    return committed.offset, committed.metadata or ""


def create_reader(
    kafka: KafkaSettings,
    *topics: str,
    group: str | None,
    client_id: str,
    fetch_bytes: int = _FETCH_BYTES,
) -> KafkaReader:
    """Return a consumer of committed records, which commits offsets only by its `commit`.

    Without topics, the caller assigns partitions or subscribes later. `fetch_bytes` limits one
    fetch from one partition.
    """
    consumer = KafkaReader(
        **aiokafka_settings(kafka),
        client_id=client_id,
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_interval_ms=300_000,
        session_timeout_ms=SESSION_S * 1000,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        rebalance_timeout_ms=_REBALANCE_MS,
        fetch_max_wait_ms=100,
        request_timeout_ms=_REQUEST_MS,
        max_partition_fetch_bytes=fetch_bytes,
    )
    if topics:
        consumer.subscribe(list(topics))
    return consumer
