"""Keeps the desk's lines in step with Kafka.

Before: queue.<department>.v1 and outcomes.v1. After: waiting.v1, then Redis, from which
desk/desk.py serves agents. A batch first goes to waiting.v1 in one transaction with the group's
offsets, and then to Redis together with the position behind it. Redis behind the offsets reads its
part again; lines that are gone come from waiting.v1 (rebuild.py).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from redis.asyncio import Redis

from runtime.bus.bus import queues
from runtime.clock import Clock
from runtime.health.faults import guard, is_outage
from runtime.health.health import Fresh, Health
from runtime.health.progress import Partition, Progress
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import topics
from workers.desk_feed.abandoned_closings import AbandonedClosings
from workers.desk_feed.log import FeedLog
from workers.desk_feed.partitions import (
    WaitingEntry,
    list_outcome_partitions,
    list_queue_partitions,
    partition_name,
)
from workers.desk_feed.record_decoder import STEP, RecordDecoder
from workers.desk_feed.recovery import Recovery
from workers.desk_feed.thread import FeedThread
from workers.desk_feed.waiting_entries import arrival_entries, closing_entries
from workers.desk_feed.waiting_limit import WaitingLimit
from workers.desk_queue.lookup import look_up
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.rebuild_lock import LockLost
from workers.desk_queue.values import Closing, OffsetRange, QueuedMessage, RedisBehind

log = get(__name__)

T = TypeVar("T")
HEAD_OF_LINE = 500
"""Conversations of each line whose work items Redis has; an agent's claim reads others in Kafka."""
BODY_MS = 600_000
_BATCH = 2000
_LOOK_EVERY_S = 0.25
_COUNT_EVERY_S = 1.0
_HEAR_EVERY_S = 2.0
_SAY_EVERY_S = 60.0
_RETRY_S = 1.0
_LEAVE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class PartitionBatch:
    """The decoded records of a partition, and the offset behind the last."""

    arrivals: list[QueuedMessage]
    closings: list[Closing]
    end: int
    count: int


class Feed:
    """Reads queues and outcomes into the lines, and waits while Kafka or Redis is away."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", clock: Clock, health: Health
    ) -> None:
        self._settings, self._redis, self._clock = settings, redis, clock
        self.desk_queue = DeskQueue(redis, head_of_line=HEAD_OF_LINE, body_ms=BODY_MS)
        self.lag = Progress("desk lag")
        self.fresh = Fresh(clock, 60, "look at the queues")
        health.add("desk", self.problem)
        kafka = settings.kafka
        self._queues = list_queue_partitions(kafka, settings.departments)
        self._outcomes = list_outcome_partitions(kafka)
        self._records = RecordDecoder(clock, settings.desk.priority_point)
        self._room = WaitingLimit(settings, redis, self._queues)
        self._abandoned = AbandonedClosings(
            redis, self.desk_queue, settings.departments, kafka.ack_timeout
        )
        self._executor = FeedThread("desk-feed")
        self._recovery = Recovery(
            settings=settings,
            redis=redis,
            desk_queue=self.desk_queue,
            records=self._records,
            room=self._room,
            executor=self._executor,
            progress=self._note_progress,
        )
        self._applied: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._doubtful: tuple[bytes, dict[Partition, int]] | None = None
        self._looked_s = self._counted_s = self._heard_s = 0.0
        self._follows = False
        self._outage: tuple[str, float] | None = None
        self._logged_s = -_SAY_EVERY_S

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions that this feed reads now."""
        return frozenset(self._applied)

    def problem(self) -> str | None:
        """Return why the lines do not follow Kafka, or None."""
        if self._outage is not None and self._clock.monotonic() - self._outage[1] > 2:
            return self._outage[0]
        if not self._follows:
            return "the desk feed joins its group and prepares the lines"
        return self._room.problem() or self.fresh()

    def _note_progress(self) -> None:
        """Note a step of a long recovery."""
        self.lag.count_turn()
        self.fresh.succeeded()

    async def run(self) -> None:
        """Feed for ever; only a fault of ours ends it."""
        while True:
            try:
                await self._follow()
            except KafkaException as error:
                await self._wait(f"Kafka refuses the desk, which starts again: {error}")

    async def _wait(self, text: str) -> None:
        """Note an outage and wait a little."""
        now = self._clock.monotonic()
        self._outage = (text, self._outage[1] if self._outage else now)
        if now - self._logged_s >= _SAY_EVERY_S:
            log.warning("desk.away", why=text)
            self._logged_s = now
        self.lag.wait_for(text, _RETRY_S)
        await asyncio.sleep(_RETRY_S)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _follow(self) -> None:
        names = (*queues(self._settings.departments), topics.OUTCOMES.name)
        feed_log = await self._call(lambda: FeedLog(self._settings.kafka, names))
        try:
            while True:
                try:
                    await self._turn(feed_log)
                except RedisBehind as error:
                    log.warning("desk.redis_older", why=str(error))
                    await self._call(feed_log.hold)
                except LockLost:
                    await self._call(feed_log.hold)
                    self.lag.count_turn()
                    await asyncio.sleep(_LOOK_EVERY_S)
                except KafkaException as error:
                    fault = error.args[0]
                    if isinstance(fault, KafkaError) and fault.fatal():
                        raise
                    await self._call(feed_log.hold)
                    await self._wait(f"Kafka is away, the desk waits for it: {error}")
                except Exception as error:
                    if not is_outage(error):
                        raise
                    self._room.note(error)
                    await self._call(feed_log.hold)
                    await self._wait(f"Redis is away, the desk waits for it: {error}")
        finally:
            await self._leave(feed_log)

    async def _leave(self, feed_log: FeedLog) -> None:
        """Leave the group; a client that hangs is left to the group's own deadline."""
        try:
            async with asyncio.timeout(_LEAVE_S):
                await self._call(feed_log.close)
        except TimeoutError:
            log.warning("desk.leave_late", seconds=_LEAVE_S)
            self._executor = FeedThread("desk-feed")
            self._recovery.executor = self._executor

    async def _turn(self, feed_log: FeedLog) -> None:
        if feed_log.stale and not await self._synchronise(feed_log):
            self.lag.count_turn()
            await asyncio.sleep(0.05)
            return
        left = self._room.left()
        limit = min(_BATCH, left) if left > 0 else _BATCH
        batches = await self._call(lambda: self._read(feed_log, limit))
        if feed_log.stale:
            return
        if batches:
            await self._write(feed_log, batches)
            # Messages first: an outcome of the same batch then finds the message that it closes.
            for partition in sorted(batches, key=lambda p: p in self._outcomes):
                await self._apply(partition, batches[partition])
        self.lag.keep_positions({p: o for p, o in self._applied.items() if self._room.reads(p)})
        self.lag.count_turn()
        self._outage = None
        self._follows = True
        self.fresh.succeeded()
        now = self._clock.monotonic()
        if batches:
            self._heard_s = now
        elif now - self._heard_s >= _HEAR_EVERY_S:
            await self._call(feed_log.check_broker)
            self._heard_s = now
        if now - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now
            await self._look_at_redis(feed_log)
        if now - self._counted_s >= _COUNT_EVERY_S or self._room.left() <= 0 < len(batches):
            self._counted_s = now
            await self._count(feed_log)

    def _read(self, feed_log: FeedLog, limit: int) -> dict[Partition, PartitionBatch]:
        batches = {}
        for partition, records in feed_log.read(limit).items():
            of_outcomes = partition[0] == topics.OUTCOMES.name
            batches[partition] = PartitionBatch(
                arrivals=[] if of_outcomes else self._records.arrivals(records),
                closings=self._records.closings(records) if of_outcomes else [],
                end=(records[-1].offset() or 0) + 1,
                count=len(records),
            )
        return batches

    async def _write(self, feed_log: FeedLog, batches: Mapping[Partition, PartitionBatch]) -> None:
        """Write to waiting.v1 what of these batches is beyond the committed offsets."""
        arrivals = {
            p: [a for a in b.arrivals if a.offset >= self._committed[p]] for p, b in batches.items()
        }
        closings = {
            p: [c for c in b.closings if c.offset >= self._committed[p]] for p, b in batches.items()
        }
        ends = {p: b.end for p, b in batches.items() if b.end > self._committed[p]}
        if not ends:
            return
        lookup = await look_up(
            self._redis,
            [a for part in arrivals.values() for a in part],
            [c for part in closings.values() for c in part],
        )
        now_ms = int(self._clock.now().timestamp() * 1000)
        entries: list[WaitingEntry] = []
        for partition, part in arrivals.items():
            entries += arrival_entries(part, lookup, partition[0])
        for partition, ended in closings.items():
            entries += closing_entries(ended, lookup, partition, now_ms)
        await self._call(lambda: feed_log.write(entries, ends))
        self._committed |= ends

    async def _apply(self, partition: Partition, batch: PartitionBatch) -> None:
        """Apply a batch to Redis, with the position behind it."""
        span = OffsetRange(
            partition=partition_name(partition), start=self._applied[partition], end=batch.end
        )
        if partition[0] == topics.OUTCOMES.name:
            await self.desk_queue.close(batch.closings, span)
        else:
            await self._add(batch.arrivals, span)
            self._room.note_added(len(batch.arrivals))
        self._applied[partition] = batch.end

    async def _add(self, arrivals: list[QueuedMessage], span: OffsetRange) -> None:
        """Put messages in line, one by one when a fault of ours fails them together."""
        try:
            await self.desk_queue.add(arrivals, span)
        except Exception as error:
            if is_outage(error) or isinstance(error, RedisBehind):
                raise
            for arrival in arrivals:
                with guard(log, STEP, message=arrival.message):
                    await self.desk_queue.add([arrival])
            await self.desk_queue.add([], span)

    async def _synchronise(self, feed_log: FeedLog) -> bool:
        """Read on from what both waiting.v1 and Redis have; return False if it has to wait."""
        self.lag.keep_positions({})
        await self._call(feed_log.keep_membership)
        owned = feed_log.owned
        if not owned:  # other processes have all partitions
            self._applied = {}
            self._outage = None
            self._follows = True
            self.fresh.succeeded()
            return False
        positions = await self._recovery.find_positions(feed_log, owned)
        if positions is None or feed_log.owned != owned:
            return False
        self._committed, self._applied = positions.committed, positions.applied
        starts = {p: min(self._applied[p], self._committed[p]) for p in owned}
        await self._call(lambda: feed_log.start_from(starts))
        await self._count(feed_log)
        return True

    async def _look_at_redis(self, feed_log: FeedLog) -> None:
        """Compare Redis with Kafka when its history is another."""
        history, verified = await self.desk_queue.read_history()
        if verified:
            self._doubtful = None
            return
        if await self.desk_queue.read_epoch() is None:
            await self._call(feed_log.hold)
            return
        if self._doubtful is None or self._doubtful[0] != history:
            log.warning("desk.redis_changed")
            self._doubtful = history, await self._targets(feed_log)
            await self._call(feed_log.hold)
            return
        positions = await self.desk_queue.read_positions()
        if all(positions.get(partition_name(p), 0) >= end for p, end in self._doubtful[1].items()):
            await self.desk_queue.verify(history)

    async def _targets(self, feed_log: FeedLog) -> dict[Partition, int]:
        """Return the positions from which Redis has all that waiting.v1 has, and all outcomes."""
        partitions = [*self._queues, *self._outcomes]
        committed = await self._call(lambda: feed_log.committed(partitions))
        return committed | await self._call(lambda: feed_log.ends(self._outcomes))

    async def _count(self, feed_log: FeedLog) -> None:
        """Set the gauges, keep the lines within their limit, and find abandoned closings."""
        await self._room.count(self._settings.departments)
        if feed_log.stale:
            return
        await self._call(lambda: self._room.enforce(feed_log, self._applied))
        if self._doubtful is None:
            await self._abandoned.check(lambda: self._call(lambda: feed_log.ends(self._outcomes)))
