"""What decisions are made by, and what is read of a message before one. Pure.

Before: run.py makes a Policy of the settings. After: decide.py and what it is made of.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from router.models.model import Model, Reading
from router.text.customer_priority import NOBODY, Standing
from router.text.entities import Pattern
from router.text.rules import Hit, Pack
from schemas.incident import Incident
from schemas.routing.departments import Department

if TYPE_CHECKING:
    from router.decision.rule_summary import Said

UNREADABLE = "unreadable"
"""The word in `repaired` of a mail that no parser can read, and the flag of its decision."""

IMPORTED = "imported"
"""The flag of history: it is decided and stored, and waits for nobody."""
SPAM = "spam"
"""The flag of what is sent to everybody: people look at it last, no answer goes out by itself."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What decisions are made by: rules, threshold, the departments that exist, the incidents that
    are open, and how much more urgent their messages are (open, confirmed by people)."""

    pack: Pack
    threshold: float
    departments: dict[str, Department]
    models: tuple[Model, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    incidents: tuple[Incident, ...] = ()
    points: tuple[int, int] = (0, 0)
    standing: Standing = NOBODY

    @functools.cached_property
    def model(self) -> str | None:
        """What the models are called in a decision."""
        return " ".join(m.name for m in self.models) or None

    @functools.cached_property
    def said(self) -> dict[tuple[str, ...], Said]:
        """What rules that fired together say; router/decision/rule_summary.py fills it."""
        return {}


class Read(msgspec.Struct, frozen=True, gc=False):
    """A message's text as it is decided on, folded, its words, its language, the rules that
    fire, and what the models make of it, by their tasks."""

    text: str
    folded: str
    words: list[str]
    language: str
    hits: list[Hit]
    models: dict[str, Reading]
