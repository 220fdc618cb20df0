"""Priority, sentiment and severity from the rules that fired. Pure.

Before: decide.py has the hits. After: the Decision's numbers, each with the rule that gave it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from router.rules import Hit

BASE = 30
"""Where a message without any special mark stands, of 100."""

_PER_SEVERITY = 10
_ANGRY = -0.6
_IRONY = 0.1


class Marks(NamedTuple):
    """Priority from 0 to 100, sentiment from -1 to 1, severity from 0 to 2."""

    priority: int
    sentiment: float
    severity: int


def marks(hits: Sequence[Hit]) -> Marks:
    """Return the base and the rules' points, ten for each step of severity, five for anger.

    Praise beside a complaint is irony more often than praise ("bravo, yine kesildi"): it counts
    for nothing, and a little against.
    """
    points, praise, blame, severity = BASE, 0.0, 0.0, 0
    for hit in hits:
        rule = hit.rule
        points += rule.priority
        if rule.sentiment > 0:
            praise += rule.sentiment
        else:
            blame += rule.sentiment
        if rule.severity > severity:
            severity = rule.severity
    mood = praise if not blame else blame - (_IRONY if praise else 0.0)
    sentiment = round(-1.0 if mood < -1 else min(mood, 1.0), 3)
    points += _PER_SEVERITY * severity + (5 if sentiment <= _ANGRY else 0)
    return Marks(0 if points < 0 else min(points, 100), sentiment, severity)
