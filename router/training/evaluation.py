"""How good a model is on lines that it has not seen.

Before: router/models/model.py's file and labelled lines. After: `santral evaluate`,
docs/quality.md. Pure.
"""

import time
from collections import Counter

import numpy as np

from router.models.model import Figures, Model
from router.training.dataset import Labelled
from router.training.train import Bin, reliability, score
from schemas.base import Record
from schemas.errors import ConfigError, Problem


class OfLabel(Record, frozen=True, kw_only=True):
    """The figures of one label; a label that the model does not know has a recall of 0."""

    label: str
    lines: int
    precision: float
    recall: float
    f1: float


class Mixed(Record, frozen=True, kw_only=True):
    """How often one label was taken for another."""

    truth: str
    said: str
    count: int


class Report(Record, frozen=True, kw_only=True):
    """Everything that is known of a model's answers. `outside` is the label of what is out of
    scope, and the two figures with it; `microseconds` a message, amortised, on one core."""

    model: str
    task: str
    messages: int
    accuracy: float
    figures: Figures
    labels: tuple[OfLabel, ...]
    mixed_up: tuple[Mixed, ...]
    reliability: tuple[Bin, ...]
    microseconds: float
    outside: str = ""
    in_scope: float = 0.0
    outside_recall: float = 0.0


def evaluate(model: Model, told: Labelled) -> Report:
    """Return the report; raise ConfigError when there is nothing to judge by."""
    if not told.texts:
        raise ConfigError([Problem('no labelled lines. Give {"text": …, "label": …}.')])
    names = (*model.head.labels, *sorted({*told.labels} - {*model.head.labels}))
    number = {name: i for i, name in enumerate(names)}
    truth = np.array([number[x] for x in told.labels])
    model.margins(told.texts[:100])  # the first use maps the file into memory
    began = time.perf_counter()
    shares = model.judged(told.texts)
    took = (time.perf_counter() - began) / len(told.texts)
    said = model.chosen(shares)
    right = said == truth
    labels = []
    for label in sorted(set(told.labels), key=lambda x: (-int((truth == number[x]).sum()), x)):
        mine, named = truth == number[label], said == number[label]
        hits = int((mine & named).sum())
        precision = hits / int(named.sum()) if named.any() else 0.0
        recall = hits / int(mine.sum())
        both = precision + recall
        labels.append(
            OfLabel(
                label=label,
                lines=int(mine.sum()),
                precision=precision,
                recall=recall,
                f1=2 * precision * recall / both if both else 0.0,
            )
        )
    wrong = Counter(zip(truth[~right].tolist(), said[~right].tolist(), strict=True))
    outside = model.head.outside
    inside = truth != number[outside] if outside else np.ones(len(truth), bool)
    return Report(
        model=model.name,
        task=model.head.task,
        messages=len(truth),
        accuracy=float(right.mean()),
        figures=score(names, truth, said, shares),
        labels=tuple(labels),
        mixed_up=tuple(
            Mixed(truth=names[t], said=names[s], count=n) for (t, s), n in wrong.most_common(20)
        ),
        reliability=tuple(reliability(right, shares[np.arange(len(said)), said])),
        microseconds=took * 1e6,
        outside=outside,
        in_scope=float(right[inside].mean()) if outside and inside.any() else 0.0,
        outside_recall=float(right[~inside].mean()) if (~inside).any() else 0.0,
    )
