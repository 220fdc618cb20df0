"""Finds the positions at which the feed continues after a start, a rebalance or an outage.

If waiting.v1 is missing, it is built first. If Redis has another history, it is filled first.
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
from workers.desk_feed.rebuild import QueueRebuild, remove_former_keys
from workers.desk_feed.record_decoder import RecordDecoder
from workers.desk_feed.waiting_build import WaitingBuild
from workers.desk_feed.waiting_limit import WaitingLimit
from workers.desk_queue.queue import DeskQueue, P

log = get(__name__)

T = TypeVar("T")
_BUILD_CHECK_INTERVAL_S = 0.25
"""Processes that do not build waiting.v1 ask this often whether it is complete."""


@dataclass(frozen=True, kw_only=True)
class FeedPositions:
    """The next offset of each owned partition, for waiting.v1 and for Redis."""

    committed: dict[Partition, int]
    applied: dict[Partition, int]


@dataclass(kw_only=True)
class Recovery:
    """The steps before the feed reads; it calls `progress` after each."""

    settings: Settings
    redis: "Redis[bytes]"
    desk_queue: DeskQueue
    records: RecordDecoder
    waiting_limit: WaitingLimit
    executor: Executor
    progress: Callable[[], None]
    _former_keys_removed: bool = field(default=False, init=False)

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
        # Redis answers first, so it never has more than the offsets committed at the second answer.
        stored = await self.desk_queue.read_positions()
        await self._call(feed_log.connect_producer)
        committed = await self._call(lambda: feed_log.read_committed(self._partitions))
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
        """Build waiting.v1 from history if the group has no valid offsets; return False then."""
        ends = await self._call(lambda: feed_log.read_ends(self._partitions))
        absent = [
            partition for partition, end in ends.items() if end and partition not in committed
        ]
        beyond = [partition for partition, offset in committed.items() if offset > ends[partition]]
        if not absent and not beyond and not await self._is_lost(feed_log, committed):
            return True
        builder = (topics.OUTCOMES.name, 0)
        if builder not in owned:
            self.progress()
            await asyncio.sleep(_BUILD_CHECK_INTERVAL_S)
            return False
        log.warning("desk.building", without_offset=len(absent), beyond_end=len(beyond))

        def on_step() -> None:
            self.progress()
            feed_log.keep_membership()

        build = WaitingBuild(self.settings, feed_log, self.records, on_step)
        queues = list_queue_partitions(self.settings.kafka, self.settings.departments)
        count = await self._call(lambda: build.run(queues))
        log.warning("desk.built", messages=count)
        await self.redis.delete(f"{P}epoch")
        return False

    async def _is_lost(self, feed_log: FeedLog, committed: Mapping[Partition, int]) -> bool:
        """Say whether waiting.v1 is without any record although the feed has read queues."""
        queues = list_queue_partitions(self.settings.kafka, self.settings.departments)
        if not any(committed.get(partition) for partition in queues):
            return False
        partitions = [(topics.WAITING.name, n) for n in range(self.settings.kafka.partitions)]
        ends = await self._call(lambda: feed_log.read_ends(partitions))
        return not any(ends.values())

    async def _rebuild(self, feed_log: FeedLog) -> None:
        async def on_step() -> None:
            self.progress()
            await self._call(feed_log.keep_membership)

        rebuild = QueueRebuild(
            settings=self.settings,
            redis=self.redis,
            desk_queue=self.desk_queue,
            log=feed_log,
            records=self.records,
            executor=self.executor,
            waiting_limit=self.waiting_limit,
            on_step=on_step,
        )
        await rebuild.run()
        if not self._former_keys_removed:
            self._former_keys_removed = True
            await remove_former_keys(self.redis)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


def _fits(
    stored: Mapping[str, int], committed: Mapping[Partition, int], owned: Collection[Partition]
) -> bool:
    """Say whether Redis has a state, perhaps an older one, of the present waiting.v1.

    A position beyond its committed offset comes from another Kafka. An owned partition without a
    position must be without records.
    """
    if any(
        stored.get(partition_name(partition), 0) > offset for partition, offset in committed.items()
    ):
        return False
    return all(
        partition_name(partition) in stored or committed[partition] == 0 for partition in owned
    )
