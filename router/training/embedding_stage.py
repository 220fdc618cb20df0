"""The training of an embedding stage, which a model gets when it gains enough right answers.

The training's own folds judge it, each with weights that have not seen it.
"""

import math
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from router.models.arrays import Floats, Ints
from router.models.embedding_stage import (
    EMBEDDING_SIZE,
    EmbeddingStage,
    classify_embedding,
    embed,
    engine_name,
)
from router.models.model import Model
from router.training.cross_validation import TrainingRows
from router.training.progress import ReportProgress

SECOND_LOOK_SHARE = 0.05
"""`santral train --second-look` sets the bound so that this share of the texts is below it."""

_EMBEDDING_SHARES = (0.3, 0.5, 0.7, 0.9)
"""Tried shares of the embeddings in the answer."""

_MIN_GAIN_TEXTS = 3
_MIN_GAIN_SHARE = 0.05
"""The stage must get at least this many more texts right, and this share of the unsure ones."""

_PENALTY = 10.0
"""The C of the logistic regression; embeddings have the length 1."""

_IMPOSSIBLE_MARGIN = -50.0
_REPORTED_TEXTS = 20
"""An embedding takes about 50 ms, so the report moves once a second."""


@dataclass(frozen=True)
class _Mixture:
    """The best share of the embeddings, 0 when they help too little, and the probabilities."""

    share: float
    below: float
    probabilities: Floats


def add_embedding_stage(
    model: Model, margins: Floats, rows: TrainingRows, embeddings: Floats, share: float
) -> tuple[Model, Floats]:
    """Return the model with an embedding stage if that helps, and the probabilities of the lines.

    `margins` are those of the lines by fits that have not seen them, and the probabilities are too.
    The share `share` of all texts gets a second look.
    """
    own = model.to_probabilities(margins)
    by_embeddings = _cross_validate(rows, embeddings)
    trial = _try_shares(model, own, by_embeddings, rows.truth, share)
    if not trial.share:
        return model, own
    stage = EmbeddingStage(engine=engine_name(), below=round(trial.below, 6), part=trial.share)
    head = msgspec.structs.replace(model.head, second=stage)
    weights = fit_embeddings(embeddings, rows.truth, rows.label_count)
    return replace(model, head=head, embedding_weights=weights), trial.probabilities


def _cross_validate(rows: TrainingRows, embeddings: Floats) -> Floats:
    """Return the probabilities of each line by embeddings of the other folds."""
    probabilities = np.zeros((len(rows.truth), rows.label_count), np.float32)
    for fold in np.unique(rows.folds):
        inside = rows.folds == fold
        weights = fit_embeddings(embeddings[~inside], rows.truth[~inside], rows.label_count)
        probabilities[inside] = [classify_embedding(row, weights) for row in embeddings[inside]]
    return probabilities


def _try_shares(
    model: Model, own: Floats, by_embeddings: Floats, truth: Ints, share: float
) -> _Mixture:
    """Return the share of the embeddings that gets most of the unsure lines right."""
    confidence = own.max(axis=1)
    below = float(np.quantile(confidence, share))
    unsure = confidence < below
    gain = max(_MIN_GAIN_TEXTS, math.ceil(_MIN_GAIN_SHARE * int(unsure.sum())))
    most = int((model.choose_labels(own) == truth)[unsure].sum()) + gain - 1
    best = _Mixture(0.0, below, own)
    for embedding_share in _EMBEDDING_SHARES:
        mixed = (1 - embedding_share) * own + embedding_share * by_embeddings
        right = int((mixed.argmax(axis=1) == truth)[unsure].sum())
        if right > most:
            most = right
            best = _Mixture(embedding_share, below, np.where(unsure[:, None], mixed, own))
    return best


def embed_texts(texts: list[str], report: ReportProgress, step: str = "embedding") -> Floats:
    """Return the embeddings of texts, one row each."""
    embeddings = np.zeros((len(texts), EMBEDDING_SIZE), np.float32)
    for number, text in enumerate(texts):
        embeddings[number] = embed(text)
        if number % _REPORTED_TEXTS == 0:
            report(step, number, len(texts))
    report(step, len(texts), len(texts))
    return embeddings


def fit_embeddings(embeddings: Floats, truth: Ints, label_count: int) -> Floats:
    """Return EMBEDDING_SIZE + 1 rows x labels; a label without a line is impossible."""
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=_PENALTY, max_iter=300)
    regression.fit(embeddings, truth)
    weights = np.full((EMBEDDING_SIZE + 1, label_count), 0.0, np.float32)
    weights[-1] = _IMPOSSIBLE_MARGIN
    labels = regression.classes_
    if len(labels) == 2:
        first, second = labels
        weights[:, first], weights[:-1, second] = 0.0, regression.coef_[0]
        weights[-1, second] = regression.intercept_[0]
        return weights
    weights[:-1, labels] = regression.coef_.T
    weights[-1, labels] = regression.intercept_
    return weights
