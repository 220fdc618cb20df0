"""Runs one try of a reply, and sends only if this process was the first to begin it.

waiting_rooms.py starts a try. Afterwards the reply is finished, or parked until its next try, or
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
from workers.sender.lanes import Lane, LoadedReply, attempt_delay, build_parked_reply
from workers.sender.log import DeliveryLog
from workers.sender.partition import ReplyPartition
from workers.sender.writer import DeliveryWriter

log = get(__name__)

STEP = "santral-replies"
"""The name of this worker in `santral_bugs_caught_total`."""
MAX_PAUSE_S = 30.0
"""A process that was frozen for longer before it sends parks the reply."""
_REDIS_RETRY_S = 1.0
"""The pause between questions while Redis is away."""
_MAX_REASON_CHARS = 500
"""A vendor's error text in an outcome is cut to this length."""


class Tries:
    """The replies in the memory of one process, and its running tries."""

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
        self.loaded_replies: dict[str, LoadedReply] = {}
        """The waiting and the running replies in memory, by their ids."""
        self.running: dict[str, LoadedReply] = {}

    async def run(
        self,
        lane: Lane,
        loaded: LoadedReply,
        on_free: Callable[[Lane], None],
        *,
        expired: bool = False,
    ) -> None:
        """Try a reply once; call `on_free` when the lane may try another."""
        identifier = loaded.reply.id
        result: SendResult | None = None
        self.running[identifier] = loaded
        try:
            try:
                with guard(log, STEP, id=identifier) as handling:
                    result = await self._deliver(lane, loaded, expired=expired)
                if handling.failed:
                    result = SendResult("undeliverable", str(Rejected("reply.bug")))
            finally:
                lane.running -= 1
            on_free(lane)
            if result is not None:
                await self._writer.finish(loaded, result)
        finally:
            self.loaded_replies.pop(identifier, None)
            self.running.pop(identifier, None)
            self._deliveries.trying.pop(identifier, None)
            self._deliveries.ranks.pop(identifier, None)

    async def _deliver(
        self, lane: Lane, loaded: LoadedReply, *, expired: bool
    ) -> SendResult | None:
        """Return the end of a reply, or None if it is parked or another process tries it."""
        began_s = self._clock.monotonic()
        if not await self._begin(loaded):
            self._leave(lane, loaded)
            return None
        if expired:
            return SendResult("undeliverable", f"gave up: {lane.reason}"[:_MAX_REASON_CHARS])
        if loaded.suspect and await self._was_begun(loaded.reply.id):
            return SendResult("undeliverable", "unconfirmed: a crash while sending")
        if self._is_loop(loaded):
            metrics.count("santral_replies_suppressed_total", reason="loop_guard")
            return SendResult("undeliverable", "reply.loop")
        if self._clock.monotonic() - began_s > MAX_PAUSE_S:
            await self.park(lane, loaded, self._clock.now(), "the process was frozen")
            return None
        return await self._send(lane, loaded)

    async def _begin(self, loaded: LoadedReply) -> bool:
        """Write `begun`; say whether this process may send.

        It may not if another process began first, or if this process lost the partition.
        """
        reply = loaded.reply.id
        table = self._deliveries.tables.get(loaded.partition)
        if table is None or reply in table.finished:
            self._note_recorded(loaded)
            return False
        self._deliveries.trying[reply] = table.state(reply)
        loaded.attempt += 1
        offset = await self._writer.write(
            loaded.partition, self._writer.build_step(loaded, "begun")
        )
        self._note_recorded(loaded)
        await self._deliveries.wait_for_offset(loaded.partition, offset)
        present = self._deliveries.trying[reply]
        return may_send(present, self._deliveries.process, loaded.attempt)

    def _leave(self, lane: Lane, loaded: LoadedReply) -> None:
        """Leave a reply to the process that began first, or to its next try."""
        log.info("reply.taken", id=loaded.reply.id)
        table = self._deliveries.tables.get(loaded.partition)
        present = table.state(loaded.reply.id) if table else None
        if present is not None and present.state == "parked":
            lane.park(build_parked_reply(loaded.partition, present))

    async def _send(self, lane: Lane, loaded: LoadedReply) -> SendResult | None:
        try:
            result = await send(self._settings, loaded.reply, loaded.action, STEP)
        except Retry as error:
            now = self._clock.now()
            lane.note_failure(now.timestamp(), error.after, str(error))
            if now - loaded.first_at > self._settings.replies.give_up_after:
                return SendResult("undeliverable", f"gave up: {error}"[:_MAX_REASON_CHARS])
            delay = attempt_delay(loaded.attempt, error)
            await self.park(lane, loaded, now + timedelta(seconds=delay), str(error))
            return None
        if result.answered:
            lane.note_success()
        elif result.failed:
            lane.note_failure(self._clock.now().timestamp(), 0, result.reason)
        return result

    def _is_loop(self, loaded: LoadedReply) -> bool:
        """Say whether the address got too many replies in an hour; only first tries count."""
        if loaded.attempt > 1:
            return False
        rank = self._deliveries.ranks.get(loaded.reply.id, 0)
        return rank > self._settings.replies.per_address_per_hour

    async def _was_begun(self, identifier: str) -> bool:
        """Say whether Redis has the note of a version without deliveries.v1 that began a try."""
        while True:
            try:
                return await self._redis.get(f"santral:reply-begun:{identifier}") is not None
            except AWAY:
                await asyncio.sleep(_REDIS_RETRY_S)

    async def park(self, lane: Lane, loaded: LoadedReply, due: datetime, reason: str) -> None:
        """Record that a reply waits until `due`, and forget its text."""
        step = self._writer.build_step(loaded, "parked", due=due, reason=reason)
        await self._writer.write(loaded.partition, step)
        self._note_recorded(loaded)
        if loaded.partition in self.partitions:
            lane.park(build_parked_reply(loaded.partition, step))
        if loaded.reply.id not in self.running:
            self.loaded_replies.pop(loaded.reply.id, None)

    async def record(self, loaded: LoadedReply) -> None:
        """Record that a reply waits in memory, so that commits can pass it."""
        step = self._writer.build_step(loaded, "parked", due=self._clock.now())
        await self._writer.write(loaded.partition, step)
        self._note_recorded(loaded)

    def _note_recorded(self, loaded: LoadedReply) -> None:
        loaded.recorded = True
        partition = self.partitions.get(loaded.partition)
        if partition is not None:
            partition.unrecorded.discard(loaded.offset)
