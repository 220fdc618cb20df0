"""Departments by how likely they are, from rules and a model together. Pure.

Before: decide.py has the rules that fired and the model's reading. After: its placing, the guesses
of triage, the runner-up. schemas/routing/counterfactual.py weighs in the same way.
"""

import math

from router.decision.policy import Policy
from router.models.model import Reading
from schemas.decision import TRIAGE, Guess, RunnerUp
from schemas.routing.counterfactual import POINT, UNSURE

_UNKNOWN = 0.05
"""The share of a department that the model never heard of: it has no opinion, so rules that weigh
4.3 together are an even match for its certainty."""

_LEAST = 0.0001


def by_rules(weights: dict[str, float]) -> list[tuple[str, float]]:
    """Return the departments with their confidence by rules alone, the best first; ties by name."""
    total = sum(weights.values()) + UNSURE
    ranked = sorted(weights.items(), key=_best_first)
    return [(name, round(weight / total, 4)) for name, weight in ranked]


def _best_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


def with_model(
    weights: dict[str, float], reading: Reading, policy: Policy
) -> list[tuple[str, float]]:
    """Return them by rules and a model together: each point of weight of a rule multiplies the
    odds that the model gives."""
    shares = {
        n: max(reading.share_of(n), _LEAST) if n in reading.labels else _UNKNOWN for n in weights
    }
    for guess in (reading.best, reading.second):
        if guess.label in policy.departments and guess.label != TRIAGE:
            shares[guess.label] = guess.share
    odds = {n: p * math.exp(POINT * weights.get(n, 0.0)) for n, p in shares.items()}
    total = sum(odds.values()) + max(0.0, 1 - sum(shares.values()))
    ranking = sorted(odds.items(), key=_best_first)
    return [(name, round(value / total, 4)) for name, value in ranking]


def guesses(ranking: list[tuple[str, float]]) -> tuple[Guess, ...]:
    return tuple([Guess(department=name, confidence=share) for name, share in ranking[:2]])


def runner_up(ranking: list[tuple[str, float]], department: str, policy: Policy) -> RunnerUp | None:
    if not ranking or (len(ranking) == 1 and ranking[0][0] == department):
        return None
    name, confidence = ranking[ranking[0][0] == department]
    best = dict(ranking).get(department, 0.0)
    if any(m.head.task == "department" for m in policy.models) and best > confidence:
        more = math.log(best / max(confidence, _LEAST)) / POINT
        would = f"rules of {more:.1f} more weight"
    elif department == TRIAGE:
        would = f"a confidence of {policy.threshold:g} instead of {confidence:g}"
    else:
        would = f"{best - confidence:.2f} more of the evidence"
    return RunnerUp(department=name, confidence=confidence, would_win=would)
