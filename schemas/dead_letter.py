"""A DeadLetter records something that was refused for good, with its code and its bytes' reference.

Any stage writes it, and `santral dead` lists, shows and re-drives it. Pure.
"""

from schemas.base import Id, Record, Time
from schemas.message import Raw


class Origin(Record, frozen=True, kw_only=True):
    """The origin of a dead letter: a Kafka record, or a delivery of a source or caller.

    A record has `topic`, `partition`, `offset`, `timestamp` and `key`. A delivery has the
    `position` and the `hint` of its source, where it gave them.
    """

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: Time | None = None
    key: str | None = None
    position: str | None = None
    hint: str | None = None

    @property
    def record_key(self) -> str | None:
        """The key of the Kafka record, which older letters have in `position`."""
        return self.position if self.key is None else self.key


class DeadLetter(Record, frozen=True, kw_only=True):
    """A delivery or record that was refused; `code` is stable (schemas/errors.py), `text` explains.

    `attempt` counts re-drives, which keep the id of the first letter.
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
