"""WaitingMessage, a message that waits at a desk, or a finish that came before its message.

The desk feed writes it and rebuilds Redis from it. Pure.
"""

from typing import Annotated

import msgspec

from schemas.base import Id, Name, Record

WAITING = "waiting"
CLOSED = "closed"
State = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z][a-z0-9_]{0,62}$",
        description="An open list: skip a word that you do not know.",
        examples=[WAITING, CLOSED],
    ),
]
Count = Annotated[int, msgspec.Meta(ge=0)]


class WaitingMessage(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One message at one desk.

    A `waiting` message waits at `hops`. `partition` and `offset` locate its work item in the
    department's queue, `arrived_ms` (milliseconds since 1970) and `score` order it, and a `quiet`
    message opens no item. An outcome finished a `closed` message up to `hops` before the feed read
    its work item.
    """

    state: State = WAITING
    message: Id
    department: Name
    conversation: Id
    hops: Count = 0
    partition: Count = 0
    offset: Count = 0
    arrived_ms: int = 0
    score: float = 0.0
    quiet: bool = False


def waiting_key(message: str, hops: int) -> bytes:
    """Return the key of a message that waits after `hops` moves."""
    return f"{message}/{hops}".encode()


def closed_key(message: str) -> bytes:
    """Return the key of a finish that came before its message."""
    return f"{message}/{CLOSED}".encode()
