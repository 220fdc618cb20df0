"""Departments in the order of their confidence, by the rules alone or with a model. Pure.

choose_department reads the ranking; triage gets its first two as guesses. The counterfactuals of
schemas/routing/counterfactual.py weigh in the same way.
"""

import math
from collections.abc import Container

from router.models.model import Prediction
from schemas.decision import TRIAGE, Guess, RunnerUp
from schemas.routing.counterfactual import POINT, UNSURE

Ranking = list[tuple[str, float]]
"""Departments with their confidence from 0 to 1, the best first."""

_UNKNOWN_LABEL_SHARE = 0.05
"""The probability of a department that is not one of the model's labels. Rules that weigh 4.3
together are then an even match for a certain model."""

_MIN_SHARE = 0.0001
"""The lowest probability of a label, so that the rules can still raise it."""

_GUESSES = 2


def rank_by_rules(weights: dict[str, float]) -> Ranking:
    """Return the departments ranked by rules alone; the name decides between equals."""
    total = sum(weights.values()) + UNSURE
    ranked = sorted(weights.items(), key=_best_first)
    return [(name, round(weight / total, 4)) for name, weight in ranked]


def _best_first(pair: tuple[str, float]) -> tuple[float, str]:
    return -pair[1], pair[0]


def rank_with_model(
    weights: dict[str, float], prediction: Prediction, departments: Container[str]
) -> Ranking:
    """Return the departments ranked by rules and a model together.

    Each point of a rule's weight multiplies the odds that the model gives.
    """
    shares = {
        name: max(prediction.probability_of(name), _MIN_SHARE)
        if name in prediction.labels
        else _UNKNOWN_LABEL_SHARE
        for name in weights
    }
    for score in (prediction.best, prediction.second):
        if score.label in departments and score.label != TRIAGE:
            shares[score.label] = score.probability
    odds = {
        name: share * math.exp(POINT * weights.get(name, 0.0)) for name, share in shares.items()
    }
    total = sum(odds.values()) + max(0.0, 1.0 - sum(shares.values(), 0.0))
    ranked = sorted(odds.items(), key=_best_first)
    return [(name, round(value / total, 4)) for name, value in ranked]


def first_guesses(ranking: Ranking) -> tuple[Guess, ...]:
    """Return the likeliest departments, for the people of triage."""
    best = ranking[:_GUESSES]
    return tuple([Guess(department=name, confidence=share) for name, share in best])


def runner_up(
    ranking: Ranking, department: str, threshold: float, *, by_model: bool
) -> RunnerUp | None:
    """Return the best other department, and what would have made it the first."""
    others = [entry for entry in ranking if entry[0] != department]
    if not others:
        return None
    name, confidence = others[0]
    best = dict(ranking).get(department, 0.0)
    if by_model and best > confidence:
        weight = math.log(best / max(confidence, _MIN_SHARE)) / POINT
        would_win = f"rules of {weight:.1f} more weight"
    elif department == TRIAGE:
        would_win = f"a confidence of {threshold:g} instead of {confidence:g}"
    else:
        would_win = f"{best - confidence:.2f} more of the evidence"
    return RunnerUp(department=name, confidence=confidence, would_win=would_win)
