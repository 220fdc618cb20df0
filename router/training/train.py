"""Training: labelled lines become a model, with the figures of its cross-validation.

The steps are the rows (matrices.py), the settings (cross_validation.py), a teacher if there are
lines without a label (distillation.py), the fit (linear_fit.py), and an embedding stage if one is
wanted (embedding_stage.py). The same lines give the same model. Training needs scikit-learn, which
is the extra `train`; a live process needs numpy alone.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import numpy as np

from router.models import features
from router.models.arrays import Floats, Ints
from router.models.embedding_stage import engine_name
from router.models.head import Figures, Head, Task
from router.models.model import LinearWeights, Model, build_model
from router.text.rules import Pack
from router.training.calibration import calibrate, choose_outside_bound
from router.training.cross_validation import build_rows, choose_settings, count_right
from router.training.dataset import LabelledLines, UnlabelledLines
from router.training.distillation import EmbeddedRows, Student, TaughtRows, teach
from router.training.embedding_stage import add_embedding_stage, embed_texts
from router.training.matrices import OUTSIDE_LABELS, rule_matrix, stack_rows, text_matrix
from router.training.progress import ReportProgress, ignore_progress
from router.training.scores import FOLDS, compute_figures
from schemas.errors import ConfigError, Problem, Unavailable

_MIN_LINES = 10
_NO_FIGURES = Figures(accuracy=0, low=0, high=0, majority=0, macro_f1=0, ece=0, folds=FOLDS)


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Helps beside the labels, each of which the model uses only if it gets more lines right.

    The rules of `pack` are features beside the words. A teacher labels the `unlabelled` lines. The
    share `second_look_share` of all texts gets a second look by sentence embeddings.
    """

    pack: Pack | None = None
    unlabelled: UnlabelledLines | None = None
    second_look_share: float = 0.0


_NO_OPTIONS = TrainingOptions()


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """The rows that a student learns from, and the margins of the labelled lines.

    The margins are by fits that have not seen these lines. `taught` has the rows of a teacher.
    """

    student: Student
    margins: Floats
    taught: TaughtRows | None = None


def train_model(
    lines: LabelledLines,
    task: Task,
    now: datetime,
    options: TrainingOptions = _NO_OPTIONS,
    report: ReportProgress = ignore_progress,
) -> Model:
    """Return a model of the lines.

    Raises ConfigError for lines that are too few to learn from, and Unavailable without
    scikit-learn.
    """
    _check_installation()
    labels = _check_labels(lines)
    report("reading", 0, 1)
    rows = build_rows(lines, labels, options.pack)
    settings, margins = choose_settings(rows, report)
    if not settings.rule_weight:
        options = replace(options, pack=None)
    sharpness, noise = calibrate(margins, rows.truth)
    student = Student(rows=rows, settings=settings, sharpness=sharpness, noise=noise)
    lesson = _Lesson(student=student, margins=margins)
    embeddings = _embed_if_needed(lines, options, report)
    if embeddings is not None:
        lesson = _learn_from_teacher(lesson, options, embeddings, report)
    linear, unseen_idf = _fit_all_rows(lesson)
    head = _build_head(lines, task, now, options, lesson)
    head = msgspec.structs.replace(head, rows=len(linear.buckets), unseen=unseen_idf)
    model = build_model(head, task, linear, options.pack)
    probabilities = model.to_probabilities(lesson.margins)
    if options.second_look_share and embeddings is not None:
        share = options.second_look_share
        model, probabilities = add_embedding_stage(model, lesson.margins, rows, embeddings, share)
    return _with_figures(model, probabilities, rows.truth)


def _check_installation() -> None:
    try:
        import sklearn  # noqa: F401  # the steps import it when they need it
    except ImportError as error:
        raise Unavailable("training needs scikit-learn: pip install 'santral[train]'") from error


def _check_labels(lines: LabelledLines) -> tuple[str, ...]:
    """Return the labels in order; raise ConfigError for too few labels or lines."""
    labels = tuple(sorted(set(lines.labels)))
    if len(labels) < 2 or len(lines.texts) < _MIN_LINES:
        raise ConfigError(
            [
                Problem(
                    f"{len(lines.texts)} labelled lines with {len(labels)} labels: "
                    f"give {_MIN_LINES} lines with 2 labels at least"
                )
            ]
        )
    return labels


def _embed_if_needed(
    lines: LabelledLines, options: TrainingOptions, report: ReportProgress
) -> Floats | None:
    """Return the embeddings of the lines, None when no step needs them."""
    has_unlabelled = options.unlabelled is not None and bool(options.unlabelled.texts)
    return embed_texts(lines.texts, report) if has_unlabelled or options.second_look_share else None


def _learn_from_teacher(
    lesson: _Lesson, options: TrainingOptions, embeddings: Floats, report: ReportProgress
) -> _Lesson:
    """Return the lesson with a teacher's rows if they help, or as it was."""
    if options.unlabelled is None or not options.unlabelled.texts:
        return lesson
    student, texts = lesson.student, options.unlabelled.texts
    rules = rule_matrix(texts, options.pack)
    unlabelled = EmbeddedRows(
        rows=text_matrix(texts) + student.settings.rule_weight * rules,
        embeddings=embed_texts(texts, report, "embedding the unlabelled"),
    )
    taught = teach(student, embeddings, unlabelled, report)
    truth = student.rows.truth
    if count_right(taught.margins, truth) <= count_right(lesson.margins, truth):
        return lesson
    sharpness, noise = calibrate(taught.margins, truth)
    student = replace(student, sharpness=sharpness, noise=noise)
    return _Lesson(student=student, margins=taught.margins, taught=taught)


def _fit_all_rows(lesson: _Lesson) -> tuple[LinearWeights, float]:
    """Return the weights by all rows, and the inverse frequency of a bucket that no row has."""
    student, taught = lesson.student, lesson.taught
    rows, truth = student.labelled, student.rows.truth
    if taught is not None:
        rows, truth = stack_rows(rows, taught.rows), np.append(truth, taught.labels)
    fit = student.fit(rows, truth)
    columns = stack_rows(rows, student.rows.names).tocsc()
    used = np.flatnonzero(np.diff(columns.indptr)).astype(np.int32)
    weights = np.ascontiguousarray(fit.weights[:, used].T)
    linear = LinearWeights(buckets=used, idf=fit.idf[used], weights=weights, bias=fit.bias)
    return linear, float(fit.idf.max())


def _build_head(
    lines: LabelledLines, task: Task, now: datetime, options: TrainingOptions, lesson: _Lesson
) -> Head:
    """Return the head of a model whose weights and figures are still missing."""
    import sklearn

    student, taught = lesson.student, lesson.taught
    settings, labels = student.settings, student.rows.labels
    counts = Counter(lines.labels)
    return Head(
        task=task,
        labels=labels,
        features=features.VERSION,
        rows=0,
        unseen=0.0,
        sharpness=student.sharpness,
        noise=student.noise,
        outside=next((x for x in labels if x.casefold() in OUTSIDE_LABELS), ""),
        data=lines.data,
        lines=len(lines.texts),
        by_label={label: counts[label] for label in labels},
        made_at=now,
        made_by=f"scikit-learn {sklearn.__version__}, {settings.bayes_share:g} of naive Bayes, "
        f"C {settings.penalty:g}",
        pack=options.pack.version if options.pack else "",
        fired=settings.rule_weight,
        figures=_NO_FIGURES,
        taught_by=engine_name() if taught is not None else "",
        taught=len(taught.labels) if taught is not None else 0,
        unlabelled=options.unlabelled.data if taught is not None and options.unlabelled else "",
    )


def _with_figures(model: Model, probabilities: Floats, truth: Ints) -> Model:
    """Return the model with its figures, and with the bound below which a text is outside."""
    head = model.head
    if head.outside:
        below = choose_outside_bound(probabilities, truth, head.labels.index(head.outside))
        head = msgspec.structs.replace(head, outside_below=below)
    answers = replace(model, head=head).choose_labels(probabilities)
    figures = compute_figures(head.labels, truth, answers, probabilities)
    return replace(model, head=msgspec.structs.replace(head, figures=figures))
