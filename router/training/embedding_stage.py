"""Whether a second look helps a model, and how: judged by the training's own folds.

Before: train.py has a model and its cross-validated margins. After: the model with a second
look, or as it was. The bound is set so that one text in twenty gets one.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.models import embedding_stage
from router.models.embedding_stage import WIDTH, Second
from router.models.model import Floats, Model

Numbers = NDArray[np.int64]
Tell = Callable[[str, int, int], None]

LOOKED = 0.05
"""The share of texts that are looked at again by `santral train --second-look`."""

_PARTS = (0.3, 0.5, 0.7, 0.9)
_LEAST, _LEAST_SHARE = 3, 0.05
"""So many texts more, and such a share of those it looks at, it must get right to be worth it."""

_STRENGTH = 10.0  # of scikit-learn's logistic regression: embeddings are of length 1


def with_second(
    model: Model, margins: Floats, truth: Numbers, folds: Numbers, seen: Floats, share: float
) -> tuple[Model, Floats]:
    """Return the model with a second look, if that gets more right, and the probabilities that it
    gives the lines by the folds that had not seen them; `seen` are the lines' embeddings, `share`
    of all texts are looked at."""
    count = len(model.head.labels)
    by_fold = np.zeros((len(truth), count), np.float32)
    for fold in np.unique(folds):
        mine = folds == fold
        weights = fitted(seen[~mine], truth[~mine], count)
        by_fold[mine] = [embedding_stage.shares(row, weights) for row in seen[mine]]
    own = model.shares(margins)
    top = own.max(axis=1)
    below = float(np.quantile(top, share))
    unsure = top < below
    worth = max(_LEAST, math.ceil(_LEAST_SHARE * int(unsure.sum())))
    best, part = int((model.chosen(own) == truth)[unsure].sum()) + worth - 1, 0.0
    for tried in _PARTS:
        mixed = (1 - tried) * own + tried * by_fold
        right = int((mixed.argmax(axis=1) == truth)[unsure].sum())
        if right > best:
            best, part = right, tried
    if not part:
        return model, own
    made = Second(engine=embedding_stage.engine(), below=round(below, 6), part=part)
    head = msgspec.structs.replace(model.head, second=made)
    own[unsure] = ((1 - part) * own + part * by_fold)[unsure]
    return replace(model, head=head, again=fitted(seen, truth, count)), own


def embedded(texts: list[str], tell: Tell, what: str = "embedding") -> Floats:
    """Return the embeddings of texts, one row each."""
    made = np.zeros((len(texts), WIDTH), np.float32)
    for place, text in enumerate(texts):
        made[place] = embedding_stage.embed(text)
        if place % 20 == 0:
            tell(what, place, len(texts))
    tell(what, len(texts), len(texts))
    return made


def fitted(seen: Floats, truth: Numbers, count: int) -> Floats:
    """Return WIDTH + 1 rows x labels; a label that is not among the lines is impossible."""
    from sklearn.linear_model import LogisticRegression

    fitted: Any = LogisticRegression(C=_STRENGTH, max_iter=300).fit(seen, truth)
    made = np.full((WIDTH + 1, count), 0.0, np.float32)
    made[-1] = -50.0
    if len(fitted.classes_) == 2:
        one, other = fitted.classes_
        made[:, one], made[:-1, other] = 0.0, fitted.coef_[0]
        made[-1, other] = fitted.intercept_[0]
        return made
    made[:-1, fitted.classes_] = fitted.coef_.T
    made[-1, fitted.classes_] = fitted.intercept_
    return made
