"""The values that the desk, the feed and the lines in Redis exchange, and the errors of a lease.

Before: desk_feed/feed.py and desk.py build them. After: queue.py gives them to the scripts. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.errors import Retry, SantralError


class LeaseLost(SantralError):
    """The lease ran out or another agent has the item: 409."""


class ItemClosing(LeaseLost):
    """The lease's agent closes the item just now: 409 to everything but the same verb."""


class AlreadyClosed(LeaseLost):
    """The lease's own closing counted: the same verb has the answer `outcome`."""

    def __init__(self, outcome: str) -> None:
        super().__init__("the lease closed this item")
        self.outcome = outcome


class ItemUnknown(SantralError):
    """No such item waits at any desk: 404."""


class RedisBehind(Retry):
    """This Redis lacks records before those of a span: read again from `position`."""

    def __init__(self, partition: str, position: int) -> None:
        super().__init__(0, f"Redis has {partition} up to offset {position} only")
        self.partition = partition
        self.position = position


@dataclass(frozen=True, kw_only=True)
class ShownMessage:
    """One waiting message: its hops, and where its WorkItem is in its department's queue.

    `body` is the WorkItem as JSON if Redis has it.
    """

    message: str
    hops: int
    partition: int
    offset: int
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimedItem:
    """One claimed conversation: its item, its lease and its messages, oldest first."""

    item: str
    lease: str
    until_ms: int
    messages: tuple[ShownMessage, ...]


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease that is valid now, and the messages that its agent was shown.

    They waited when the lines had each partition of outcomes.v1 up to its offset in `reached`.
    """

    item: str
    lease: str
    department: str
    conversation: str
    agent: str
    until_ms: int
    messages: tuple[ShownMessage, ...]
    reached: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QueuedMessage:
    """A message for a line: its WorkItem as JSON, its arrival in ms, its score (lower goes first).

    `partition` and `offset` say where in its department's queue the WorkItem is. A `quiet` one
    joins a conversation that waits, and opens none.
    """

    department: str
    conversation: str
    message: str
    hops: int
    work: bytes
    arrived_ms: int
    score: float
    quiet: bool
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class Closing:
    """An outcome that closes messages (id, hops), and its offset in its partition."""

    outcome: str
    department: str
    conversation: str
    messages: tuple[tuple[str, int], ...]
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class OffsetRange:
    """What was read of one partition, `topic/number`: the offsets from `start` to before `end`."""

    partition: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class PendingClosing:
    """A conversation that an agent closes, and the ids of the outcomes that did not come yet."""

    conversation: str
    lease: str
    verb: str
    outcomes: tuple[str, ...]
