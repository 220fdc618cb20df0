"""The choice of a fit's settings, by the folds that a fit has not seen.

Every candidate is tried on the first folds. The best is then tried on all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.models.arrays import Floats, Ints
from router.text.rules import Pack
from router.training.dataset import LabelledLines
from router.training.linear_fit import FitSettings, LinearFit, fit_linear
from router.training.matrices import label_name_matrix, rule_matrix, stack_rows, text_matrix
from router.training.progress import ReportProgress
from router.training.scores import FOLDS

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_CANDIDATES = ((0.3, 1.0), (0.5, 0.7), (0.7, 1.0))
"""Tried pairs of `bayes_share` and `penalty`."""

_RULE_WEIGHTS = (5.0, 2.0)
"""Tried values of `rule_weight`."""

_PROBE_FOLDS = 2
_SLOW_CELLS = 1_000_000
"""One fold is enough for a probe when lines x labels are this many."""


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Labelled lines and their labels' names as rows of features.

    `rows` has lines x buckets for each weight of the rules that is worth a trial. `truth` has the
    number of each line's label, and `folds` its fold.
    """

    rows: dict[float, "csr_matrix"]
    truth: Ints
    folds: Ints
    names: "csr_matrix"
    name_labels: Ints
    labels: tuple[str, ...]

    @property
    def label_count(self) -> int:
        """The number of labels."""
        return len(self.labels)

    def fit(self, rows: "csr_matrix", truth: Ints, settings: FitSettings) -> LinearFit:
        """Return the fit on rows and on the labels' names."""
        rows_and_names = stack_rows(rows, self.names)
        answers = np.append(truth, self.name_labels)
        return fit_linear(rows_and_names, answers, self.label_count, settings)


def build_rows(lines: LabelledLines, labels: tuple[str, ...], pack: Pack | None) -> TrainingRows:
    """Return the rows of lines; a label's name is a row too, which helps when lines are few."""
    number_of = {label: number for number, label in enumerate(labels)}
    truth = np.array([number_of[label] for label in lines.labels])
    words, rules = text_matrix(lines.texts), rule_matrix(lines.texts, pack)
    names, name_labels = label_name_matrix(labels)
    return TrainingRows(
        rows={
            weight: words + weight * rules for weight in (_RULE_WEIGHTS if rules.nnz else (0.0,))
        },
        truth=truth,
        folds=_assign_folds(truth),
        names=names,
        name_labels=name_labels,
        labels=labels,
    )


def count_right(margins: Floats, truth: Ints) -> int:
    """Return the number of rows whose largest margin is that of their label."""
    return int((margins.argmax(axis=1) == truth).sum())


def choose_settings(rows: TrainingRows, report: ReportProgress) -> tuple[FitSettings, Floats]:
    """Return the best settings, and the margins of each line by a fit that has not seen it."""
    trials = _Trials(rows, report)
    first, *other_weights = rows.rows
    best = trials.best([FitSettings(share, penalty, first) for share, penalty in _CANDIDATES])
    best = trials.best([best, *[best._replace(rule_weight=weight) for weight in other_weights]])
    return best, trials.finish(best)


class _Trials:
    """Fits of candidates on some of the folds, and the margins that they gave the other lines."""

    def __init__(self, rows: TrainingRows, report: ReportProgress) -> None:
        self._rows, self._report = rows, report
        is_slow = len(rows.truth) * rows.label_count >= _SLOW_CELLS
        self._probe_folds = 1 if is_slow else _PROBE_FOLDS
        candidates = len(_CANDIDATES) + len(rows.rows) - 1
        self._steps = candidates * self._probe_folds + FOLDS - self._probe_folds
        self._done = 0
        self._margins: dict[FitSettings, Floats] = {}

    def best(self, candidates: Sequence[FitSettings]) -> FitSettings:
        """Return the candidate that gets most lines of the first folds right."""
        probed = self._rows.folds < self._probe_folds
        truth = self._rows.truth[probed]
        for settings in candidates:
            if settings not in self._margins:
                self._try(settings, range(self._probe_folds))
        return max(candidates, key=lambda s: count_right(self._margins[s][probed], truth))

    def finish(self, settings: FitSettings) -> Floats:
        """Return the margins of all lines by settings that were tried on the first folds."""
        self._try(settings, range(self._probe_folds, FOLDS))
        return self._margins[settings]

    def _try(self, settings: FitSettings, folds: range) -> None:
        rows = self._rows
        shape = (len(rows.truth), rows.label_count)
        margins = self._margins.setdefault(settings, np.zeros(shape, np.float32))
        for fold in folds:
            learns, matrix = rows.folds != fold, rows.rows[settings.rule_weight]
            fit = rows.fit(matrix[learns], rows.truth[learns], settings)
            margins[~learns] = fit.margins(matrix[~learns])
            self._done += 1
            self._report("cross-validating", self._done, self._steps)


def _assign_folds(truth: Ints) -> Ints:
    """Return a fold for each line, each label spread evenly over them; always the same."""
    order = np.random.default_rng(0).permutation(len(truth))
    folds = np.zeros(len(truth), np.int64)
    for label in np.unique(truth):
        lines = order[truth[order] == label]
        folds[lines] = (np.arange(len(lines)) + label) % FOLDS
    return folds
