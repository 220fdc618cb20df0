"""Learning from lines without a label: a slow teacher labels them, the fast model learns from it.

Before: train.py has labelled lines and the settings that suit them. After: the same kind of
model, at the same speed. The teacher is the model itself and a linear model on sentence embeddings
together; the surest of its answers are lines to learn from. It is judged by the training's own
folds, each with a teacher that has not seen it, and left out where it does not help. Source: Hinton
et al. 2015 (distillation); Amini et al. 2024, Self-training: a survey (arXiv 2202.12040).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.models import embedding_stage
from router.models.model import Floats
from router.training.embedding_stage import Numbers, Tell
from router.training.embedding_stage import fitted as fitted_second

Fit = Callable[[Any, Numbers], Callable[[Any], Floats]]
"""Learns from rows and their labels; gives what gives the margins of other rows."""

Shares = Callable[[Floats], Floats]

MOST = 5000
"""Lines without a label that are looked at: half a minute to five for a thousand."""

_PART = 0.6  # of the teacher's answer is the embeddings'
_SUREST = 0.8  # of its answers are learned from


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What was learned from: the rows and labels that the teacher gave, and the margins of the
    labelled lines by models that saw neither them nor a teacher who had."""

    rows: Any
    labels: Numbers
    held: Floats


def lesson(
    rows: Any,
    truth: Numbers,
    folds: Numbers,
    seen: Floats,
    more: Any,
    more_seen: Floats,
    count: int,
    fit: Fit,
    shares: Shares,
    stack: Callable[[Any, Any], Any],
    tell: Tell,
) -> Lesson:
    """Return what a teacher makes of the rows `more`, whose embeddings are `more_seen`.

    `rows` have labels `truth` (numbers below `count`) and embeddings `seen`; `fit` learns from
    rows, `shares` makes probabilities of margins.
    """
    held = np.zeros((len(truth), count), np.float32)
    numbers = np.unique(folds)
    for step, fold in enumerate(numbers):
        mine = folds == fold
        taught = _taught(
            rows[~mine], truth[~mine], seen[~mine], more, more_seen, count, fit, shares
        )
        again = fit(stack(rows[~mine], more[taught[0]]), np.append(truth[~mine], taught[1]))
        held[mine] = again(rows[mine])
        tell("teaching", step + 1, len(numbers) + 1)
    picked, labels = _taught(rows, truth, seen, more, more_seen, count, fit, shares)
    tell("teaching", len(numbers) + 1, len(numbers) + 1)
    return Lesson(rows=more[picked], labels=labels, held=held)


def _taught(
    rows: Any,
    truth: Numbers,
    seen: Floats,
    more: Any,
    more_seen: Floats,
    count: int,
    fit: Fit,
    shares: Shares,
) -> tuple[Numbers, Numbers]:
    """Return which of `more` a teacher is surest of, and what it calls them."""
    own = shares(fit(rows, truth)(more))
    weights = fitted_second(seen, truth, count)
    other = np.array([embedding_stage.shares(row, weights) for row in more_seen])
    both = (1 - _PART) * own + _PART * other
    order = np.argsort(-both.max(axis=1), kind="stable")[: round(_SUREST * len(both))]
    picked: Numbers = np.sort(order)
    called: Numbers = both.argmax(axis=1)[picked]
    return picked, called
