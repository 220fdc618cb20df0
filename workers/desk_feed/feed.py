"""Keeps the desk's queue in Redis in step with Kafka.

It reads queue.<department>.v1 and outcomes.v1, and writes waiting.v1 and Redis. A batch first goes
to waiting.v1 in one transaction with the group's offsets, and then to Redis together with the
position behind it. If Redis is behind the offsets, the feed reads that range again. If Redis is
empty, rebuild.py fills it from waiting.v1.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException
from redis.asyncio import Redis

from runtime.bus.identity import claim_identity
from runtime.clock import Clock
from runtime.health.checks import Health, LastSuccess
from runtime.health.faults import guard, is_outage
from runtime.health.progress import Partition, Progress
from runtime.log import get
from runtime.settings.structs import Settings
from runtime.stage.daemon_executor import DaemonExecutor
from schemas import topics
from schemas.topics import queue_topics
from workers.desk_feed.abandoned_closings import AbandonedClosings
from workers.desk_feed.log import FeedLog
from workers.desk_feed.partitions import (
    WaitingEntry,
    list_outcome_partitions,
    list_queue_partitions,
    partition_name,
)
from workers.desk_feed.record_decoder import STEP, PartitionBatch, RecordDecoder
from workers.desk_feed.recovery import Recovery
from workers.desk_feed.waiting_entries import closing_entries, queued_entries
from workers.desk_feed.waiting_limit import WaitingLimit
from workers.desk_queue.lookup import look_up
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.rebuild_lock import LockLost
from workers.desk_queue.values import OffsetRange, QueuedMessage, RedisBehind

log = get(__name__)

T = TypeVar("T")
HEAD_OF_LINE = 500
"""Redis has the work items of this many conversations a line; a claim reads others in Kafka."""
BODY_MS = 600_000
"""Redis keeps these work items for ten minutes, because most are claimed sooner."""
_MAX_RECORDS = 2000
"""A batch of this size costs a fraction of a second in Kafka and Redis."""
_REDIS_CHECK_INTERVAL_S = 0.25
"""Agents wait for this check after a fail-over of Redis."""
_COUNT_INTERVAL_S = 1.0
_BROKER_CHECK_INTERVAL_S = 2.0
"""Without records, the feed asks this often whether Kafka answers."""
_LOG_INTERVAL_S = 60.0
_SHOWN_AFTER_S = 2.0
"""An outage that is shorter does not show in /readyz."""
_RETRY_DELAY_S = 1.0
_IDLE_S = 0.05
"""The pause between questions for partitions while the group has none for this process."""
_LEAVE_TIMEOUT_S = 5.0
"""After this time the group's own deadline gives the partitions to others."""


class Feed:
    """Reads queues and outcomes into the lines, and waits while Kafka or Redis is away."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", clock: Clock, health: Health
    ) -> None:
        self._settings, self._redis, self._clock = settings, redis, clock
        self.desk_queue = DeskQueue(redis, head_of_line=HEAD_OF_LINE, body_ms=BODY_MS)
        self.lag = Progress("desk lag")
        self.fresh = LastSuccess(clock, 60, "look at the queues")
        health.add("desk", self.problem)
        kafka = settings.kafka
        self._queues = list_queue_partitions(kafka, settings.departments)
        self._outcomes = list_outcome_partitions(kafka)
        self._records = RecordDecoder(clock, settings.desk.priority_point)
        self._waiting_limit = WaitingLimit(settings, redis, self._queues)
        self._abandoned = AbandonedClosings(
            redis, self.desk_queue, settings.departments, kafka.ack_timeout
        )
        self._executor = DaemonExecutor("desk-feed")
        self._recovery = Recovery(
            settings=settings,
            redis=redis,
            desk_queue=self.desk_queue,
            records=self._records,
            waiting_limit=self._waiting_limit,
            executor=self._executor,
            progress=self._note_progress,
        )
        self._applied: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._unverified: tuple[bytes, dict[Partition, int]] | None = None
        self._redis_checked_s = self._counted_s = self._broker_checked_s = 0.0
        self._follows = False
        self._outage: tuple[str, float] | None = None
        self._logged_s = -_LOG_INTERVAL_S

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions that this feed reads now."""
        return frozenset(self._applied)

    def problem(self) -> str | None:
        """Return why the lines do not follow Kafka, or None."""
        if self._outage is not None and self._clock.monotonic() - self._outage[1] > _SHOWN_AFTER_S:
            return self._outage[0]
        if not self._follows:
            return "the desk feed joins its group and prepares the lines"
        return self._waiting_limit.problem() or self.fresh()

    def _note_progress(self) -> None:
        """Note a step of a long recovery."""
        self.lag.count_turn()
        self.fresh.succeeded()

    async def run(self) -> None:
        """Feed until cancelled; only a bug ends it otherwise."""
        identity = claim_identity("desk", self._settings)
        try:
            while True:
                try:
                    await self._follow(identity.name)
                except KafkaException as error:
                    await self._wait(f"Kafka refuses the desk, which starts again: {error}")
        finally:
            identity.release()

    async def _wait(self, text: str) -> None:
        """Note an outage and wait a little."""
        now = self._clock.monotonic()
        self._outage = (text, self._outage[1] if self._outage else now)
        if now - self._logged_s >= _LOG_INTERVAL_S:
            log.warning("desk.away", why=text)
            self._logged_s = now
        self.lag.wait_for(text, _RETRY_DELAY_S)
        await asyncio.sleep(_RETRY_DELAY_S)

    async def _call(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _follow(self, identity: str) -> None:
        """Join the group and follow it until cancelled; wait during outages."""
        names = (*queue_topics(self._settings.departments), topics.OUTCOMES.name)
        feed_log = await self._call(lambda: FeedLog(self._settings.kafka, names, identity))
        try:
            while True:
                try:
                    await self._turn(feed_log)
                except RedisBehind as error:
                    log.warning("desk.redis_older", why=str(error))
                    await self._call(feed_log.stop_reading)
                except LockLost:
                    await self._call(feed_log.stop_reading)
                    self.lag.count_turn()
                    await asyncio.sleep(_REDIS_CHECK_INTERVAL_S)
                except KafkaException as error:
                    fault = error.args[0]
                    if isinstance(fault, KafkaError) and fault.fatal():
                        raise
                    await self._call(feed_log.stop_reading)
                    await self._wait(f"Kafka is away, the desk waits for it: {error}")
                except Exception as error:
                    if not is_outage(error):
                        raise
                    self._waiting_limit.note_error(error)
                    await self._call(feed_log.stop_reading)
                    await self._wait(f"Redis is away, the desk waits for it: {error}")
        finally:
            await self._leave(feed_log)

    async def _leave(self, feed_log: FeedLog) -> None:
        """Leave the group; do not wait for a client that hangs."""
        try:
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await self._call(feed_log.close)
        except TimeoutError:
            log.warning("desk.leave_late", seconds=_LEAVE_TIMEOUT_S)
            self._executor = DaemonExecutor("desk-feed")
            self._recovery.executor = self._executor

    async def _turn(self, feed_log: FeedLog) -> None:
        """Read one batch, write it to waiting.v1 and apply it to Redis."""
        if feed_log.stale and not await self._synchronise(feed_log):
            self.lag.count_turn()
            await asyncio.sleep(_IDLE_S)
            return
        left = self._waiting_limit.remaining()
        limit = min(_MAX_RECORDS, left) if left > 0 else _MAX_RECORDS
        batches = await self._call(lambda: self._read(feed_log, limit))
        if feed_log.stale:
            return
        if batches:
            await self._write(feed_log, batches)
            # Messages come first, so an outcome of the same batch finds the message that it closes.
            for partition in sorted(batches, key=lambda p: p in self._outcomes):
                await self._apply(partition, batches[partition])
        self.lag.keep_positions(
            {p: o for p, o in self._applied.items() if self._waiting_limit.may_read(p)}
        )
        self.lag.count_turn()
        self._note_following()
        await self._check_neighbours(feed_log, has_read=bool(batches))

    def _note_following(self) -> None:
        """Note that the lines follow Kafka."""
        self._outage = None
        self._follows = True
        self.fresh.succeeded()

    async def _check_neighbours(self, feed_log: FeedLog, *, has_read: bool) -> None:
        """Check Kafka, Redis and the limit of the lines if it is time."""
        now = self._clock.monotonic()
        if has_read:
            self._broker_checked_s = now
        elif now - self._broker_checked_s >= _BROKER_CHECK_INTERVAL_S:
            await self._call(feed_log.check_broker)
            self._broker_checked_s = now
        if now - self._redis_checked_s >= _REDIS_CHECK_INTERVAL_S:
            self._redis_checked_s = now
            await self._check_redis(feed_log)
        is_full = has_read and self._waiting_limit.remaining() <= 0
        if is_full or now - self._counted_s >= _COUNT_INTERVAL_S:
            self._counted_s = now
            await self._update_limit(feed_log)

    def _read(self, feed_log: FeedLog, limit: int) -> dict[Partition, PartitionBatch]:
        return {
            partition: self._records.decode_batch(partition, records)
            for partition, records in feed_log.read(limit).items()
        }

    async def _write(self, feed_log: FeedLog, batches: Mapping[Partition, PartitionBatch]) -> None:
        """Write to waiting.v1 the records of these batches beyond the committed offsets."""
        queued_messages = {
            p: [q for q in b.queued_messages if q.offset >= self._committed[p]]
            for p, b in batches.items()
        }
        closings = {
            p: [c for c in b.closings if c.offset >= self._committed[p]] for p, b in batches.items()
        }
        ends = {p: b.end for p, b in batches.items() if b.end > self._committed[p]}
        if not ends:
            return
        lookup = await look_up(
            self._redis,
            [queued for batch in queued_messages.values() for queued in batch],
            [closing for batch in closings.values() for closing in batch],
        )
        now_ms = int(self._clock.now().timestamp() * 1000)
        entries: list[WaitingEntry] = []
        for partition, queued in queued_messages.items():
            entries += queued_entries(queued, lookup, partition[0])
        for partition, closed in closings.items():
            entries += closing_entries(closed, lookup, partition, now_ms)
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
            await self._add(batch.queued_messages, span)
            self._waiting_limit.note_added(len(batch.queued_messages))
        self._applied[partition] = batch.end

    async def _add(self, queued_messages: list[QueuedMessage], span: OffsetRange) -> None:
        """Put messages in line, one by one if a bug fails them together."""
        try:
            await self.desk_queue.add(queued_messages, span)
        except Exception as error:
            if is_outage(error) or isinstance(error, RedisBehind):
                raise
            for queued in queued_messages:
                with guard(log, STEP, message=queued.message):
                    await self.desk_queue.add([queued])
            await self.desk_queue.add([], span)

    async def _synchronise(self, feed_log: FeedLog) -> bool:
        """Continue at the positions of waiting.v1 and Redis; return False if it has to wait."""
        self.lag.keep_positions({})
        await self._call(feed_log.keep_membership)
        owned = feed_log.owned
        if not owned:  # other processes have all partitions
            self._applied = {}
            self._note_following()
            return False
        positions = await self._recovery.find_positions(feed_log, owned)
        if positions is None or feed_log.owned != owned:
            return False
        self._committed, self._applied = positions.committed, positions.applied
        starts = {p: min(self._applied[p], self._committed[p]) for p in owned}
        await self._call(lambda: feed_log.start_from(starts))
        await self._update_limit(feed_log)
        return True

    async def _check_redis(self, feed_log: FeedLog) -> None:
        """Compare Redis with Kafka if its history changed."""
        history, verified = await self.desk_queue.read_history()
        if verified:
            self._unverified = None
            return
        if await self.desk_queue.read_epoch() is None:
            await self._call(feed_log.stop_reading)
            return
        if self._unverified is None or self._unverified[0] != history:
            log.warning("desk.redis_changed")
            self._unverified = history, await self._read_targets(feed_log)
            await self._call(feed_log.stop_reading)
            return
        positions = await self.desk_queue.read_positions()
        if all(
            positions.get(partition_name(p), 0) >= end for p, end in self._unverified[1].items()
        ):
            await self.desk_queue.verify(history)

    async def _read_targets(self, feed_log: FeedLog) -> dict[Partition, int]:
        """Return the positions at which Redis has the records of waiting.v1 and all outcomes."""
        partitions = [*self._queues, *self._outcomes]
        committed = await self._call(lambda: feed_log.read_committed(partitions))
        return committed | await self._call(lambda: feed_log.read_ends(self._outcomes))

    async def _update_limit(self, feed_log: FeedLog) -> None:
        """Set the gauges, keep the lines within their limit, and find abandoned closings."""
        await self._waiting_limit.count(self._settings.departments)
        if feed_log.stale:
            return
        await self._call(lambda: self._waiting_limit.enforce(feed_log, self._applied))
        if self._unverified is None:
            await self._abandoned.check(
                lambda: self._call(lambda: feed_log.read_ends(self._outcomes))
            )
