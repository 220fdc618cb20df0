"""The waiting rooms: which replies run now, which are read back, and which are given up.

Before: sender.py admits new replies and restores parked ones. After: tries.py tries them.
"""

from aiokafka import ConsumerRecord

from runtime import metrics
from runtime.bus.partition_reader import RecordReader
from runtime.clock import Clock
from runtime.health.faults import is_outage
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.outcome import Reply
from workers.actions.registry import for_channel
from workers.sender.lanes import MAX_ROOM, Lane, Lanes, LoadedReply, ParkedReply, account_of
from workers.sender.lost_replies import UNSENT, LostReplies
from workers.sender.task_set import TaskSet
from workers.sender.tries import Tries

log = get(__name__)

MAX_UNRECORDED_S = 1.0
"""A reply that waits longer for its account is parked, so that commits continue."""
MAX_EXPIRED = 200
"""Replies of one account that are given up at once."""
LOG_STUCK_S = 60.0


class WaitingRooms:
    """The lanes of one process, and what moves replies through them."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tries: Tries,
        bodies: RecordReader,
        tasks: TaskSet,
        lost: LostReplies,
    ) -> None:
        self._settings, self._clock, self._deliveries = settings, clock, lost.deliveries
        self._tries, self._bodies, self._tasks, self._lost = tries, bodies, tasks, lost
        self.lanes = Lanes()
        self.closed = False
        """Whether nothing may start any more."""

    def admit(self, work: LoadedReply) -> None:
        """Take a new reply: into its account's room, or parked if there is none."""
        self._tries.works[work.reply.id] = work
        lane = self.lanes.lane(work.reply.channel, account_of(work.reply))
        if lane.has_room(self._now_s()):
            lane.room.append(work)
            self._pump(lane)
        else:
            self._tasks.spawn(self._tries.park(lane, work, self._clock.now(), ""))

    def drop(self, partition: int) -> None:
        """Forget what waits of a partition; running tries end by themselves."""
        for lane in self.lanes:
            for work in lane.drop(partition):
                self._tries.works.pop(work.reply.id, None)

    def look_after(self) -> None:
        """Start what may run, and record what waits too long."""
        monotonic_s = self._clock.monotonic()
        for lane in self.lanes:
            self._pump(lane)
            for work in lane.room:
                late = monotonic_s - work.arrived > MAX_UNRECORDED_S
                if late and not work.recorded and not work.recording:
                    work.recording = True
                    self._tasks.spawn(self._tries.record(work))

    def _pump(self, lane: Lane) -> None:
        """Start what the lane may run, and load parked replies whose time came."""
        if self.closed:
            return
        now = self._now_s()
        while lane.room and lane.free(now):
            self._start(lane, lane.room.popleft())
        if lane.loading or lane.room or not lane.free(now):
            return
        due = lane.take_due(now, 1 if lane.stuck else MAX_ROOM)
        if due:
            lane.loading = len(due)
            self._tasks.spawn(self._load(lane, due))

    def _start(self, lane: Lane, work: LoadedReply, *, expired: bool = False) -> None:
        lane.running += 1
        self._tasks.spawn(self._tries.run(lane, work, self._pump, expired=expired))

    async def _load(self, lane: Lane, parked: list[ParkedReply]) -> None:
        """Bring parked replies back into the lane's room."""
        try:
            lane.room.extend(await self._works(lane, parked))
        finally:
            lane.loading = 0
        self._pump(lane)

    async def _works(self, lane: Lane, parked: list[ParkedReply]) -> list[LoadedReply]:
        """Return parked replies with their texts; what can't be read now stays parked."""
        works: list[LoadedReply] = []
        for number in {entry.partition for entry in parked}:
            entries = {e.offset: e for e in parked if e.partition == number}
            try:
                records = await self._bodies.read(number, entries)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("replies.unread", why=type(error).__name__, count=len(entries))
                for entry in entries.values():
                    lane.park(entry._replace(due=self._now_s() + 1))
                continue
            for offset, entry in sorted(entries.items()):
                work = self._work(entry, records.get(offset))
                if work is not None:
                    works.append(work)
        return works

    def _work(self, parked: ParkedReply, record: ConsumerRecord | None) -> LoadedReply | None:
        """Return the work of a parked reply, None if it no longer waits."""
        table = self._deliveries.tables.get(parked.partition)
        state = table.state(parked.reply) if table else None
        if state is None or state.state != "parked" or parked.reply in self._tries.works:
            return None
        if record is None:
            self._tasks.spawn(self._lost.end_patiently(parked.partition, state, UNSENT))
            return None
        reply = envelope.decode(Reply, record.value)
        action = for_channel(reply.channel, reply.reply_to)
        if action is None:
            return None
        work = LoadedReply(
            partition=parked.partition,
            offset=parked.offset,
            reply=reply,
            action=action,
            first_at=state.first_at,
            arrived=self._clock.monotonic(),
            attempt=state.attempt,
            recorded=True,
        )
        self._tries.works[reply.id] = work
        return work

    def give_up(self) -> None:
        """End parked replies that have waited too long for an account that fails."""
        oldest = (self._clock.now() - self._settings.replies.give_up_after).timestamp()
        for lane in self.lanes:
            if lane.failing_since is not None and not self.closed:
                expired = lane.take_expired(oldest, MAX_EXPIRED)
                if expired:
                    self._tasks.spawn(self._expire(lane, expired))

    async def _expire(self, lane: Lane, parked: list[ParkedReply]) -> None:
        for work in await self._works(lane, parked):
            self._start(lane, work, expired=True)

    def report(self) -> None:
        """Set the gauges; log a stuck account once a minute."""
        now = self._now_s()
        running = list(self._tries.running.values())
        for lane in self.lanes:
            oldest = lane.oldest(running)
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            labels = {"channel": lane.channel, "account": lane.account}
            metrics.gauge("santral_replies_waiting", lane.waiting, **labels)
            metrics.gauge("santral_replies_waiting_age_seconds", age, **labels)
            if lane.is_stuck_since(now) and now - lane.reported_at >= LOG_STUCK_S:
                lane.reported_at = now
                log.warning(
                    "account.stuck",
                    waiting=lane.waiting,
                    oldest_s=round(age),
                    why=lane.reason,
                    **labels,
                )

    def stuck_accounts(self) -> str | None:
        """Return a sentence on the accounts that take no replies, None when all do."""
        return self.lanes.stuck_accounts(self._now_s())

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
