"""Priority, sentiment and severity from the rules that fired. Pure.

Before: decide.py has the hits. After: the Decision's numbers, each with the rule that gave it.
"""

from collections.abc import Sequence

from router.rules import Hit

BASE = 30
"""Where a message without any special mark stands, of 100."""

_PER_SEVERITY = 10


def severity(hits: Sequence[Hit]) -> int:
    """Return the highest severity a rule asks for, 0 to 2."""
    return max((h.rule.severity for h in hits), default=0)


def sentiment(hits: Sequence[Hit]) -> float:
    """Return the sum of what the rules say, kept within -1 and 1."""
    return round(max(-1.0, min(1.0, sum(h.rule.sentiment for h in hits))), 3)


def priority(hits: Sequence[Hit]) -> int:
    """Return 0 to 100: the base, the rules' points, and ten for each step of severity."""
    points = BASE + sum(h.rule.priority for h in hits) + _PER_SEVERITY * severity(hits)
    if sentiment(hits) <= -0.6:
        points += 5
    return max(0, min(100, points))
