"""The values that desk, desk_feed and desk_queue exchange, and the errors of a lease. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from schemas.errors import Retry, SantralError


class LeaseLost(SantralError):
    """The lease ended, or another agent has the item; HTTP 409."""


class ItemClosing(LeaseLost):
    """The lease's agent is closing the item; HTTP 409 to everything but the same verb."""


class AlreadyClosed(LeaseLost):
    """The lease's own closing counted, so its repeat gets the same `outcome` as an answer."""

    def __init__(self, outcome: str) -> None:
        super().__init__("the lease closed this item")
        self.outcome = outcome


class ItemUnknown(SantralError):
    """No such item waits at any desk; HTTP 404."""


class RedisBehind(Retry):
    """Redis lacks records before an offset range; the feed reads again from `position`."""

    def __init__(self, partition: str, position: int) -> None:
        super().__init__(0, f"Redis has {partition} up to offset {position} only")
        self.partition = partition
        self.position = position


@dataclass(frozen=True, kw_only=True)
class ShownMessage:
    """A waiting message that a lease shows; `body` is its WorkItem as JSON if Redis has it.

    `partition` and `offset` locate the WorkItem in its department's queue.
    """

    message: str
    hops: int
    partition: int
    offset: int
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimedItem:
    """A claimed conversation with its item and lease; the oldest message comes first."""

    item: str
    lease: str
    until_ms: int
    messages: tuple[ShownMessage, ...]


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease that is valid now, and the messages that its agent was shown.

    They waited when the lines contained each partition of outcomes.v1 up to its offset in
    `reached`.
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
    """A message for a line, with its WorkItem as JSON; the lowest score goes first.

    `partition` and `offset` locate the WorkItem in its department's queue. A `quiet` message joins
    a conversation that waits, and never opens one.
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
    """An outcome that closes messages, given by id and hops, and its offset in its partition."""

    outcome: str
    department: str
    conversation: str
    messages: tuple[tuple[str, int], ...]
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class OffsetRange:
    """The offsets of a partition, `topic/number`, from `start` to before `end`."""

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


@dataclass(frozen=True, kw_only=True)
class ExpiredLease:
    """A lease that ended at `ended_ms` without an act, and the messages that it showed."""

    lease: str
    department: str
    conversation: str
    item: str
    agent: str
    ended_ms: int
    messages: tuple[ShownMessage, ...]


def decode_expired(lease: str, value: bytes) -> ExpiredLease:
    """Return the expired lease that a script noted as a JSON array."""
    department, conversation, item, agent, ended, *flat = msgspec.json.decode(value, type=list[str])
    return ExpiredLease(
        lease=lease,
        department=department,
        conversation=conversation,
        item=item,
        agent=agent,
        ended_ms=int(float(ended)),
        messages=tuple(
            ShownMessage(
                message=flat[n],
                hops=int(flat[n + 1]),
                partition=int(flat[n + 2]),
                offset=int(flat[n + 3]),
            )
            for n in range(0, len(flat), 4)
        ),
    )
