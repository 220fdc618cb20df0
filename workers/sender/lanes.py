"""Lanes: the replies of one account of one channel, how many of them run, and when the next may.

Before: sender.py reads a reply or a parked one's time comes. After: sender.py tries what a lane
releases. Each account has room of its own, so that a mail server that is away delays nobody else.
"""

import heapq
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.errors import ERROR_TEXT_LIMIT
from schemas.outcome import Reply
from schemas.state.delivery import Delivery
from workers.actions.registry import AnyAction

MAX_RUNNING = 16
"""Replies of one account that are tried at once; each may hold a connection."""
MAX_ROOM = 64
"""Replies of one account whose text is in memory while they wait for a running one to end."""
MAX_FAILURES = 8
"""After so many failures without a success, one reply at a time probes the account."""
NOTE_AFTER_S = 60.0
"""An account that fails for longer is reported, even if few replies tried it."""
FIRST_DELAY_S = 2.0
MAX_PROBE_DELAY_S = 60.0
"""An account that fails is probed once a minute at least, unless the vendor asks for a pause."""
MAX_HINT_S = 3600.0
"""A vendor's own hint is obeyed up to here."""

_ADDRESS = re.compile(r"[^\s<>:;,\"']+@[^\s<>:;,\"']+")


@dataclass(slots=True, kw_only=True)
class LoadedReply:
    """A reply in memory, and how far it is.

    `attempt` counts its tries so far, `arrived` is monotonic. It is `recorded` once deliveries.v1
    has a record of it, so that the commit of its partition can pass it. `suspect` means that an
    older version may have tried it.
    """

    partition: int
    offset: int
    reply: Reply
    action: AnyAction
    first_at: datetime
    arrived: float
    attempt: int = 0
    recorded: bool = False
    recording: bool = False
    suspect: bool = False


class ParkedReply(NamedTuple):
    """A reply that waits without its text; times are in seconds since 1970."""

    due: float
    partition: int
    offset: int
    reply: str
    first_at: float


class Lane:
    """The replies of one account; times are in seconds since 1970 except where noted."""

    def __init__(self, channel: str, account: str) -> None:
        self.channel, self.account = channel, account
        self.room: deque[LoadedReply] = deque()
        self.running = 0
        self.loading = 0
        """How many parked replies are being read back."""
        self.failing_since: float | None = None
        self.reason = ""
        self.reported_at = 0.0
        self._parked: list[ParkedReply] = []
        self._failures = 0
        self._delay = FIRST_DELAY_S
        self._resumes_at = 0.0

    @property
    def waiting(self) -> int:
        """How many replies wait or run."""
        return len(self.room) + len(self._parked) + self.running + self.loading

    @property
    def stuck(self) -> bool:
        """Whether the last tries all failed."""
        return self._failures >= MAX_FAILURES

    def is_stuck_since(self, now: float) -> bool:
        """Say whether people should look at the account: it has failed many times or for long."""
        if self.failing_since is None or not self.waiting:
            return False
        return self.stuck or now - self.failing_since > NOTE_AFTER_S

    def free(self, now: float) -> int:
        """Return how many more replies may be tried now."""
        if self.stuck:
            return 1 if not self.running and now >= self._resumes_at else 0
        return max(0, MAX_RUNNING - self.running)

    def has_room(self, now: float) -> bool:
        """Say whether a new reply may wait in memory: not behind parked ones whose time came."""
        return not self.stuck and len(self.room) < MAX_ROOM and not self.is_due(now)

    def is_due(self, now: float) -> bool:
        """Say whether a parked reply's time came."""
        return bool(self._parked) and self._parked[0].due <= now

    def succeeded(self) -> None:
        """Note that the account took or refused a reply: everything that waits may be tried."""
        if self.stuck:
            self._parked = [parked._replace(due=0.0) for parked in self._parked]
            heapq.heapify(self._parked)
        self._failures, self._delay, self.failing_since = 0, FIRST_DELAY_S, None

    def failed(self, now: float, after: float, reason: str) -> None:
        """Note a failed try; after many of them the next waits for `after` seconds or longer."""
        self._failures += 1
        self.reason = _ADDRESS.sub("…@…", reason)[:ERROR_TEXT_LIMIT]
        if self.failing_since is None:
            self.failing_since = now
        if self.stuck and now >= self._resumes_at:  # those that ran at once count as one probe
            self._resumes_at = now + min(MAX_HINT_S, max(self._delay, after))
            self._delay = min(MAX_PROBE_DELAY_S, self._delay * 2)

    def park(self, parked: ParkedReply) -> None:
        """Add a reply that waits for its time."""
        heapq.heappush(self._parked, parked)

    def take_due(self, now: float, most: int) -> list[ParkedReply]:
        """Remove and return parked replies whose time came; of a stuck account the oldest, whatever
        its time."""
        taken: list[ParkedReply] = []
        while self._parked and len(taken) < most and (self.stuck or self.is_due(now)):
            taken.append(heapq.heappop(self._parked))
        return taken

    def take_expired(self, before: float, most: int) -> list[ParkedReply]:
        """Remove and return parked replies that have waited since before that time."""
        expired = [parked for parked in self._parked if parked.first_at < before][:most]
        if expired:
            gone = set(expired)
            self._parked = [parked for parked in self._parked if parked not in gone]
            heapq.heapify(self._parked)
        return expired

    def drop(self, partition: int) -> Iterator[LoadedReply]:
        """Forget what waits of a partition; yield the works that were in memory."""
        dropped = [work for work in self.room if work.partition == partition]
        self.room = deque(work for work in self.room if work.partition != partition)
        self._parked = [parked for parked in self._parked if parked.partition != partition]
        heapq.heapify(self._parked)
        yield from dropped

    def oldest(self, running: Iterable[LoadedReply]) -> float | None:
        """Return the first time of the reply that has waited longest."""
        times = [parked.first_at for parked in self._parked]
        times += [work.first_at.timestamp() for work in (*self.room, *running)]
        return min(times, default=None)


def attempt_delay(attempt: int, after: float) -> float:
    """Return the seconds until a reply's next try: doubled each time up to ten minutes, and at
    least what the other side asks for."""
    return min(MAX_HINT_S, max(min(FIRST_DELAY_S * 2.0 ** min(attempt - 1, 20), 600.0), after))


class Lanes:
    """Every lane, by channel and account."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], Lane] = {}

    def lane(self, channel: str, account: str) -> Lane:
        """Return the lane of an account."""
        lane = self._lanes.get((channel, account))
        if lane is None:
            lane = self._lanes[channel, account] = Lane(channel, account)
        return lane

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def stuck_accounts(self, now: float) -> str | None:
        """Return a sentence on the accounts that take no replies, None when all do."""
        sentences = [
            f"{lane.channel}:{lane.account} has taken no reply for {now - lane.failing_since:.0f} s"
            f" ({lane.reason}); {lane.waiting} replies wait"
            for lane in self
            if lane.failing_since is not None and lane.is_stuck_since(now)
        ]
        return "; ".join(sentences) or None


def account_of(reply: Reply) -> str:
    """Return the name of the account that a reply leaves by: its source is `channel:account`."""
    return (reply.source.split(":")[1] if ":" in reply.source else "") or "default"


def parked_entry(partition: int, delivery: Delivery) -> ParkedReply:
    """Return the entry of a parked reply, from its record."""
    return ParkedReply(
        due=(delivery.due or delivery.at).timestamp(),
        partition=partition,
        offset=delivery.offset,
        reply=delivery.reply,
        first_at=delivery.first_at.timestamp(),
    )
