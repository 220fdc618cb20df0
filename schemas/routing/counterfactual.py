"""What would have changed a decision: the nearest change of evidence, or of the threshold. Pure.

Before: a Decision tells its reasons, what they weigh, and the runner-up. After: `santral explain`
and the pages say it. It is worked out when somebody asks, from the record alone, by the same
weighing as router/decision/decide.py's.
"""

import math
from dataclasses import dataclass

from schemas.decision import TRIAGE, Decision, Reason

UNSURE = 0.5
"""What one plain rule weighs against: alone it gives 2/3, against an equal one 2/5."""

MIN_SHARE = 0.001
"""A record's shares have four digits: a smaller one is too rough to weigh by."""

POINT = 0.7
"""A plain rule doubles the odds of a model; one of weight 10 decides."""


@dataclass(frozen=True, kw_only=True)
class Otherwise:
    """The department that it would have gone to, without these reasons, or with that threshold."""

    department: str
    without: tuple[Reason, ...] = ()
    threshold: float | None = None

    def words(self) -> str:
        """Return the words of the evidence that would have to be missing."""
        found = dict.fromkeys(e.text for r in self.without for e in r.evidence)
        return ", ".join(f"“{w}”" for w in found) or ", ".join(r.id for r in self.without)


def otherwise(told: Decision) -> Otherwise | None:
    """Return the nearest change that would have sent a message elsewhere; None where neither rules
    nor a model decided (a follow-up, a machine's mail, spam, what people moved)."""
    if told.hops or told.action not in ("queue", "triage") or "spam" in told.flags:
        return None
    if told.action == "triage":
        if not told.guesses:
            return None
        best = told.guesses[0]
        return Otherwise(department=best.department, threshold=best.confidence)
    mine = [r for r in told.reasons if r.kind == "rule" and r.speaks_for == told.department]
    mine.sort(key=lambda r: (-r.weight, r.id))
    for count in range(1, len(mine) + 1):
        gone = mine[:count]
        other = _without(told, gone)
        if other != told.department:
            return Otherwise(department=other, without=tuple(gone))
    return Otherwise(department=TRIAGE, threshold=told.confidence)


def _without(decision: Decision, gone: list[Reason]) -> str:
    """Return where a message would have gone without some rules of its department."""
    rules = [r for r in decision.reasons if r.kind == "rule" and r.speaks_for and r not in gone]
    model = next((r for r in decision.reasons if r.id == "model.department"), None)
    if model is not None and model.speaks_for and not rules:
        # The model alone: exact, where shares of the record are rounded to nothing.
        shares, total = {model.speaks_for: model.weight}, 1.0
    elif model is not None:
        if decision.runner_up is not None and decision.runner_up.confidence < MIN_SHARE:
            return decision.department  # more has to go before the record can tell
        shares = {decision.department: decision.confidence}
        if decision.runner_up is not None:
            shares[decision.runner_up.department] = decision.runner_up.confidence
        rest = max(0.0, 1 - sum(shares.values()))
        shares[decision.department] *= math.exp(-POINT * sum(r.weight for r in gone))
        total = sum(shares.values()) + rest
    else:
        shares = {}
        for rule in rules:
            shares[rule.speaks_for] = shares.get(rule.speaks_for, 0.0) + rule.weight
        total = sum(shares.values()) + UNSURE
    if not shares:
        return TRIAGE
    name = min(shares, key=lambda n: (-shares[n], n))
    return name if round(shares[name] / total, 4) >= decision.threshold else TRIAGE
