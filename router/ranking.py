"""Departments by how likely they are, from rules and a model together. Pure.

Before: decide.py has the rules that fired and the model's reading. After: its placing, the guesses
of triage, the runner-up. schemas/otherwise.py weighs in the same way.
"""

import math
from collections.abc import Sequence

from router.model import Reading
from router.policy import Policy
from router.rules import Hit
from schemas.decision import TRIAGE, Guess, RunnerUp
from schemas.otherwise import POINT, UNSURE

_UNKNOWN = 0.05
"""The share of a department that the model never heard of: it has no opinion, so rules that weigh
4.3 together are an even match for its certainty."""

_LEAST = 0.0001


def ranked(hits: Sequence[Hit], reading: Reading | None, policy: Policy) -> list[tuple[str, float]]:
    """Return the departments with their confidence, the best first; ties by name.

    With a model, each point of weight of a rule multiplies the odds that the model gives.
    """
    scores: dict[str, float] = {}
    for hit in hits:
        name = hit.rule.department
        if name is not None and name in policy.departments:
            scores[name] = scores.get(name, 0.0) + hit.rule.weight
    if reading is not None:
        return _together(scores, reading, policy)
    total = sum(scores.values()) + UNSURE
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, round(score / total, 4)) for name, score in ranked]


def _together(
    weights: dict[str, float], reading: Reading, policy: Policy
) -> list[tuple[str, float]]:
    shares = {
        n: max(reading.share_of(n), _LEAST) if n in reading.labels else _UNKNOWN for n in weights
    }
    for guess in (reading.best, reading.second):
        if guess.label in policy.departments and guess.label != TRIAGE:
            shares[guess.label] = guess.share
    odds = {n: p * math.exp(POINT * weights.get(n, 0.0)) for n, p in shares.items()}
    total = sum(odds.values()) + max(0.0, 1 - sum(shares.values()))
    ranking = sorted(odds.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, round(value / total, 4)) for name, value in ranking]


def guesses(ranking: list[tuple[str, float]]) -> tuple[Guess, ...]:
    return tuple([Guess(department=name, confidence=share) for name, share in ranking[:2]])


def runner_up(ranking: list[tuple[str, float]], department: str, policy: Policy) -> RunnerUp | None:
    other = next((pair for pair in ranking if pair[0] != department), None)
    if other is None:
        return None
    name, confidence = other
    best = dict(ranking).get(department, 0.0)
    if any(m.head.task == "department" for m in policy.models) and best > confidence:
        more = math.log(best / max(confidence, _LEAST)) / POINT
        would = f"rules of {more:.1f} more weight"
    elif department == TRIAGE:
        would = f"a confidence of {policy.threshold:g} instead of {confidence:g}"
    else:
        would = f"{best - confidence:.2f} more of the evidence"
    return RunnerUp(department=name, confidence=confidence, would_win=would)
