"""Decision, its Reasons and the WorkItem that carries both to a department's queue.

router/decision/decide.py makes them, and the queues, the desk, the store and the watch read them.
Pure.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Name, Record, Time, open_list
from schemas.message import Message

Action = Literal["queue", "append", "repeat", "automatic", "triage"]
ACTIONS: frozenset[str] = frozenset(get_args(Action))
"""The actions that this version knows."""

ReasonKind = Literal["rule", "model", "state"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Priority = Annotated[int, msgspec.Meta(ge=0, le=100)]

TRIAGE = "triage"
"""The department for messages that Santral can't decide with enough certainty."""

RETURNED = "undeliverable"
"""The flag of an item that came back because its answer could not be delivered."""

CLOSING = "closing"
"""The flag of a goodbye, which opens no item and reopens no conversation."""

REOPENED = "reopened"
"""The flag of the message that opens a resolved conversation again."""

PERSONAL = frozenset({"identity_number", "tax_number", "iban", "card_number"})
"""Kinds of entities that belong to a person; every page masks their value."""


class Evidence(Record, frozen=True, kw_only=True):
    """A span of the decided text (subject, line break, text), in characters."""

    start: int
    end: int
    text: str


class Reason(Record, frozen=True, kw_only=True):
    """One reason for a decision, readable in Turkish and English.

    `weight` counts for the department in `speaks_for`, which is empty when the reason favours none.
    """

    kind: Annotated[str, open_list(get_args(ReasonKind))]
    id: str
    version: str
    evidence: tuple[Evidence, ...] = ()
    weight: float = 0.0
    speaks_for: str = ""
    text_tr: str = ""
    text_en: str = ""


class RunnerUp(Record, frozen=True, kw_only=True):
    """The second best department and what would have made it the first."""

    department: Name
    confidence: Share
    would_win: str = ""


class Guess(Record, frozen=True, kw_only=True):
    """A department that may be right."""

    department: str
    confidence: Share


class Entity(Record, frozen=True, kw_only=True):
    """A value in the decided text, with its span."""

    kind: str
    value: str
    start: int
    end: int


class Decision(Record, frozen=True, kw_only=True):
    """The department of a message, with the reasons.

    The same versions, state and message give the same decision.
    `sentiment` is from -1 to 1, `severity` from 0 to 2, and `priority` from 0 to 100. `hops` counts
    how often people moved the item. `guesses` are the two likeliest departments of a message in
    triage, whose confidence was below `threshold`. `incident` is the open incident of the message.
    The decision has spans of evidence, but not the customer's text.
    """

    message: Id
    brand: str
    channel: str
    conversation: Id
    department: Name
    intent: str
    topics: tuple[str, ...] = ()
    language: str = "und"
    sentiment: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    severity: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    priority: Priority = 0
    confidence: Share = 0.0
    reasons: tuple[Reason, ...] = ()
    runner_up: RunnerUp | None = None
    guesses: tuple[Guess, ...] = ()
    entities: tuple[Entity, ...] = ()
    flags: tuple[str, ...] = ()
    action: Annotated[str, open_list(ACTIONS)]
    hops: Annotated[int, msgspec.Meta(ge=0)] = 0
    pack: str = ""
    model: str | None = None
    threshold: Share = 0.0
    incident: Id | None = None
    decided_at: Time


class Due(Record, frozen=True, kw_only=True):
    """When the customer should have a first answer, and a solution."""

    first_response: Time
    resolution: Time


class WorkItem(Record, frozen=True, kw_only=True):
    """A message with its decision, as a department's queue carries it."""

    message: Message
    decision: Decision
    due: Due


class EncodedWorkItem(Record, frozen=True, kw_only=True):
    """A WorkItem whose message and decision are JSON already, so that nothing is encoded twice."""

    message: msgspec.Raw
    decision: msgspec.Raw
    due: Due
