"""Follows topics in a group, with notes for the watchdog.

runtime/bus/readers.py makes the reader. A worker gets each record, and the offsets behind a batch
are committed once all of it is done.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer

from runtime.bus.kafka_reader import CALL_LIMIT_S, JOIN_LIMIT_S, STOP_LIMIT_S, KafkaReader, Offsets
from runtime.bus.readers import create_reader
from runtime.health.faults import guard
from runtime.health.progress import Progress
from runtime.log import get
from runtime.settings.structs import KafkaSettings

log = get(__name__)

_COMMIT_LIMIT_S = 300.0  # then another reader begins


class Lag(Progress):
    """The notes of a loop over an aiokafka reader, for its watchdog."""

    async def turned(self, consumer: AIOKafkaConsumer) -> None:
        """Note a turn, and where the reader is."""
        positions = {p: await consumer.position(p) for p in consumer.assignment()}
        self.keep_positions({(p.topic, p.partition): offset for p, offset in positions.items()})
        self.count_turn()

    async def commit(self, consumer: KafkaReader, offsets: Offsets | None = None) -> None:
        """Commit, with patience while Kafka is away.

        A member that outlasts the outage reads on at once. A new member would wait until the group
        gives the old one up. Raise TimeoutError when Kafka stays away.
        """
        # An interrupted commit leaves a task of aiokafka behind, whose failure nobody reads.
        task = asyncio.create_task(consumer.commit(offsets, _COMMIT_LIMIT_S))
        try:
            while not (await asyncio.wait({task}, timeout=CALL_LIMIT_S))[0]:
                self.wait_for("Kafka", CALL_LIMIT_S)
        finally:
            task.cancel()
        task.result()

    def joining(self) -> None:
        """Note that the loop waits for Kafka to let its reader in."""
        self.wait_for("Kafka", JOIN_LIMIT_S)

    def left(self) -> None:
        """Note that the loop reads nothing now, and that its reader ends."""
        self.keep_positions({})
        self.wait_for("Kafka", STOP_LIMIT_S)


async def follow(
    kafka: KafkaSettings,
    *topics: str,
    group: str,
    client_id: str,
    lag: Lag,
    most: int,
    each: Callable[[bytes | None], Awaitable[None]],
) -> None:
    """Hand every record's value to `each`, and commit behind at most `most` of them at a time.

    Runs until cancelled. An outage that the client or `each` meets ends it, with that batch
    uncommitted. A fault in `each` costs only that record's work (runtime/health/faults.py).
    """
    consumer = create_reader(kafka, *topics, group=group, client_id=client_id)
    try:
        lag.joining()
        await consumer.start()
        while True:
            batch = await consumer.getmany(timeout_ms=500, max_records=most)
            for records in batch.values():
                for record in records:
                    with guard(log, group, topic=record.topic, offset=record.offset):
                        await each(record.value)
                    lag.handled += 1
            if batch:
                await lag.commit(consumer)
            await lag.turned(consumer)
    finally:
        lag.left()
        await consumer.stop()
