"""The scale of a model's probabilities, and the bound below which a text is out of scope. Pure.

Source: Guo et al. 2017, On calibration of modern neural networks (temperature).
"""

import math

import numpy as np

from router.models.arrays import Floats, Ints

_NOISES = (0.0001, 0.001, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2)
"""Tried shares of odd labels. Without any, one odd label would be infinitely unlikely."""

_SHARPNESSES = (0.05, 50)
"""The sharpness is looked for between these two."""

_STEPS = 30
"""Steps of the golden section, each 0.618 as wide as the one before; 30 leave 0.000004."""

_ACCURACY_BUDGET = 0.01
"""In-scope accuracy that a bound may cost for recognising texts that are out of scope."""


def calibrate(margins: Floats, truth: Ints) -> tuple[float, float]:
    """Return (sharpness, noise) under which the truth is likeliest."""
    lines = np.arange(len(truth))

    def loss(sharpness: float) -> tuple[float, float]:
        scaled = margins.astype(np.float64) * sharpness
        scaled -= scaled.max(axis=1, keepdims=True)
        share = np.exp(scaled[lines, truth]) / np.exp(scaled).sum(axis=1)
        return min(
            (float(-np.log((1 - n) * share + n / margins.shape[1]).mean()), n) for n in _NOISES
        )

    low, high = map(math.log, _SHARPNESSES)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(math.exp(left)) < loss(math.exp(right)):
            high = right
        else:
            low = left
    sharpness = round(math.exp((low + high) / 2), 6)
    return sharpness, loss(sharpness)[1]


def choose_outside_bound(probabilities: Floats, truth: Ints, outside: int) -> float:
    """Return the largest bound that costs the labels in scope at most _ACCURACY_BUDGET."""
    in_scope = truth != outside
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = answers == truth
    without_bound = float(right[in_scope].mean())
    best = 0.0
    for bound in np.arange(0.02, 1.0, 0.02):
        still_right = right & ((confidence >= bound) | (answers == outside))
        if float(still_right[in_scope].mean()) < without_bound - _ACCURACY_BUDGET:
            break
        best = float(bound)
    return round(best, 4)
