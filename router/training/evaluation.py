"""The quality of a model on lines that it has not seen, for `santral evaluate`. Pure."""

import time
from collections import Counter

import numpy as np

from router.models.arrays import Bools, Ints
from router.models.head import Figures
from router.models.model import Model
from router.training.dataset import LabelledLines
from router.training.scores import ReliabilityBin, compute_figures, reliability_curve
from schemas.base import Record
from schemas.errors import ConfigError, Problem

_WARM_UP_TEXTS = 100
"""The first use maps the file into memory; the time of a message must not include it."""

_SHOWN_CONFUSIONS = 20


class LabelFigures(Record, frozen=True, kw_only=True):
    """The figures of one label; a label that the model does not have has a recall of 0."""

    label: str
    lines: int
    precision: float
    recall: float
    f1: float


class Confusion(Record, frozen=True, kw_only=True):
    """How often the model took lines of one label for another."""

    truth: str
    said: str
    count: int


class EvaluationReport(Record, frozen=True, kw_only=True):
    """The answers of a model compared with the labels.

    `outside` is the label of texts that are out of scope, with the accuracy inside and the recall
    outside. `microseconds` is the time of a message in a batch, on one core.
    """

    model: str
    task: str
    messages: int
    accuracy: float
    figures: Figures
    labels: tuple[LabelFigures, ...]
    mixed_up: tuple[Confusion, ...]
    reliability: tuple[ReliabilityBin, ...]
    microseconds: float
    outside: str = ""
    in_scope: float = 0.0
    outside_recall: float = 0.0


def evaluate(model: Model, lines: LabelledLines) -> EvaluationReport:
    """Return the report on these lines; raise ConfigError when there are none."""
    if not lines.texts:
        raise ConfigError([Problem('no labelled lines. Give {"text": …, "label": …}.')])
    names = (*model.head.labels, *sorted({*lines.labels} - {*model.head.labels}))
    number_of = {name: number for number, name in enumerate(names)}
    truth = np.array([number_of[label] for label in lines.labels])
    model.compute_margins(lines.texts[:_WARM_UP_TEXTS])
    began = time.perf_counter()
    probabilities = model.predict_probabilities(lines.texts)
    seconds = (time.perf_counter() - began) / len(lines.texts)
    answers = model.choose_labels(probabilities)
    right = answers == truth
    outside = model.head.outside
    in_scope = truth != number_of[outside] if outside else np.ones(len(truth), bool)
    confidence = probabilities[np.arange(len(answers)), answers]
    return EvaluationReport(
        model=model.name,
        task=model.head.task,
        messages=len(truth),
        accuracy=float(right.mean()),
        figures=compute_figures(names, truth, answers, probabilities),
        labels=_figures_by_label(names, truth, answers),
        mixed_up=_commonest_confusions(names, truth, answers),
        reliability=tuple(reliability_curve(right, confidence)),
        microseconds=seconds * 1e6,
        outside=outside,
        in_scope=float(right[in_scope].mean()) if outside and in_scope.any() else 0.0,
        outside_recall=float(right[~in_scope].mean()) if (~in_scope).any() else 0.0,
    )


def _figures_by_label(
    names: tuple[str, ...], truth: Ints, answers: Ints
) -> tuple[LabelFigures, ...]:
    """Return the figures of each label that has a line, the commonest first."""
    lines = Counter(truth.tolist())
    order = sorted(lines, key=lambda number: (-lines[number], names[number]))
    return tuple(
        _label_figures(names[number], truth == number, answers == number) for number in order
    )


def _label_figures(name: str, has_label: Bools, answered: Bools) -> LabelFigures:
    hits = int((has_label & answered).sum())
    precision = hits / int(answered.sum()) if answered.any() else 0.0
    recall = hits / int(has_label.sum())
    both = precision + recall
    return LabelFigures(
        label=name,
        lines=int(has_label.sum()),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / both if both else 0.0,
    )


def _commonest_confusions(
    names: tuple[str, ...], truth: Ints, answers: Ints
) -> tuple[Confusion, ...]:
    wrong = answers != truth
    pairs = Counter(zip(truth[wrong].tolist(), answers[wrong].tolist(), strict=True))
    return tuple(
        Confusion(truth=names[label], said=names[answer], count=count)
        for (label, answer), count in pairs.most_common(_SHOWN_CONFUSIONS)
    )
