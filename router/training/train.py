"""Learning a model from labelled lines: naive Bayes weights on linear support vector machines.

Before: `santral train` read the lines. After: router/models/model.py's file, with the figures of
its cross-validation. scikit-learn (the extra `train`) does the fitting; what runs live needs numpy.
Same lines, same model. Source: Wang and Manning 2012 (NBSVM); Guo et al. 2017 (temperature).
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.models import embedding_stage, features
from router.models.features import BUCKETS, bucket_of, counted
from router.models.model import AT_ONCE, Figures, Floats, Head, Model, Task, build, probabilities
from router.text.rules import Pack
from router.training.dataset import Labelled, Unlabelled
from router.training.distillation import lesson
from router.training.embedding_stage import Numbers, Tell, embedded, with_second
from schemas.base import Record
from schemas.errors import ConfigError, Problem, Unavailable
from schemas.text.fold import fold

FOLDS = 5
BINS = 15
OUTSIDE = frozenset(
    {"oos", "out_of_scope", "out-of-scope", "out of scope", "kapsam_disi", "kapsam dışı"}
)
"""Labels of texts that belong to none of the others."""

_CANDIDATES = ((0.3, 1.0), (0.5, 0.7), (0.7, 1.0))
"""(how much of the naive Bayes weight, C): the best of them in cross-validation is taken."""


class Candidate(NamedTuple):
    """A way to learn: how much of the naive Bayes weight, C, how much a rule that fires counts."""

    share: float
    c: float
    fired: float


_FIRED = (5.0, 2.0)
"""How many times as much as a word a rule that fires may count: the better of them is taken."""

_PROBES = 2
_LARGE = 1_000_000
"""Folds by which a candidate is chosen; one is enough where lines times labels are so many."""

_NOISES = (0.0001, 0.001, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2)
"""Shares of odd labels that are tried; none at all would make one of them infinitely unlikely."""

_GIVEN = 0.01
"""In-scope accuracy that may be given for recognising what is outside."""

_LEAST = 10


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the bounds of a share of `count` with 95 % (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    z = 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    half /= 1 + z * z / count
    return max(0.0, middle - half), min(1.0, middle + half)


def train(
    told: Labelled,
    task: Task,
    now: datetime,
    tell: Tell = lambda *_: None,
    *,
    look_again: float = 0.0,
    unlabelled: Unlabelled | None = None,
    pack: Pack | None = None,
) -> Model:
    """Return a model of the lines; raise ConfigError when they can't be learned from.

    `tell` hears (what, done, of all) of the steps. With a `pack` it learns, besides the words,
    which of its rules fire: what the rules know need not be learned anew. With `look_again` it gets
    a second look at that share of texts, if that helps (`head.second`); from `unlabelled` lines it
    learns by a teacher, if that helps (`head.taught`).
    """
    try:
        import sklearn
    except ImportError as error:
        raise Unavailable("training needs scikit-learn: pip install 'santral[train]'") from error
    labels = tuple(sorted(set(told.labels)))
    if len(labels) < 2 or len(told.texts) < _LEAST:
        raise ConfigError(
            [
                Problem(
                    f"{len(told.texts)} labelled lines with {len(labels)} labels: "
                    f"give {_LEAST} lines with 2 labels at least"
                )
            ]
        )
    number = {label: i for i, label in enumerate(labels)}
    truth = np.array([number[x] for x in told.labels])
    tell("reading", 0, 1)
    words, rules = matrix_of(told.texts), fired(told.texts, pack)
    # With each weight of the rules; without any, where none of them fires on any line.
    matrices = {w: words + w * rules for w in (_FIRED if rules.nnz else (0.0,))}
    # What a label is called is said of its own messages, too: with few lines that is worth some.
    names, named = _names(labels)
    folds = _folds(truth)
    candidate, held = _settled(matrices, truth, folds, names, named, len(labels), tell)
    matrix = matrices[candidate.fired]
    pack = pack if candidate.fired else None
    rows, answers = matrix, truth
    sharpness, noise = _calibrated(held, truth)
    taught_by = ""

    def fit(some: Any, called: Numbers) -> Callable[[Any], Floats]:
        whole = np.append(called, named)
        return _fitted(_stack(some, names), whole, len(labels), candidate)[1]

    teaching = unlabelled is not None and bool(unlabelled.texts)
    seen = embedded(told.texts, tell) if teaching or look_again else None
    if unlabelled is not None and teaching and seen is not None:
        taught_by = embedding_stage.engine()
        learned = lesson(
            matrix,
            truth,
            folds,
            seen,
            matrix_of(unlabelled.texts) + candidate.fired * fired(unlabelled.texts, pack),
            embedded(unlabelled.texts, tell, "embedding the unlabelled"),
            len(labels),
            fit,
            lambda margins: probabilities(margins, sharpness, noise),
            _stack,
            tell,
        )
        if _right(learned.held, truth) > _right(held, truth):
            held = learned.held
            rows, answers = _stack(matrix, learned.rows), np.append(truth, learned.labels)
            sharpness, noise = _calibrated(held, truth)
    whole = _stack(rows, names)
    (idf, weights, bias), _ = _fitted(whole, np.append(answers, named), len(labels), candidate)
    used = np.flatnonzero(np.diff(whole.tocsc().indptr)).astype(np.int32)
    counts, taught = Counter(told.labels), len(answers) - len(truth)
    head = Head(
        task=task,
        labels=labels,
        features=features.VERSION,
        rows=len(used),
        unseen=float(idf.max()),
        sharpness=sharpness,
        noise=noise,
        outside=next((x for x in labels if x.casefold() in OUTSIDE), ""),
        data=told.data,
        lines=len(truth),
        by_label={x: counts[x] for x in labels},
        made_at=now,
        made_by=f"scikit-learn {sklearn.__version__}, {candidate.share:g} of naive Bayes, "
        f"C {candidate.c:g}",
        pack=pack.version if pack else "",
        fired=candidate.fired,
        figures=Figures(accuracy=0, low=0, high=0, majority=0, macro_f1=0, ece=0, folds=FOLDS),
        taught_by=taught_by if taught else "",
        taught=taught,
        unlabelled=unlabelled.data if unlabelled is not None and taught else "",
    )
    model = build(head, task, used, idf[used], np.ascontiguousarray(weights[:, used].T), bias, pack)
    shares = model.shares(held)
    if look_again and seen is not None:
        model, shares = with_second(model, held, truth, folds, seen, look_again)
    return _judged(model, shares, truth)


def _right(margins: Floats, truth: Numbers) -> int:
    return int((margins.argmax(axis=1) == truth).sum())


def _settled(
    matrices: dict[float, Any],
    truth: Numbers,
    folds: Numbers,
    names: Any,
    named: Numbers,
    count: int,
    tell: Tell,
) -> tuple[Candidate, Floats]:
    """Return the best candidate, and the margins of each line by a model that had not seen it;
    `matrices` are the lines' features by how much a rule that fires counts."""
    probes = _PROBES if len(truth) * count < _LARGE else 1
    weights = tuple(matrices)
    steps, done = (len(_CANDIDATES) + len(weights) - 1) * probes + FOLDS - probes, 0
    margins: dict[Candidate, Floats] = {}

    def judged(which: Candidate, held: int) -> None:
        nonlocal done
        seen, matrix = folds != held, matrices[which.fired]
        rows, answers = _stack(matrix[seen], names), np.append(truth[seen], named)
        _, fitted = _fitted(rows, answers, count, which)
        made = margins.setdefault(which, np.zeros((len(truth), count), np.float32))
        made[~seen] = fitted(matrix[~seen])
        done += 1
        tell("cross-validating", done, steps)

    def best(some: Sequence[Candidate]) -> Candidate:
        for which in some:
            for number in range(probes if which not in margins else 0):
                judged(which, number)
        probed = folds < probes
        return max(some, key=lambda which: _right(margins[which][probed], truth[probed]))

    chosen = best([Candidate(share, c, weights[0]) for share, c in _CANDIDATES])
    chosen = best([chosen, *[chosen._replace(fired=weight) for weight in weights[1:]]])
    for number in range(probes, FOLDS):
        judged(chosen, number)
    return chosen, margins[chosen]


def _judged(model: Model, shares: Floats, truth: Numbers) -> Model:
    """Return the model with its figures, and with the bound below which a text is outside."""
    head = model.head
    if head.outside:
        below = _outside_below(shares, truth, head.labels.index(head.outside))
        head = msgspec.structs.replace(head, outside_below=below)
    scored = score(head.labels, truth, replace(model, head=head).chosen(shares), shares)
    return replace(model, head=msgspec.structs.replace(head, figures=scored))


def score(labels: Sequence[str], truth: Numbers, said: Numbers, shares: Floats) -> Figures:
    """Return the figures of answers: `truth` and `said` are numbers of labels, -1 is none."""
    right = said == truth
    accuracy = float(right.mean())
    low, high = wilson(accuracy, len(truth))
    f1 = []
    for label in range(len(labels)):
        hit = int((right & (truth == label)).sum())
        both = int((truth == label).sum() + (said == label).sum())
        if (truth == label).any():
            f1.append(2 * hit / both if both else 0.0)
    return Figures(
        accuracy=accuracy,
        low=low,
        high=high,
        majority=float(np.unique(truth, return_counts=True)[1].max() / len(truth)),
        macro_f1=float(np.mean(f1)) if f1 else 0.0,
        ece=sum(abs(b.said - b.right) * b.count for b in reliability(right, shares.max(axis=1)))
        / len(truth),
        folds=FOLDS,
    )


class Bin(Record, frozen=True, kw_only=True):
    """Answers of about the same confidence: how many, what was said on average, what was right."""

    count: int
    said: float
    right: float


def reliability(right: NDArray[np.bool_], share: NDArray[Any]) -> list[Bin]:
    """Return the reliability curve in bins of equal width; empty bins are left out."""
    place = np.minimum((share * BINS).astype(int), BINS - 1)
    made = []
    for number in range(BINS):
        held = place == number
        if held.any():
            made.append(
                Bin(
                    count=int(held.sum()),
                    said=float(share[held].mean()),
                    right=float(right[held].mean()),
                )
            )
    return made


def _names(labels: tuple[str, ...]) -> tuple[Any, Numbers]:
    """Return the features of the labels' names that have words, and whose they are."""
    said = [
        (i, " ".join(re.findall(r"[^\W\d_]{2,}", x)))
        for i, x in enumerate(labels)
        if x.casefold() not in OUTSIDE
    ]
    said = [(i, words) for i, words in said if words]
    return matrix_of([words for _, words in said]), np.array([i for i, _ in said], np.int64)


def fired(texts: list[str], pack: Pack | None) -> Any:
    """Return texts x buckets, 1 for each rule that fires."""
    from scipy import sparse

    hits = [pack.match(text, fold(text)) for text in texts] if pack else []
    place = [(i, bucket_of(hit.rule.id)) for i, some in enumerate(hits) for hit in some]
    text, bucket = zip(*place, strict=True) if place else ((), ())
    ones = np.ones(len(place), np.float32)
    return sparse.csr_matrix((ones, (text, bucket)), shape=(len(texts), BUCKETS))


def _stack(rows: Any, more: Any) -> Any:
    from scipy import sparse

    return sparse.vstack([rows, more]).tocsr()


def matrix_of(texts: list[str], grams: tuple[int, ...] = features.GRAMS) -> Any:
    """Return texts x buckets, a sparse matrix of the features' weights."""
    from scipy import sparse

    rows = [sparse.csr_matrix((0, BUCKETS), dtype=np.float32)]
    for at in range(0, len(texts), AT_ONCE):
        part = texts[at : at + AT_ONCE]
        text, bucket, weight = counted(features.features(part, grams))
        rows.append(sparse.csr_matrix((weight, (text, bucket)), shape=(len(part), BUCKETS)))
    return sparse.vstack(rows).tocsr()


def idf_of(matrix: Any) -> Floats:
    """Return how rare each bucket is among the rows."""
    seen = np.bincount(matrix.indices, minlength=BUCKETS)
    made: Floats = (np.log((1 + matrix.shape[0]) / (1 + seen)) + 1).astype(np.float32)
    return made


def scaled(rows: Any, idf: Floats) -> Any:
    """Return rows weighed by rarity, each of length 1."""
    from scipy import sparse

    made = rows.multiply(idf).tocsr()
    length = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    length[length == 0] = 1
    return (sparse.diags((1 / length).astype(np.float32)) @ made).tocsr()


def _folds(truth: Numbers) -> Numbers:
    """Return a fold for each line, each label spread evenly over them; always the same."""
    order = np.random.default_rng(0).permutation(len(truth))
    made = np.zeros(len(truth), np.int64)
    for label in np.unique(truth):
        held = order[truth[order] == label]
        made[held] = (np.arange(len(held)) + label) % FOLDS
    return made


def _fitted(
    matrix: Any, truth: Numbers, count: int, candidate: Candidate
) -> tuple[tuple[Floats, Floats, Floats], Callable[[Any], Floats]]:
    """Return (idf, weights: labels x buckets, bias), and what gives the margins of other rows."""
    from sklearn.svm import LinearSVC

    share = candidate.share
    idf = idf_of(matrix)
    known = scaled(matrix, idf)
    total = np.asarray(known.sum(axis=0)).ravel()
    weights, bias = np.zeros((count, BUCKETS), np.float32), np.full(count, -1.0, np.float32)
    for label in range(count):
        mine = truth == label
        if not mine.any() or mine.all():
            continue
        with_it = np.asarray(known[mine].sum(axis=0)).ravel()
        smooth = 0.025
        with_it, without = with_it + smooth, total - with_it + 2 * smooth
        speaks = np.abs(np.log((with_it / with_it.sum()) / (without / without.sum())))
        scale = ((1 - share) * speaks.mean() + share * speaks).astype(np.float32)
        made = LinearSVC(C=candidate.c, random_state=0).fit(known.multiply(scale).tocsr(), mine)
        weights[label], bias[label] = made.coef_[0] * scale, made.intercept_[0]
    return (idf, weights, bias), lambda rows: np.asarray(scaled(rows, idf) @ weights.T) + bias


def _calibrated(margins: Floats, truth: Numbers) -> tuple[float, float]:
    """Return (sharpness, noise) under which the truth was likeliest: true probabilities."""
    places = np.arange(len(truth))

    def loss(sharpness: float) -> tuple[float, float]:
        scaled = margins.astype(np.float64) * sharpness
        scaled -= scaled.max(axis=1, keepdims=True)
        share = np.exp(scaled[places, truth]) / np.exp(scaled).sum(axis=1)
        return min(
            (float(-np.log((1 - n) * share + n / margins.shape[1]).mean()), n) for n in _NOISES
        )

    low, high, golden = math.log(0.05), math.log(50), (math.sqrt(5) - 1) / 2
    for _ in range(30):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(math.exp(left)) < loss(math.exp(right)):
            high = right
        else:
            low = left
    sharpness = round(math.exp((low + high) / 2), 6)
    return sharpness, loss(sharpness)[1]


def _outside_below(shares: Floats, truth: Numbers, outside: int) -> float:
    """Return the largest bound that costs no more than a little of the others' accuracy."""
    inside = truth != outside
    said, top = shares.argmax(axis=1), shares.max(axis=1)
    right = said == truth
    without = float(right[inside].mean())
    best = 0.0
    for bound in np.arange(0.02, 1.0, 0.02):
        kept = right & ((top >= bound) | (said == outside))
        if float(kept[inside].mean()) < without - _GIVEN:
            break
        best = float(bound)
    return round(best, 4)
