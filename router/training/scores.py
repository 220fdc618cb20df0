"""Figures of answers whose truth is known: accuracy, its bounds, F1 and calibration. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from router.models.arrays import Bools, Floats, Ints
from router.models.head import Figures
from schemas.base import Record

FOLDS = 5
"""Each line is predicted by models that learned from four fifths of the lines."""

_BINS = 15
"""The usual number of bins for the expected calibration error (Guo et al. 2017)."""

_Z_95 = 1.959964
"""The standard score of a two-sided interval with 95 % confidence."""


class ReliabilityBin(Record, frozen=True, kw_only=True):
    """Answers of about the same confidence.

    `count` is their number, `said` their mean confidence, and `right` the share of right ones.
    """

    count: int
    said: float
    right: float


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share of `count` answers (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z = _Z_95
    shrink = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / shrink
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / shrink
    return max(0.0, middle - half), min(1.0, middle + half)


def compute_figures(
    labels: Sequence[str], truth: Ints, answers: Ints, probabilities: Floats
) -> Figures:
    """Return the figures of answers; `truth` and `answers` are indexes of `labels`."""
    right = answers == truth
    accuracy = float(right.mean())
    low, high = wilson_interval(accuracy, len(truth))
    bins = reliability_curve(right, probabilities.max(axis=1))
    return Figures(
        accuracy=accuracy,
        low=low,
        high=high,
        majority=float(np.unique(truth, return_counts=True)[1].max() / len(truth)),
        macro_f1=_macro_f1(len(labels), truth, answers),
        ece=sum(abs(b.said - b.right) * b.count for b in bins) / len(truth),
        folds=FOLDS,
    )


def _macro_f1(label_count: int, truth: Ints, answers: Ints) -> float:
    """Return the mean F1 of the labels that the truth has, 0 without any."""
    f1 = []
    for label in range(label_count):
        is_truth, is_answer = truth == label, answers == label
        if is_truth.any():
            hits = int((is_truth & is_answer).sum())
            f1.append(2 * hits / int(is_truth.sum() + is_answer.sum()))
    return float(np.mean(f1)) if f1 else 0.0


def reliability_curve(right: Bools, confidence: Floats) -> list[ReliabilityBin]:
    """Return the share of right answers by their confidence, in bins of equal width.

    Empty bins are left out.
    """
    numbers = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    for number in range(_BINS):
        inside = numbers == number
        if inside.any():
            bins.append(
                ReliabilityBin(
                    count=int(inside.sum()),
                    said=float(confidence[inside].mean()),
                    right=float(right[inside].mean()),
                )
            )
    return bins
