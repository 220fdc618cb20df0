"""Learning from lines without a label, which a slow teacher labels for the fast model.

The teacher is the model itself together with a linear model on sentence embeddings. The model
learns from the surest of its answers and stays as fast as before. The training's own folds judge
the result, each with a teacher that has not seen it.
Sources are Hinton et al. 2015 (distillation) and Amini et al. 2024, Self-training, a survey
(arXiv 2202.12040).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from router.models.arrays import Bools, Floats, Ints
from router.models.embedding_stage import classify_embedding
from router.models.model import calibrated_softmax
from router.training.cross_validation import TrainingRows
from router.training.embedding_stage import fit_embeddings
from router.training.linear_fit import FitSettings, LinearFit
from router.training.matrices import stack_rows
from router.training.progress import ReportProgress

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_EMBEDDING_SHARE = 0.6
"""The embeddings' share of the teacher's answer."""

_SUREST_SHARE = 0.8
"""The share of the teacher's answers that the model learns from."""


@dataclass(frozen=True, kw_only=True)
class Student:
    """The labelled rows, and how the model learns from them: its settings and its calibration."""

    rows: TrainingRows
    settings: FitSettings
    sharpness: float
    noise: float

    @property
    def labelled(self) -> "csr_matrix":
        """The rows of the lines, with the rules at their chosen weight."""
        return self.rows.rows[self.settings.rule_weight]

    def fit(self, rows: "csr_matrix", truth: Ints) -> LinearFit:
        """Return a fit of the model on rows."""
        return self.rows.fit(rows, truth, self.settings)

    def to_probabilities(self, margins: Floats) -> Floats:
        """Return the probabilities of margins, calibrated as those of the model."""
        return calibrated_softmax(margins, self.sharpness, self.noise)


@dataclass(frozen=True, kw_only=True)
class EmbeddedRows:
    """Lines without a label as rows of features, and their embeddings."""

    rows: "csr_matrix"
    embeddings: Floats


@dataclass(frozen=True, kw_only=True)
class TaughtRows:
    """The rows that a teacher labelled, and what they do to the labelled lines.

    `margins` are those of the labelled lines, by fits and teachers that have not seen them.
    """

    rows: "csr_matrix"
    labels: Ints
    margins: Floats


def teach(
    student: Student, embeddings: Floats, unlabelled: EmbeddedRows, report: ReportProgress
) -> TaughtRows:
    """Return the surest answers of a teacher; `embeddings` are those of the labelled lines."""
    truth, folds = student.rows.truth, student.rows.folds
    margins = np.zeros((len(truth), student.rows.label_count), np.float32)
    numbers = np.unique(folds)
    steps = len(numbers) + 1
    for step, fold in enumerate(numbers):
        learns = folds != fold
        picked, labels = _label_surest(student, embeddings, unlabelled, learns)
        rows = stack_rows(student.labelled[learns], unlabelled.rows[picked])
        fit = student.fit(rows, np.append(truth[learns], labels))
        margins[~learns] = fit.margins(student.labelled[~learns])
        report("teaching", step + 1, steps)
    picked, labels = _label_surest(student, embeddings, unlabelled, np.ones(len(truth), bool))
    report("teaching", steps, steps)
    return TaughtRows(rows=unlabelled.rows[picked], labels=labels, margins=margins)


def _label_surest(
    student: Student, embeddings: Floats, unlabelled: EmbeddedRows, learns: Bools
) -> tuple[Ints, Ints]:
    """Return the unlabelled rows of which a teacher is surest, and their labels.

    The teacher has seen the labelled lines that `learns` selects.
    """
    truth = student.rows.truth[learns]
    fit = student.fit(student.labelled[learns], truth)
    own = student.to_probabilities(fit.margins(unlabelled.rows))
    weights = fit_embeddings(embeddings[learns], truth, student.rows.label_count)
    by_embeddings = np.array([classify_embedding(x, weights) for x in unlabelled.embeddings])
    mixed = (1 - _EMBEDDING_SHARE) * own + _EMBEDDING_SHARE * by_embeddings
    surest = np.argsort(-mixed.max(axis=1), kind="stable")[: round(_SUREST_SHARE * len(mixed))]
    picked: Ints = np.sort(surest)
    labels: Ints = mixed.argmax(axis=1)[picked]
    return picked, labels
