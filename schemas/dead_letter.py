"""DeadLetter: what could not go on, why, and where its bytes lie.

Before: any stage writes it. After: `santral dead` lists, shows and re-drives it. Pure.
"""

from schemas.base import Id, Record, Time
from schemas.message import Raw


class Origin(Record, frozen=True, kw_only=True):
    """Where it stood: a Kafka record, or a position at a source; `hint` is what was known of its
    bytes besides."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: Time | None = None
    position: str | None = None
    hint: str | None = None


class DeadLetter(Record, frozen=True, kw_only=True):
    """One thing that was refused for good; `code` is stable (schemas/errors.py), `text` explains.

    `attempt` counts re-drives: the id of the first letter stays the id of the thing.
    """

    id: Id
    stage: str
    brand: str = ""
    channel: str = ""
    source: str
    code: str
    text: str
    message: Id | None = None
    origin: Origin
    raw: Raw | None = None
    at: Time
    attempt: int = 0
