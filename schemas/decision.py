"""Decision, its Reasons and the WorkItem that carries both to a department's queue.

Before: router/decision/decide.py makes them. After: queues, desk, store, watch. Pure.
"""

from typing import Annotated, Literal

import msgspec

from schemas.base import Id, Name, Record, Time
from schemas.message import Message

Action = Literal["queue", "append", "repeat", "automatic", "triage"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Priority = Annotated[int, msgspec.Meta(ge=0, le=100)]

TRIAGE = "triage"
"""The department that gets what nobody is sure about."""

PERSONAL = frozenset({"identity_number", "tax_number", "iban", "card_number"})
"""Kinds of entities that belong to a person: their value is masked wherever it is shown."""


class Evidence(Record, frozen=True, kw_only=True):
    """A span of the decided text (subject, line break, text), in characters."""

    start: int
    end: int
    text: str


class Reason(Record, frozen=True, kw_only=True):
    """One reason for a decision, readable in Turkish and English.

    The weight of a rule or model `speaks_for` a department, where it names one.
    """

    kind: Literal["rule", "model", "state"]
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
    """A department that it may be."""

    department: str
    confidence: Share


class Entity(Record, frozen=True, kw_only=True):
    """Something found in the text, with its place in it."""

    kind: str
    value: str
    start: int
    end: int


class Decision(Record, frozen=True, kw_only=True):
    """Where a message goes and why. Same versions, state and message: same decision.

    `sentiment` from -1 to 1, `severity` from 0 to 2, `priority` from 0 to 100, `hops` counts
    how often people moved the item; `guesses` are the two likeliest departments of what went to
    triage, whose confidence was below `threshold`; `incident` is the open one that the message
    belongs to. The customer's text is not in it, spans of evidence are.
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
    action: Action
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
    """What a department's queue carries."""

    message: Message
    decision: Decision
    due: Due
