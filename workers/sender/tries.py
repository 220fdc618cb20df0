"""One try of a reply: begin in the log, send if this process was the first, write down the end.

Before: waiting_rooms.py releases a reply. After: it is finished, parked until its next try, or
another process tries it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from redis.asyncio import Redis

from runtime import metrics
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.log import get
from runtime.redis.errors import AWAY
from runtime.settings.structs import Settings
from schemas.errors import Rejected, Retry
from schemas.state.delivery import may_send
from workers.sender.action_call import SendResult, send
from workers.sender.lanes import Lane, LoadedReply, attempt_delay, parked_entry
from workers.sender.log import DeliveryLog
from workers.sender.partition import ReplyPartition
from workers.sender.writer import DeliveryWriter

log = get(__name__)

STEP = "santral-replies"
"""This worker in `santral_bugs_caught_total`."""
MAX_PAUSE_S = 30.0
"""A process that was frozen for longer before it sends parks the reply instead."""
_MAX_REASON_CHARS = 500


class Tries:
    """The replies in memory of one process, and the tries that run."""

    def __init__(
        self,
        settings: Settings,
        redis: "Redis[bytes]",
        clock: Clock,
        deliveries: DeliveryLog,
        writer: DeliveryWriter,
    ) -> None:
        self._settings, self._redis, self._clock = settings, redis, clock
        self._deliveries, self._writer = deliveries, writer
        self.partitions: dict[int, ReplyPartition] = {}
        """The partitions that this process owns."""
        self.works: dict[str, LoadedReply] = {}
        """The replies in memory, waiting or running, by their ids."""
        self.running: dict[str, LoadedReply] = {}

    async def run(
        self,
        lane: Lane,
        work: LoadedReply,
        on_free: Callable[[Lane], None],
        *,
        expired: bool = False,
    ) -> None:
        """Try a reply once; call `on_free` when the lane may try another."""
        identifier = work.reply.id
        result: SendResult | None = None
        self.running[identifier] = work
        try:
            try:
                with guard(log, STEP, id=identifier) as handling:
                    result = await self._deliver(lane, work, expired=expired)
                if handling.failed:
                    result = SendResult("undeliverable", str(Rejected("reply.bug")))
            finally:
                lane.running -= 1
            on_free(lane)
            if result is not None:
                await self._writer.finish(work, result)
        finally:
            self.works.pop(identifier, None)
            self.running.pop(identifier, None)
            self._deliveries.trying.pop(identifier, None)
            self._deliveries.ranks.pop(identifier, None)

    async def _deliver(self, lane: Lane, work: LoadedReply, *, expired: bool) -> SendResult | None:
        """Return the end of a reply; None if it is parked or another process tries it."""
        began_s = self._clock.monotonic()
        if not await self._begin(work):
            self._leave(lane, work)
            return None
        if expired:
            return SendResult("undeliverable", f"gave up: {lane.reason}"[:_MAX_REASON_CHARS])
        if work.suspect and await self._was_begun(work.reply.id):
            return SendResult("undeliverable", "unconfirmed: a crash while sending")
        if self._is_loop(work):
            metrics.count("santral_replies_suppressed_total", reason="loop_guard")
            return SendResult("undeliverable", "reply.loop")
        if self._clock.monotonic() - began_s > MAX_PAUSE_S:
            await self.park(lane, work, self._clock.now(), "the process was frozen")
            return None
        return await self._send(lane, work)

    async def _begin(self, work: LoadedReply) -> bool:
        """Write `begun`, and say whether the log has no other process's before it.

        A reply of a partition that this process lost is left to the new owner.
        """
        reply = work.reply.id
        table = self._deliveries.tables.get(work.partition)
        if table is None or reply in table.finished:
            self._note_recorded(work)
            return False
        self._deliveries.trying[reply] = table.state(reply)
        work.attempt += 1
        offset = await self._writer.write(work.partition, self._writer.step(work, "begun"))
        self._note_recorded(work)
        await self._deliveries.reach(work.partition, offset)
        present = self._deliveries.trying[reply]
        return may_send(present, self._deliveries.process, work.attempt)

    def _leave(self, lane: Lane, work: LoadedReply) -> None:
        """Leave a reply to the process that had it first, or to its next time."""
        log.info("reply.taken", id=work.reply.id)
        table = self._deliveries.tables.get(work.partition)
        present = table.state(work.reply.id) if table else None
        if present is not None and present.state == "parked":
            lane.park(parked_entry(work.partition, present))

    async def _send(self, lane: Lane, work: LoadedReply) -> SendResult | None:
        try:
            result = await send(self._settings, work.reply, work.action, STEP)
        except Retry as error:
            now = self._clock.now()
            lane.failed(now.timestamp(), error.after, str(error))
            if now - work.first_at > self._settings.replies.give_up_after:
                return SendResult("undeliverable", f"gave up: {error}"[:_MAX_REASON_CHARS])
            delay = attempt_delay(work.attempt, error.after)
            await self.park(lane, work, now + timedelta(seconds=delay), str(error))
            return None
        if result.answered:
            lane.succeeded()
        elif result.failed:
            lane.failed(self._clock.now().timestamp(), 0, result.reason)
        return result

    def _is_loop(self, work: LoadedReply) -> bool:
        """Say whether the address got too many replies; only a reply's first try counts."""
        if work.attempt > 1:
            return False
        rank = self._deliveries.ranks.get(work.reply.id, 0)
        return rank > self._settings.replies.per_address_per_hour

    async def _was_begun(self, identifier: str) -> bool:
        """Say whether a version without deliveries.v1 began to send a reply: Redis has its note."""
        while True:
            try:
                return await self._redis.get(f"santral:reply-begun:{identifier}") is not None
            except AWAY:
                await asyncio.sleep(1)

    async def park(self, lane: Lane, work: LoadedReply, due: datetime, reason: str) -> None:
        """Write down that a reply waits until a time, and forget its text."""
        step = self._writer.step(work, "parked", due=due, reason=reason)
        await self._writer.write(work.partition, step)
        self._note_recorded(work)
        if work.partition in self.partitions:
            lane.park(parked_entry(work.partition, step))
        if work.reply.id not in self.running:
            self.works.pop(work.reply.id, None)

    async def record(self, work: LoadedReply) -> None:
        """Write down that a reply waits in memory, so that commits can pass it."""
        step = self._writer.step(work, "parked", due=self._clock.now())
        await self._writer.write(work.partition, step)
        self._note_recorded(work)

    def _note_recorded(self, work: LoadedReply) -> None:
        work.recorded = True
        partition = self.partitions.get(work.partition)
        if partition is not None:
            partition.unrecorded.discard(work.offset)
