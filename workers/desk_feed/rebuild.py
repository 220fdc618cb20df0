"""Fills an empty desk queue from waiting.v1, and serves it before all of waiting.v1 is read.

It runs if Redis is empty, or has the lines of another Kafka. Afterwards the lines have everything
up to the committed offsets, at which the feed continues. Outcomes beyond those offsets close their
messages before an agent can claim them.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from redis.asyncio import Redis

from runtime.health.progress import Partition
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import topics
from schemas.state.waiting import WaitingMessage
from workers.desk_feed.log import FeedLog
from workers.desk_feed.open_items import ORIGIN, OpenItems, WaitingFold
from workers.desk_feed.partitions import (
    list_outcome_partitions,
    list_queue_partitions,
    partition_name,
    raw_bytes,
    read_partition,
    waiting_partition,
)
from workers.desk_feed.record_decoder import RecordDecoder
from workers.desk_feed.waiting_limit import WaitingLimit, is_full
from workers.desk_queue.queue import DeskQueue, P
from workers.desk_queue.rebuild_lock import LOCK, LockLost, RebuildLock
from workers.desk_queue.values import Closing, QueuedMessage

log = get(__name__)

T = TypeVar("T")
_CHUNK_MESSAGES = 2000
"""The rebuild renews its lock between chunks, so each must take far less than the lock's time."""
_FULL_PAUSE_S = 1.0
"""The pause between tries while Redis is full; agents free memory by closing items."""
_FORMER_KEYS = "santral:desk:*"
"""The keys of versions without waiting.v1."""


@dataclass(kw_only=True)
class QueueRebuild:
    """One rebuild by the process that has the lock."""

    settings: Settings
    redis: "Redis[bytes]"
    desk_queue: DeskQueue
    log: FeedLog
    records: RecordDecoder
    executor: Executor
    waiting_limit: WaitingLimit
    on_step: Callable[[], Awaitable[None]]
    _lock: RebuildLock = field(init=False)
    _serving: bool = field(default=False, init=False)
    _history: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._lock = RebuildLock(self.redis)

    async def run(self) -> int:
        """Rebuild; return the number of waiting messages. Raises LockLost."""
        await self._lock.take()
        try:
            return await self._fill()
        finally:
            await self._lock.release()

    async def _fill(self) -> int:
        log.warning("desk.rebuilding")
        self._history, _ = await self.desk_queue.read_history()
        await self.redis.delete(f"{P}epoch")
        await self._keep_lock(self.desk_queue.clear(LOCK))
        kafka = self.settings.kafka
        partitions = [
            *list_queue_partitions(kafka, self.settings.departments),
            *list_outcome_partitions(kafka),
        ]
        committed = await self._call(lambda: self.log.read_committed(partitions))
        reached = {partition: committed.get(partition, 0) for partition in partitions}
        ends = await self._call(lambda: self.log.read_ends(list_outcome_partitions(kafka)))
        closings = await self._run_in_thread(lambda: self._closings(reached, ends))
        epoch = secrets.token_hex(4)
        count = 0
        for number in range(kafka.partitions):
            fold = await self._read_fold(number, reached)
            own = [
                c for c in closings if waiting_partition(c.conversation, kafka.partitions) == number
            ]
            waiting = await self._close(fold, own)
            for first in range(0, len(waiting), _CHUNK_MESSAGES):
                await self._renew()
                await self._add(waiting[first : first + _CHUNK_MESSAGES])
                if not self._serving:
                    await self._serve(epoch, None)
            count += len(waiting)
        positions = {partition_name(partition): reached[partition] for partition in partitions}
        await self._renew()
        await self._serve(epoch, positions)
        log.warning("desk.rebuilt", messages=count)
        return count

    async def _add(self, waiting: Iterable[WaitingMessage]) -> None:
        """Put messages in line; wait while Redis is full."""
        queued_messages = [_queued_message(message) for message in waiting]
        while True:
            try:
                await self.desk_queue.add(queued_messages)
            except Exception as error:
                if not is_full(error):
                    raise
                self.waiting_limit.note_error(error)
                await self._renew()
                await asyncio.sleep(_FULL_PAUSE_S)
            else:
                return

    async def _serve(self, epoch: str, positions: dict[str, int] | None) -> None:
        """Let agents claim; raise LockLost if Redis changed since the rebuild began."""
        if not await self.desk_queue.begin(epoch, LOCK, self._lock.token, positions):
            raise LockLost
        if not await self.desk_queue.verify(self._history):
            raise LockLost
        self._serving = True

    def _closings(self, reached: dict[Partition, int], ends: dict[Partition, int]) -> list[Closing]:
        """Return the closings of the outcomes beyond the committed offsets."""
        closings: list[Closing] = []
        for partition, end in ends.items():
            for batch in read_partition(self.settings.kafka, partition, reached[partition], end):
                closings += self.records.decode_closings(batch)
        return closings

    async def _read_fold(self, number: int, reached: dict[Partition, int]) -> OpenItems:
        """Return the fold of a partition of waiting.v1."""
        partition = (topics.WAITING.name, number)
        bounds = (await self._call(lambda: self.log.read_bounds([partition])))[partition]
        return await self._run_in_thread(
            lambda: fold_partition(self.settings, number, bounds, reached)
        )

    async def _run_in_thread(self, call: Callable[[], T]) -> T:
        """Run a long read in a thread of its own, and keep the lock and the membership."""
        return await self._keep_lock(asyncio.to_thread(call))

    async def _keep_lock(self, work: Coroutine[None, None, T]) -> T:
        """Wait for long work, and keep the lock and the membership."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await self._renew()
                await asyncio.wait({task}, timeout=1)
            return task.result()
        finally:
            task.cancel()

    async def _close(self, fold: OpenItems, closings: list[Closing]) -> list[WaitingMessage]:
        """Apply closings and early finishes; return the other messages, which wait.

        A message of `closings` first comes in line, so that its outcome counts as its first close.
        """
        touched = {message for c in closings for message, _ in c.messages}
        await self._add(w for w in fold.waiting if w.message in touched)
        gone = [
            WaitingMessage(
                message=message,
                department=c.department,
                conversation=c.conversation,
                hops=min(hops, fold.finished[message]),
            )
            for c in closings
            for message, hops in c.messages
            if message in fold.finished
        ]
        await self._add(gone)
        await self.desk_queue.close(closings)
        early = [
            _early_closing(w.message, w.hops, w.department, w.conversation) for w in fold.early
        ] + [_early_closing(message, hops, "-", "-") for message, hops in fold.finished.items()]
        await self.desk_queue.close(early)
        return [w for w in fold.waiting if w.message not in touched]

    async def _renew(self) -> None:
        await self._lock.renew()
        await self.on_step()

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


def fold_partition(
    settings: Settings, number: int, bounds: tuple[int, int], reached: dict[Partition, int]
) -> OpenItems:
    """Read a partition of waiting.v1 to its end and return its fold."""
    fold = WaitingFold(reached)
    for batch in read_partition(settings.kafka, (topics.WAITING.name, number), *bounds):
        for record in batch:
            value = raw_bytes(record.value())
            origin = None
            if value is None:
                origin = raw_bytes(dict(record.headers() or []).get(ORIGIN))
            fold.apply(raw_bytes(record.key()) or b"", value, origin)
    return fold.open_items()


async def remove_former_keys(redis: "Redis[bytes]") -> int:
    """Delete the keys of versions without waiting.v1 in small steps; return their number."""
    count = 0
    batch: list[bytes] = []
    async for key in redis.scan_iter(match=_FORMER_KEYS, count=500):
        batch.append(key)
        if len(batch) >= 500:
            count += await redis.unlink(*batch)
            batch = []
    if batch:
        count += await redis.unlink(*batch)
    return count


def _queued_message(waiting: WaitingMessage) -> QueuedMessage:
    return QueuedMessage(
        department=waiting.department,
        conversation=waiting.conversation,
        message=waiting.message,
        hops=waiting.hops,
        work=b"",
        arrived_ms=waiting.arrived_ms,
        score=waiting.score,
        quiet=waiting.quiet,
        partition=waiting.partition,
        offset=waiting.offset,
    )


def _early_closing(message: str, hops: int, department: str, conversation: str) -> Closing:
    return Closing(
        outcome="-",
        department=department,
        conversation=conversation,
        messages=((message, hops),),
    )
