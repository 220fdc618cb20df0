"""aiokafka's consumer, whose calls end in time and leave nothing behind when Kafka goes away.

runtime/bus/readers.py makes it, and every asyncio stage reads with it. aiokafka itself repeats a
commit, a look-up of the group or of a position for ever while Kafka is away.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.structs import OffsetAndMetadata, OffsetAndTimestamp

from runtime.bus.kafka_client import KafkaClient

T = TypeVar("T")
Offsets = Mapping[TopicPartition, int | OffsetAndMetadata]
"""The offsets to commit, each alone or with a text of ours."""

JOIN_LIMIT_S = 40.0
"""A member joins its group within this time, or the member ends. The group waits 6 seconds for a
dead member, up to 10 for a slow one, and Kafka 3 more for the first ones."""
CALL_LIMIT_S = 10.0
"""Any other question gets its answer within this time."""
STOP_LIMIT_S = 5.0
_CLOSE_LIMIT_S = 1.0
_POLL_MS = 200
_CLIENT_SETTINGS = frozenset(inspect.signature(AIOKafkaClient).parameters)


class KafkaReader(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka's classes are untyped here
    """A consumer whose every call returns, or raises KafkaError or TimeoutError, in time."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        # The first client has no connection and no task yet.
        self._client = KafkaClient(
            **{name: settings[name] for name in _CLIENT_SETTINGS & settings.keys()}
        )

    async def start(self) -> None:
        """Connect and join the group; when Kafka is away, raise with every connection closed."""
        try:
            await _limit("the start of a reader", JOIN_LIMIT_S, super().start())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect, within seconds also while Kafka is away.

        While Kafka is away, aiokafka lets out the cancellation of its own tasks, which would pass
        for one of the caller and end the caller's loop; and it may swallow one of the caller.
        """
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await super().stop()
        except TimeoutError:
            await self._abandon()
        except asyncio.CancelledError:
            await self._abandon()
            if task is None or task.cancelling():
                raise
        if task is not None and task.cancelling() > cancelled:
            raise asyncio.CancelledError

    async def _abandon(self) -> None:
        """End the tasks and connections of a reader whose stop hangs.

        Its heartbeat would look for the group ten times a second, for five minutes.
        """
        coordinator = self._coordinator
        if isinstance(coordinator, GroupCoordinator):
            tasks = (
                coordinator._coordination_task,
                coordinator._heartbeat_task,
                coordinator._commit_refresh_task,
            )
            for task in tasks:
                if task is not None:
                    task.cancel()
        for closing in (self._fetcher, self._client):
            if closing is not None:
                ending = asyncio.ensure_future(closing.close())
                await asyncio.wait({ending}, timeout=_CLOSE_LIMIT_S)
                ending.cancel()
                # It may end with the cancellation of one of its own tasks, which is not ours.
                await asyncio.gather(ending, return_exceptions=True)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return records of the next `timeout_ms`; wait for the group's next assignment first."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # aiokafka and, by asyncio.wait_for, redis-py swallow a cancellation now and then.
            raise asyncio.CancelledError
        reading = super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)
        return await _limit("a fetch", JOIN_LIMIT_S + timeout_ms / 1000, reading)

    async def commit(
        self,
        offsets: Offsets | None = None,
        limit_s: float = CALL_LIMIT_S,
    ) -> None:
        """Commit these offsets, or those of all records that were returned."""
        await _limit("a commit", limit_s, super().commit(offsets))

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next record."""
        return await _limit("a position", CALL_LIMIT_S, super().position(partition))

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Read on from the first record."""
        await _limit("a seek", CALL_LIMIT_S, super().seek_to_beginning(*partitions))

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Read on behind the last record."""
        await _limit("a seek", CALL_LIMIT_S, super().seek_to_end(*partitions))

    async def beginning_offsets(
        self, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the offsets of the first records."""
        return await _limit("first offsets", CALL_LIMIT_S, super().beginning_offsets(partitions))

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets behind the last records."""
        return await _limit("last offsets", CALL_LIMIT_S, super().end_offsets(partitions))

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndTimestamp | None]:
        """Return the first offsets at or after these times (milliseconds since 1970)."""
        return await _limit("offsets", CALL_LIMIT_S, super().offsets_for_times(timestamps))

    async def topic_partitions(self, topic: str) -> list[TopicPartition]:
        """Return a topic's partitions; raise TimeoutError while Kafka has no such topic."""
        looking = self._client._wait_on_metadata(topic)  # no public way before an assignment
        numbers: set[int] = await _limit(f"the partitions of {topic}", CALL_LIMIT_S, looking)
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    async def read_until(
        self, ends: Mapping[TopicPartition, int], max_records: int = 2000
    ) -> AsyncGenerator[list[ConsumerRecord], None]:
        """Yield the records of all assigned partitions, in batches, up to these offsets.

        Raise TimeoutError when no position advances for CALL_LIMIT_S.
        """
        positions = {p: await self.position(p) for p in ends}
        advanced_at = time.monotonic()
        while any(positions[p] < end for p, end in ends.items()):
            batch = await self.getmany(timeout_ms=_POLL_MS, max_records=max_records)
            for records in batch.values():
                yield records
            before, positions = positions, {p: await self.position(p) for p in ends}
            if positions != before:
                advanced_at = time.monotonic()
            elif time.monotonic() - advanced_at > CALL_LIMIT_S:
                raise TimeoutError(f"Kafka sent no records within {CALL_LIMIT_S:g} s")


async def _limit(question: str, limit_s: float, answer: Awaitable[T]) -> T:
    """Return the answer; raise TimeoutError when it takes longer than `limit_s` seconds."""
    try:
        async with asyncio.timeout(limit_s) as timer:
            return await answer
    except TimeoutError as error:
        if not timer.expired():
            raise
        raise TimeoutError(f"Kafka gave no answer to {question} within {limit_s:g} s") from error
