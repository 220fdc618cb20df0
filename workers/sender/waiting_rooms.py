"""Decides which replies run now, which texts are read again, and which replies are given up.

reply_sender.py admits new replies and restores parked ones. tries.py runs them.
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
"""A reply that waits longer for its account is recorded, so that commits continue."""
MAX_EXPIRED = 200
"""Replies of one account that are given up in one step."""
UNREAD_DELAY_S = 1.0
"""A reply whose text Kafka does not give now waits this long."""
STUCK_LOG_INTERVAL_S = 60.0
"""The log repeats a stuck account this often."""


class WaitingRooms:
    """The lanes of one process, through which replies move to their tries."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        tries: Tries,
        texts: RecordReader,
        tasks: TaskSet,
        lost: LostReplies,
    ) -> None:
        self._settings, self._clock, self._deliveries = settings, clock, lost.deliveries
        self._tries, self._texts, self._tasks, self._lost = tries, texts, tasks, lost
        self.lanes = Lanes()
        self.closed = False
        """Whether the process stops, so that no reply may start."""

    def admit(self, loaded: LoadedReply) -> None:
        """Put a new reply into its account's room, or park it if the room is full."""
        self._tries.loaded_replies[loaded.reply.id] = loaded
        lane = self.lanes.get(loaded.reply.channel, account_of(loaded.reply))
        if lane.has_room(self._now_s()):
            lane.room.append(loaded)
            self._start_next(lane)
        else:
            self._tasks.spawn(self._tries.park(lane, loaded, self._clock.now(), ""))

    def drop(self, partition: int) -> None:
        """Forget the waiting replies of a partition; running tries end by themselves."""
        for lane in self.lanes:
            for loaded in lane.drop(partition):
                self._tries.loaded_replies.pop(loaded.reply.id, None)

    def start_waiting(self) -> None:
        """Start the replies that may run, and record those that wait too long."""
        monotonic_s = self._clock.monotonic()
        for lane in self.lanes:
            self._start_next(lane)
            for loaded in lane.room:
                late = monotonic_s - loaded.arrived > MAX_UNRECORDED_S
                if late and not loaded.recorded and not loaded.recording:
                    loaded.recording = True
                    self._tasks.spawn(self._tries.record(loaded))

    def _start_next(self, lane: Lane) -> None:
        """Start the replies that the lane may run, and load parked ones that are ready."""
        if self.closed:
            return
        now = self._now_s()
        while lane.room and lane.count_free(now):
            self._start(lane, lane.room.popleft())
        if lane.loading or lane.room or not lane.count_free(now):
            return
        due = lane.take_due(now, 1 if lane.is_stuck else MAX_ROOM)
        if due:
            lane.loading = len(due)
            self._tasks.spawn(self._load(lane, due))

    def _start(self, lane: Lane, loaded: LoadedReply, *, expired: bool = False) -> None:
        lane.running += 1
        self._tasks.spawn(self._tries.run(lane, loaded, self._start_next, expired=expired))

    async def _load(self, lane: Lane, parked: list[ParkedReply]) -> None:
        """Bring parked replies back into the lane's room."""
        try:
            lane.room.extend(await self._load_texts(lane, parked))
        finally:
            lane.loading = 0
        self._start_next(lane)

    async def _load_texts(self, lane: Lane, parked: list[ParkedReply]) -> list[LoadedReply]:
        """Return parked replies with their texts; those that can't be read now stay parked."""
        loaded_replies: list[LoadedReply] = []
        for number in {entry.partition for entry in parked}:
            entries = {e.offset: e for e in parked if e.partition == number}
            try:
                records = await self._texts.read(number, entries)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("replies.unread", why=type(error).__name__, count=len(entries))
                for entry in entries.values():
                    lane.park(entry._replace(due=self._now_s() + UNREAD_DELAY_S))
                continue
            for offset, entry in sorted(entries.items()):
                loaded = self._restore_text(entry, records.get(offset))
                if loaded is not None:
                    loaded_replies.append(loaded)
        return loaded_replies

    def _restore_text(
        self, parked: ParkedReply, record: ConsumerRecord | None
    ) -> LoadedReply | None:
        """Return a parked reply with its text, or None if it no longer waits."""
        table = self._deliveries.tables.get(parked.partition)
        state = table.state(parked.reply) if table else None
        if state is None or state.state != "parked" or parked.reply in self._tries.loaded_replies:
            return None
        if record is None:
            self._tasks.spawn(self._lost.end_patiently(parked.partition, state, UNSENT))
            return None
        reply = envelope.decode(Reply, record.value)
        action = for_channel(reply.channel, reply.reply_to)
        if action is None:
            return None
        loaded = LoadedReply(
            partition=parked.partition,
            offset=parked.offset,
            reply=reply,
            action=action,
            first_at=state.first_at,
            arrived=self._clock.monotonic(),
            attempt=state.attempt,
            recorded=True,
        )
        self._tries.loaded_replies[reply.id] = loaded
        return loaded

    def give_up(self) -> None:
        """End parked replies that have waited too long for a failing account."""
        oldest = (self._clock.now() - self._settings.replies.give_up_after).timestamp()
        for lane in self.lanes:
            if lane.failing_since is not None and not self.closed:
                expired = lane.take_expired(oldest, MAX_EXPIRED)
                if expired:
                    self._tasks.spawn(self._expire(lane, expired))

    async def _expire(self, lane: Lane, parked: list[ParkedReply]) -> None:
        for loaded in await self._load_texts(lane, parked):
            self._start(lane, loaded, expired=True)

    def report(self) -> None:
        """Set the gauges; log a stuck account once a minute."""
        now = self._now_s()
        running = list(self._tries.running.values())
        for lane in self.lanes:
            oldest = lane.oldest_time(running)
            age = 0.0 if oldest is None else max(0.0, now - oldest)
            labels = {"channel": lane.channel, "account": lane.account}
            metrics.gauge("santral_replies_waiting", lane.waiting, **labels)
            metrics.gauge("santral_replies_waiting_age_seconds", age, **labels)
            if lane.needs_attention(now) and now - lane.reported_at >= STUCK_LOG_INTERVAL_S:
                lane.reported_at = now
                log.warning(
                    "account.stuck",
                    waiting=lane.waiting,
                    oldest_s=round(age),
                    why=lane.reason,
                    **labels,
                )

    def stuck_accounts(self) -> str | None:
        """Return a sentence on the accounts that take no replies, or None."""
        return self.lanes.stuck_accounts(self._now_s())

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
