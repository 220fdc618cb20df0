"""One fit of the linear classifier, which is linear support vector machines on naive Bayes weights.

scikit-learn does the fitting. The same rows give the same fit.
Source: Wang and Manning 2012, Baselines and bigrams (NBSVM).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from router.models.arrays import Floats, Ints
from router.models.features import BUCKETS
from router.training.matrices import inverse_frequencies, normalize_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_SMOOTHING = 0.025
"""Occurrences that a feature has with a label at least, so that its logarithm is finite."""


class FitSettings(NamedTuple):
    """How a fit learns.

    `bayes_share` of a feature's scale is its naive Bayes weight, and the rest the mean of all.
    `penalty` is the C of the support vector machine. A rule that fires counts `rule_weight` times
    as much as a word.
    """

    bayes_share: float
    penalty: float
    rule_weight: float


@dataclass(frozen=True, kw_only=True)
class LinearFit:
    """A fitted classifier: `weights` is labels x buckets, the others have a number for each."""

    idf: Floats
    weights: Floats
    bias: Floats

    def margins(self, rows: "csr_matrix") -> Floats:
        """Return the margins of rows x labels."""
        margins: Floats = np.asarray(normalize_rows(rows, self.idf) @ self.weights.T) + self.bias
        return margins


def fit_linear(
    matrix: "csr_matrix", truth: Ints, label_count: int, settings: FitSettings
) -> LinearFit:
    """Return the fit on rows whose labels are the numbers `truth`.

    A label without a row, or with every row, has a margin of -1.
    """
    from sklearn.svm import LinearSVC

    idf = inverse_frequencies(matrix)
    rows = normalize_rows(matrix, idf)
    total = _column_sums(rows)
    weights = np.zeros((label_count, BUCKETS), np.float32)
    bias = np.full(label_count, -1.0, np.float32)
    for label in range(label_count):
        has_label = truth == label
        if not has_label.any() or has_label.all():
            continue
        scale = _bayes_scale(total, _column_sums(rows[has_label]), settings.bayes_share)
        machine = LinearSVC(C=settings.penalty, random_state=0)
        machine.fit(rows.multiply(scale).tocsr(), has_label)
        weights[label], bias[label] = machine.coef_[0] * scale, machine.intercept_[0]
    return LinearFit(idf=idf, weights=weights, bias=bias)


def _bayes_scale(total: Floats, with_label: Floats, bayes_share: float) -> Floats:
    """Return the scale of each bucket, larger the more it tells the label from the others.

    `total` and `with_label` are the sums of a bucket over all rows and over those of the label.
    """
    inside = with_label + _SMOOTHING
    outside = total - with_label + 2 * _SMOOTHING
    ratio = np.abs(np.log((inside / inside.sum()) / (outside / outside.sum())))
    scale: Floats = ((1 - bayes_share) * ratio.mean() + bayes_share * ratio).astype(np.float32)
    return scale


def _column_sums(rows: "csr_matrix") -> Floats:
    sums: Floats = np.asarray(rows.sum(axis=0)).ravel()
    return sums
