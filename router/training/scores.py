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


class ReliabilityBin(Record, frozen=True, kw_only=True):
    """Answers of about the same confidence.

    `count` is their number, `said` their mean confidence, and `right` the share of right ones.
    """

    count: int
    said: float
    right: float


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the bounds of a share of `count` with 95 % (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z = _Z_95
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    half /= 1 + z * z / count
    return max(0.0, middle - half), min(1.0, middle + half)


def compute_figures(
    labels: Sequence[str], truth: Ints, answers: Ints, probabilities: Floats
) -> Figures:
    """Return the figures of answers; `truth` and `answers` are numbers of labels."""
    right = answers == truth
    accuracy = float(right.mean())
    low, high = wilson_interval(accuracy, len(truth))
    f1 = []
    for label in range(len(labels)):
        hits = int((right & (truth == label)).sum())
        both = int((truth == label).sum() + (answers == label).sum())
        if (truth == label).any():
            f1.append(2 * hits / both if both else 0.0)
    bins = reliability_curve(right, probabilities.max(axis=1))
    return Figures(
        accuracy=accuracy,
        low=low,
        high=high,
        majority=float(np.unique(truth, return_counts=True)[1].max() / len(truth)),
        macro_f1=float(np.mean(f1)) if f1 else 0.0,
        ece=sum(abs(b.said - b.right) * b.count for b in bins) / len(truth),
        folds=FOLDS,
    )


def reliability_curve(right: Bools, confidence: Floats) -> list[ReliabilityBin]:
    """Return the reliability curve in bins of equal width, without the empty ones."""
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
