"""Lanes, which decide how many replies of one account run at once, and when the next may run.

Each account has a lane of its own, so an unreachable mail server delays no other account.
"""

import heapq
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.errors import ERROR_TEXT_LIMIT, Retry
from schemas.outcome import Reply
from schemas.state.delivery import ReplyDelivery
from workers.actions.protocol import ServerAway
from workers.actions.registry import AnyAction

MAX_RUNNING = 16
"""Replies of one account that run at once; each may need a connection."""
MAX_ROOM = 64
"""Replies of one account that wait in memory with their text; more of them are parked."""
MAX_FAILURES = 8
"""After this many failures without a success, one reply at a time probes the account."""
REPORT_AFTER_S = 60.0
"""An account that fails for longer is reported, even after few tries."""
FIRST_DELAY_S = 2.0
"""The pause after a first failure; each further failure doubles it."""
MAX_RETRY_DELAY_S = 600.0
"""A reply is tried every ten minutes at least, unless the vendor asks for a pause."""
MAX_PROBE_DELAY_S = 60.0
"""A failing account gets a probe at least once a minute, unless the vendor asks for a pause."""
MAX_VENDOR_PAUSE_S = 3600.0
"""We obey a pause that a vendor asks for up to this length."""

_ADDRESS = re.compile(r"[^\s<>:;,\"']+@[^\s<>:;,\"']+")


@dataclass(slots=True, kw_only=True)
class LoadedReply:
    """A reply in memory with its text.

    `attempt` counts its tries; `arrived` is monotonic. It is `recorded` once deliveries.v1 has a
    record of it, so that the commit of its partition can pass it. `suspect` means that an older
    version may have tried it.
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
    """A reply that waits in deliveries.v1, without its text; times are in seconds since 1970."""

    due: float
    partition: int
    offset: int
    reply: str
    first_at: float


class Lane:
    """The replies of one account; times are in seconds since 1970."""

    def __init__(self, channel: str, account: str) -> None:
        self.channel, self.account = channel, account
        self.room: deque[LoadedReply] = deque()
        self.running = 0
        self.loading = 0
        """The number of parked replies whose texts are being read."""
        self.failing_since: float | None = None
        self.reason = ""
        self.reported_at = 0.0
        self._parked: list[ParkedReply] = []
        self._failures = 0
        self._delay = FIRST_DELAY_S
        self._resumes_at = 0.0

    @property
    def waiting(self) -> int:
        """The number of replies that wait or run."""
        return len(self.room) + len(self._parked) + self.running + self.loading

    @property
    def is_stuck(self) -> bool:
        """Whether the last MAX_FAILURES tries all failed."""
        return self._failures >= MAX_FAILURES

    def needs_attention(self, now: float) -> bool:
        """Say whether the account has replies, and has failed many times or for a minute."""
        if self.failing_since is None or not self.waiting:
            return False
        return self.is_stuck or now - self.failing_since > REPORT_AFTER_S

    def count_free(self, now: float) -> int:
        """Return the number of further replies that may run now."""
        if self.is_stuck:
            return 1 if not self.running and now >= self._resumes_at else 0
        return max(0, MAX_RUNNING - self.running)

    def has_room(self, now: float) -> bool:
        """Say whether a new reply may wait in memory; parked replies that are ready come first."""
        return not self.is_stuck and len(self.room) < MAX_ROOM and not self.is_due(now)

    def is_due(self, now: float) -> bool:
        """Say whether a parked reply is ready for its next try."""
        return bool(self._parked) and self._parked[0].due <= now

    def note_success(self) -> None:
        """Note that the account took or refused a reply, so the others may run, too."""
        if self.is_stuck:
            self._parked = [parked._replace(due=0.0) for parked in self._parked]
            heapq.heapify(self._parked)
        self._failures, self._delay, self.failing_since = 0, FIRST_DELAY_S, None

    def note_failure(self, now: float, after: float, reason: str) -> None:
        """Note a failed try; after MAX_FAILURES the next waits for at least `after` seconds."""
        self._failures += 1
        self.reason = _ADDRESS.sub("…@…", reason)[:ERROR_TEXT_LIMIT]
        if self.failing_since is None:
            self.failing_since = now
        if self.is_stuck and now >= self._resumes_at:  # tries that ran at once count as one probe
            self._resumes_at = now + min(MAX_VENDOR_PAUSE_S, max(self._delay, after))
            self._delay = min(MAX_PROBE_DELAY_S, self._delay * 2)

    def park(self, parked: ParkedReply) -> None:
        """Add a reply that waits for its time."""
        heapq.heappush(self._parked, parked)

    def take_due(self, now: float, limit: int) -> list[ParkedReply]:
        """Remove and return the parked replies that are ready, at most `limit`.

        A stuck account gives its oldest ones at any time.
        """
        taken: list[ParkedReply] = []
        while self._parked and len(taken) < limit and (self.is_stuck or self.is_due(now)):
            taken.append(heapq.heappop(self._parked))
        return taken

    def take_expired(self, before: float, limit: int) -> list[ParkedReply]:
        """Remove and return parked replies that have waited since before that time."""
        expired = [parked for parked in self._parked if parked.first_at < before][:limit]
        if expired:
            gone = set(expired)
            self._parked = [parked for parked in self._parked if parked not in gone]
            heapq.heapify(self._parked)
        return expired

    def drop(self, partition: int) -> Iterator[LoadedReply]:
        """Remove the replies of a partition that wait; yield those that were in memory."""
        dropped = [loaded for loaded in self.room if loaded.partition == partition]
        self.room = deque(loaded for loaded in self.room if loaded.partition != partition)
        self._parked = [parked for parked in self._parked if parked.partition != partition]
        heapq.heapify(self._parked)
        yield from dropped

    def oldest_time(self, running: Iterable[LoadedReply]) -> float | None:
        """Return the first time of the reply that has waited longest, or None."""
        times = [parked.first_at for parked in self._parked]
        times += [loaded.first_at.timestamp() for loaded in (*self.room, *running)]
        return min(times, default=None)


def attempt_delay(attempt: int, error: Retry) -> float:
    """Return the seconds until a reply's next try.

    The delay doubles with each attempt, and is never below the pause for which the error asks. A
    reply that was postponed waits ten minutes at most. A reply whose server was away waits only a
    minute, because its lane probes that server, and the customer shall not wait after its return.
    """
    longest = MAX_PROBE_DELAY_S if isinstance(error, ServerAway) else MAX_RETRY_DELAY_S
    doubled = FIRST_DELAY_S * 2.0 ** min(attempt - 1, 20)
    return min(MAX_VENDOR_PAUSE_S, max(min(doubled, longest), error.after))


class Lanes:
    """Every lane, by channel and account."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], Lane] = {}

    def get(self, channel: str, account: str) -> Lane:
        """Return the lane of an account; the first call opens it."""
        lane = self._lanes.get((channel, account))
        if lane is None:
            lane = self._lanes[channel, account] = Lane(channel, account)
        return lane

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def stuck_accounts(self, now: float) -> str | None:
        """Return a sentence on the accounts that take no replies, or None."""
        sentences = [
            f"{lane.channel}:{lane.account} has taken no reply for {now - lane.failing_since:.0f} s"
            f" ({lane.reason}); {lane.waiting} replies wait"
            for lane in self
            if lane.failing_since is not None and lane.needs_attention(now)
        ]
        return "; ".join(sentences) or None


def account_of(reply: Reply) -> str:
    """Return the account in a reply's source, which is `channel:account`."""
    return (reply.source.split(":")[1] if ":" in reply.source else "") or "default"


def build_parked_reply(partition: int, delivery: ReplyDelivery) -> ParkedReply:
    """Return the parked reply that a record of deliveries.v1 describes."""
    return ParkedReply(
        due=(delivery.due or delivery.at).timestamp(),
        partition=partition,
        offset=delivery.offset,
        reply=delivery.reply,
        first_at=delivery.first_at.timestamp(),
    )
