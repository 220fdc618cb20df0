"""What rules that fired together say: departments, marks, flags, topics, intent. Pure.

Before: decide.py has the hits of a text. After: the same in every decision where just these rules
fired, so it is worked out once: few of all combinations come up, and those over and over.
"""

from collections.abc import Sequence

import msgspec

from router.decision.policy import Policy
from router.decision.priority import Marks, marks
from router.decision.ranking import by_rules
from router.text.rules import Hit

_REMEMBERED = 5000
"""Combinations kept, about 1 KB each. Then it begins anew."""

_SPEAKS = 1.5
"""A rule that names only an intent speaks of it; one for a department mentions it."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """What the rules say: `weights` of the departments that exist, these ranked by rules alone,
    the marks, flags and topics in the rules' order, and the intent, where one is named."""

    weights: dict[str, float]
    ranking: list[tuple[str, float]]
    marks: Marks
    flags: tuple[str, ...]
    topics: tuple[str, ...]
    intent: str | None


def together(hits: Sequence[Hit], policy: Policy) -> Said:
    """Return what these rules say together."""
    known = policy.said
    key = tuple([hit.rule.id for hit in hits])
    said = known.get(key)
    if said is None:
        if len(known) >= _REMEMBERED:
            known.clear()
        said = known[key] = _said(hits, policy)
    return said


def _said(hits: Sequence[Hit], policy: Policy) -> Said:
    weights: dict[str, float] = {}
    intents: dict[str, float] = {}
    for rule in [hit.rule for hit in hits]:
        name = rule.department
        if name is not None and name in policy.departments:
            weights[name] = weights.get(name, 0.0) + rule.weight
        if rule.intent:
            weight = rule.weight * (_SPEAKS if name is None else 1.0)
            intents[rule.intent] = intents.get(rule.intent, 0.0) + weight
    return Said(
        weights,
        by_rules(weights),
        marks(hits),
        tuple(dict.fromkeys(h.rule.flag for h in hits if h.rule.flag)),
        tuple(dict.fromkeys(t for h in hits for t in h.rule.topics)),
        min(intents, key=lambda name: (-intents[name], name)) if intents else None,
    )
