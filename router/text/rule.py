"""A rule as data, and its hit on a text. Pure."""

from typing import Annotated

import msgspec

from schemas.base import Record
from schemas.decision import Evidence

RuleId = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)+$")]


class Rule(Record, frozen=True, kw_only=True):
    """One rule: it fires when one of `any`, all of `all` and none of `none` are in the text.

    `weight` counts for the department, `priority` adds points (0 to 100 in all), `sentiment`
    adds to -1 to 1, `severity` is a floor from 0 to 2, `flag` marks the decision ("spam" keeps an
    item from the departments). `match` and `no_match` are its samples.
    """

    id: RuleId
    department: str | None = None
    intent: str | None = None
    topics: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    weight: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.0
    priority: Annotated[int, msgspec.Meta(ge=-50, le=100)] = 0
    sentiment: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    severity: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    flag: Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,40}$")] = ""
    owner: str = ""
    tr: str
    en: str
    match: tuple[str, ...]
    no_match: tuple[str, ...]


class Hit(Record, frozen=True):
    """A rule that fired, with the words that made it fire."""

    rule: Rule
    evidence: tuple[Evidence, ...]
