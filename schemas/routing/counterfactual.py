"""The nearest change of evidence or threshold that would have changed a decision. Pure.

`santral explain` and the pages show it. It needs only the Decision, whose reasons have their
weights, and it weighs them as router/decision/decide.py does.
"""

import math
from dataclasses import dataclass

from schemas.decision import TRIAGE, Decision, Reason

UNSURE = 0.5
"""The weight of uncertainty: one plain rule alone gives 2/3, and beside an equal one 2/5."""

MIN_SHARE = 0.001
"""The smallest share to compute with, because a record's shares have only four digits."""

POINT = 0.7
"""A plain rule doubles the odds of a model; one of weight 10 decides."""


@dataclass(frozen=True, kw_only=True)
class NearestChange:
    """Where the message would have gone without these reasons, or at this threshold."""

    department: str
    without: tuple[Reason, ...] = ()
    threshold: float | None = None

    def words(self) -> str:
        """Return the words of the reasons' evidence in quotation marks, or else the rules' ids."""
        words = dict.fromkeys(
            evidence.text for reason in self.without for evidence in reason.evidence
        )
        return ", ".join(f"“{word}”" for word in words) or ", ".join(r.id for r in self.without)


def nearest_change(decision: Decision) -> NearestChange | None:
    """Return the nearest change that would have sent a message elsewhere.

    Returns None if neither rules nor a model decided, as for a follow-up, a machine's mail, spam
    and an item that people moved.
    """
    if decision.hops or decision.action not in ("queue", "triage") or "spam" in decision.flags:
        return None
    if decision.action == "triage":
        if not decision.guesses:
            return None
        best = decision.guesses[0]
        return NearestChange(department=best.department, threshold=best.confidence)
    supporting = [
        reason
        for reason in decision.reasons
        if reason.kind == "rule" and reason.speaks_for == decision.department
    ]
    supporting.sort(key=lambda reason: (-reason.weight, reason.id))
    for count in range(1, len(supporting) + 1):
        removed = supporting[:count]
        other = _without(decision, removed)
        if other != decision.department:
            return NearestChange(department=other, without=tuple(removed))
    return NearestChange(department=TRIAGE, threshold=decision.confidence)


def _without(decision: Decision, removed: list[Reason]) -> str:
    """Return where a message would have gone without some rules of its department."""
    rules = [r for r in decision.reasons if r.kind == "rule" and r.speaks_for and r not in removed]
    model = next((r for r in decision.reasons if r.id == "model.department"), None)
    if model is not None and model.speaks_for and not rules:
        # The model alone decides. Its weight is exact, while the record rounds small shares to 0.
        shares, total = {model.speaks_for: model.weight}, 1.0
    elif model is not None:
        if decision.runner_up is not None and decision.runner_up.confidence < MIN_SHARE:
            return decision.department  # the rounded share can't decide, so remove more
        shares = {decision.department: decision.confidence}
        if decision.runner_up is not None:
            shares[decision.runner_up.department] = decision.runner_up.confidence
        rest = max(0.0, 1 - sum(shares.values()))
        shares[decision.department] *= math.exp(-POINT * sum(r.weight for r in removed))
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
