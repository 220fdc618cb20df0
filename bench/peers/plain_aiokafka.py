"""Plain aiokafka: a transaction for each batch of messages.

aiokafka sends offsets without the group's metadata, so a process that the group has dropped can
still commit.
"""

import asyncio
import signal
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.peers.task import (
    BATCH,
    BOOTSTRAP,
    GROUP,
    LINGER_MS,
    MAX_BATCH_BYTES,
    SOURCE,
    TARGET,
    route,
)


async def main() -> None:
    """Route messages until the task is cancelled."""
    consumer = AIOKafkaConsumer(
        SOURCE,
        bootstrap_servers=BOOTSTRAP,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        transactional_id=GROUP,
        linger_ms=LINGER_MS,
        max_batch_size=MAX_BATCH_BYTES,
    )
    async with consumer, producer:
        while True:
            polled = await consumer.getmany(timeout_ms=100, max_records=BATCH)
            values = [record.value for records in polled.values() for record in records]
            if not values:
                continue
            async with producer.transaction():
                for key, value in route(values):
                    await producer.send(TARGET, value, key)
                offsets = {p: records[-1].offset + 1 for p, records in polled.items()}
                await producer.send_offsets_to_transaction(offsets, GROUP)


async def run() -> None:
    """Cancel the task at SIGTERM."""
    task = asyncio.create_task(main())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(run())
