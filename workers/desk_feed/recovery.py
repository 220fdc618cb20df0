"""Finds from where the feed reads on, after a start, a rebalance, an outage, or in another Redis.

Before: feed.py reads nothing. After: it reads on from the positions, unless waiting.v1 has to
be built first, or Redis to be filled from it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from redis.asyncio import Redis

from runtime.health.progress import Partition
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import topics
from workers.desk_feed.log import FeedLog
from workers.desk_feed.partitions import (
    list_outcome_partitions,
    list_queue_partitions,
    partition_name,
)
from workers.desk_feed.rebuild import QueueRebuild, remove_old_keys
from workers.desk_feed.record_decoder import RecordDecoder
from workers.desk_feed.waiting_build import WaitingBuild
from workers.desk_feed.waiting_limit import WaitingLimit
from workers.desk_queue.queue import DeskQueue, P

log = get(__name__)

T = TypeVar("T")
_PAUSE_S = 0.25


@dataclass(frozen=True, kw_only=True)
class FeedPositions:
    """The next offset of each owned partition: for waiting.v1, and for Redis."""

    committed: dict[Partition, int]
    applied: dict[Partition, int]


@dataclass(kw_only=True)
class Recovery:
    """What the feed does before it reads; `progress` notes a step of it."""

    settings: Settings
    redis: "Redis[bytes]"
    desk_queue: DeskQueue
    records: RecordDecoder
    room: WaitingLimit
    executor: Executor
    progress: Callable[[], None]
    _cleaned: bool = field(default=False, init=False)

    @property
    def _partitions(self) -> list[Partition]:
        kafka = self.settings.kafka
        return [
            *list_queue_partitions(kafka, self.settings.departments),
            *list_outcome_partitions(kafka),
        ]

    async def find_positions(
        self, feed_log: FeedLog, owned: Collection[Partition]
    ) -> FeedPositions | None:
        """Return the positions, or None if the caller must ask again."""
        # Redis first: it never has more than what was committed when the second answer came.
        stored = await self.desk_queue.read_positions()
        await self._call(feed_log.ready)
        committed = await self._call(lambda: feed_log.committed(self._partitions))
        if not await self._is_built(feed_log, owned, committed):
            return None
        fresh = {partition: 0 for partition in owned if partition not in committed}
        if fresh:
            await self._call(lambda: feed_log.write([], fresh))
        reached = dict.fromkeys(self._partitions, 0) | committed
        if await self.desk_queue.read_epoch() is None or not _fits(stored, reached, owned):
            await self._rebuild(feed_log)
            return None
        return FeedPositions(
            committed={partition: reached[partition] for partition in owned},
            applied={partition: stored.get(partition_name(partition), 0) for partition in owned},
        )

    async def _is_built(
        self, feed_log: FeedLog, owned: Collection[Partition], committed: Mapping[Partition, int]
    ) -> bool:
        """Build waiting.v1 from history where the group has no valid offsets."""
        ends = await self._call(lambda: feed_log.ends(self._partitions))
        absent = [
            partition for partition, end in ends.items() if end and partition not in committed
        ]
        beyond = [partition for partition, offset in committed.items() if offset > ends[partition]]
        if not absent and not beyond and not await self._is_lost(feed_log, committed):
            return True
        builder = (topics.OUTCOMES.name, 0)
        if builder not in owned:
            self.progress()
            await asyncio.sleep(_PAUSE_S)
            return False
        log.warning("desk.building", without_offset=len(absent), beyond_end=len(beyond))

        def turn() -> None:
            self.progress()
            feed_log.keep_membership()

        build = WaitingBuild(self.settings, feed_log, self.records, turn)
        queues = list_queue_partitions(self.settings.kafka, self.settings.departments)
        count = await self._call(lambda: build.run(queues))
        log.warning("desk.built", messages=count)
        await self.redis.delete(f"{P}epoch")
        return False

    async def _is_lost(self, feed_log: FeedLog, committed: Mapping[Partition, int]) -> bool:
        """Say whether waiting.v1 never had a record although the feed has read queues."""
        queues = list_queue_partitions(self.settings.kafka, self.settings.departments)
        if not any(committed.get(partition) for partition in queues):
            return False
        partitions = [(topics.WAITING.name, n) for n in range(self.settings.kafka.partitions)]
        ends = await self._call(lambda: feed_log.ends(partitions))
        return not any(ends.values())

    async def _rebuild(self, feed_log: FeedLog) -> None:
        async def turn() -> None:
            self.progress()
            await self._call(feed_log.keep_membership)

        rebuild = QueueRebuild(
            settings=self.settings,
            redis=self.redis,
            desk_queue=self.desk_queue,
            log=feed_log,
            records=self.records,
            executor=self.executor,
            room=self.room,
            turn=turn,
        )
        await rebuild.run()
        if not self._cleaned:
            self._cleaned = True
            await remove_old_keys(self.redis)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


def _fits(
    stored: Mapping[str, int], committed: Mapping[Partition, int], owned: Collection[Partition]
) -> bool:
    """Say whether Redis is a true, perhaps older, state of what waiting.v1 has.

    A position beyond its committed offset comes from another Kafka. An owned partition without a
    position must not have had a record.
    """
    if any(
        stored.get(partition_name(partition), 0) > offset for partition, offset in committed.items()
    ):
        return False
    return all(
        partition_name(partition) in stored or committed[partition] == 0 for partition in owned
    )
