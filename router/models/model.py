"""A trained model: a linear classifier over hashed features and the rules that fire. Pure.

Before: training/train.py learned it, model_file.py read it. After: decision/decide.py gets for each
text the two best labels with calibrated probabilities and the words that spoke for the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.models import embedding_stage as second
from router.models import features
from router.models.embedding_stage import Second
from router.models.features import BUCKETS, GRAMS, Ints, bucket_of, counted
from router.text.rules import Hit, Pack
from schemas.base import Record, Time
from schemas.text.fold import fold

FORMAT = "santral-model"
VERSION = 1
AT_ONCE = 125  # texts weighed together: what they gather stays in the cache of the processor
LANGUAGE = (2, 3, 4, 5)
"""Lengths of the pieces by which a language is told."""

SHOWN = 3  # words of evidence kept of one text

Task = Literal["department", "intent", "sentiment", "language"]
Floats = NDArray[np.float32]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Figures(Record, frozen=True, kw_only=True):
    """How good it was on texts that it had not seen (cross-validated): `low` and `high` bound the
    accuracy with 95 % (Wilson), `majority` is the accuracy of always naming the commonest label,
    `ece` the expected calibration error in 15 bins."""

    accuracy: Share
    low: Share
    high: Share
    majority: Share
    macro_f1: Share
    ece: Share
    folds: int


class Head(Record, frozen=True, kw_only=True):
    """What a model is, and what it was made from. Probabilities are softmax(`sharpness` x margins),
    of which the share `noise` is spread over all labels: so often people label otherwise.

    A teacher (`taught_by`) gave labels to `taught` lines of the `unlabelled` ones, by their sha256.
    Which rules of `pack` fire is known to it, too, and counts `fired` times as much as a word; it
    has these rules with it (`rules` bytes), so that it stays the same when rules change.

    `outside` is the label of texts that belong to none of the others; it is also given to those
    whose best probability is below `outside_below`.
    """

    format: str = FORMAT
    version: int = VERSION
    task: Task
    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=10_000)]
    features: int
    rows: Annotated[int, msgspec.Meta(ge=1, le=BUCKETS)]
    unseen: float
    sharpness: Annotated[float, msgspec.Meta(gt=0)]
    noise: Share = 0.0
    outside: str = ""
    outside_below: Share = 0.0
    data: str
    lines: int
    by_label: dict[str, int]
    made_at: Time
    made_by: str = ""
    figures: Figures
    taught_by: str = ""
    taught: int = 0
    unlabelled: str = ""
    second: Second | None = None
    pack: str = ""
    fired: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    rules: Annotated[int, msgspec.Meta(ge=0)] = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """A label with its probability."""

    label: str
    share: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model makes of a text: the best label, the second, the places (from, to, in
    characters) of the words that spoke for the best, and for sentiment the mood from -1 to 1."""

    best: Guess
    second: Guess
    words: tuple[tuple[int, int], ...] = ()
    mood: float = 0.0
    shares: Floats | None = field(default=None, compare=False, repr=False)
    labels: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def share_of(self, label: str) -> float:
        """Return the probability of a label, 0 when the model does not know it."""
        if self.shares is None or label not in self.labels:
            return 0.0
        return float(self.shares[self.labels.index(label)])


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model."""

    head: Head
    name: str
    row_of: NDArray[np.int32]
    idf: Floats
    weights: Floats
    bias: Floats
    again: Floats | None = None
    pack: Pack | None = None
    row_of_rule: dict[str, int] = field(default_factory=dict, repr=False)

    def margins(self, texts: list[str]) -> Floats:
        """Return texts x labels."""
        made = np.zeros((len(texts), len(self.head.labels)), np.float32)
        for at in range(0, len(texts), AT_ONCE):
            part = texts[at : at + AT_ONCE]
            made[at : at + len(part)] = self._weighed(self._features(part), self._fired(part))
        return made

    def shares(self, margins: Floats) -> Floats:
        """Return the probabilities of margins, rows that add up to 1."""
        return probabilities(margins, self.head.sharpness, self.head.noise)

    def judged(self, texts: list[str]) -> Floats:
        """Return the probabilities of texts, those of a second look where one is due."""
        return self._looked_again(texts, self.shares(self.margins(texts)))

    def _looked_again(self, texts: list[str], shares: Floats) -> Floats:
        told = self.head.second
        if told is None or self.again is None:
            return shares
        for row in np.flatnonzero(shares.max(axis=1) < told.below):
            seen = second.shares(second.embed(texts[row]), self.again)
            shares[row] = (1 - told.part) * shares[row] + told.part * seen
        return shares

    def chosen(self, shares: Floats) -> NDArray[np.int64]:
        """Return the number of the label for each row."""
        best: NDArray[np.int64] = shares.argmax(axis=1)
        if self.head.outside:
            outside = self.head.labels.index(self.head.outside)
            best = np.where(shares.max(axis=1) < self.head.outside_below, outside, best)
        return best

    def read(self, texts: list[str], hits: Sequence[Sequence[Hit]] | None = None) -> list[Reading]:
        """Return a Reading for each text; what is read of one does not depend on the others.
        `hits` are those of the model's own rules, where they are known."""
        made: list[Reading] = []
        for at in range(0, len(texts), AT_ONCE):
            made += self._read(texts[at : at + AT_ONCE], hits and hits[at : at + AT_ONCE])
        return made

    def _read(self, texts: list[str], hits: Sequence[Sequence[Hit]] | None) -> list[Reading]:
        found = self._features(texts)
        shares = self._looked_again(
            texts, self.shares(self._weighed(found, self._fired(texts, hits)))
        )
        best = self.chosen(shares)
        rows = np.arange(len(texts))
        rest = shares.copy()
        rest[rows, best] = -1
        second = rest.argmax(axis=1)
        words = self._spoke(found, best)
        sentiment = self.head.task == "sentiment"
        moods = (shares @ _moods(self.head.labels)).tolist() if sentiment else None
        labels = self.head.labels
        told = zip(
            best.tolist(),
            shares[rows, best].tolist(),
            second.tolist(),
            shares[rows, second].tolist(),
            strict=True,
        )
        return [
            Reading(
                Guess(labels[b], round(p, 4)),
                Guess(labels[s], round(q, 4)),
                words[i],
                round(moods[i], 4) if moods else 0.0,
                shares[i],
                labels,
            )
            for i, (b, p, s, q) in enumerate(told)
        ]

    def _features(self, texts: list[str]) -> features.Features:
        return features.features(texts, LANGUAGE if self.head.task == "language" else GRAMS)

    def _fired(
        self, texts: list[str], hits: Sequence[Sequence[Hit]] | None = None
    ) -> tuple[Ints, Ints] | None:
        """Return (text, row) of each rule that fires; None when the model does not ask for them."""
        if self.pack is None:
            return None
        if hits is None:
            hits = [self.pack.match(t, fold(t)) for t in texts]
        pairs = [
            (text, self.row_of_rule[hit.rule.id])
            for text, some in enumerate(hits)
            for hit in some
            if hit.rule.id in self.row_of_rule
        ]
        if not pairs:
            return None
        made = np.array(pairs, np.int64)
        return made[:, 0], made[:, 1]

    def _weighed(self, found: features.Features, fired: tuple[Ints, Ints] | None = None) -> Floats:
        text, bucket, weight = counted(found)
        row = self.row_of.take(bucket)
        known = row >= 0
        value = weight * np.where(known, self.idf.take(row), np.float32(self.head.unseen))
        squares = np.bincount(text, weights=value * value, minlength=found.texts)
        seen = np.flatnonzero(known)
        made = np.zeros((found.texts, len(self.head.labels)), np.float32)
        self._add(made, text.take(seen), row.take(seen), value.take(seen))
        if fired is not None:
            rule_text, rule_row = fired
            value = np.float32(self.head.fired) * self.idf.take(rule_row)
            squares += np.bincount(rule_text, weights=value * value, minlength=found.texts)
            self._add(made, rule_text, rule_row, value)
        length = np.sqrt(squares)
        length[length == 0] = 1
        whole: Floats = (made / length[:, None] + self.bias).astype(np.float32)
        return whole

    def _add(self, made: Floats, text: Any, row: Any, value: Any) -> None:
        """Add to the margins of each text what its features say; texts are in order."""
        if not len(text):
            return
        first = np.flatnonzero(np.append(True, text[1:] != text[:-1]))
        spoken = self.weights.take(row, axis=0)
        spoken *= value[:, None]
        made[text.take(first)] += np.add.reduceat(spoken, first, axis=0)

    def _spoke(
        self, found: features.Features, best: NDArray[np.int64]
    ) -> list[tuple[tuple[int, int], ...]]:
        """Return the places of the words that spoke loudest for the label of each text."""
        none: list[tuple[tuple[int, int], ...]] = [() for _ in range(found.texts)]
        row = self.row_of.take(found.bucket)
        known = np.flatnonzero(row >= 0)
        if not len(known):
            return none
        row = row.take(known).astype(np.int64)
        place = row * self.weights.shape[1] + best.take(found.text.take(known))
        said = self.weights.ravel().take(place) * self.idf.take(row)
        words = found.word.take(known)
        by_word = np.bincount(words, weights=said, minlength=len(found.word_text))
        order = np.lexsort((-by_word, found.word_text))
        text = found.word_text[order]
        rank = np.arange(len(order)) - np.searchsorted(text, text, side="left")
        order = order[(rank < SHOWN) & (by_word[order] > 0)]
        for at, start, end in zip(
            found.word_text[order].tolist(),
            found.word_start[order].tolist(),
            found.word_end[order].tolist(),
            strict=True,
        ):
            none[at] = (*none[at], (start, end))
        return none


def probabilities(margins: Floats, sharpness: float, noise: float) -> Floats:
    """Return softmax(sharpness x margins), `noise` of it spread over all labels."""
    scaled = (margins * sharpness).astype(np.float64)
    scaled -= scaled.max(axis=1, keepdims=True)
    made = np.exp(scaled)
    made /= made.sum(axis=1, keepdims=True)
    made += noise * (1 / made.shape[1] - made)
    shares: Floats = made.astype(np.float32)
    return shares


_GOOD = frozenset({"olumlu", "positive", "pozitif", "pos", "good", "happy"})
_BAD = frozenset({"olumsuz", "negative", "negatif", "neg", "bad", "angry"})


def _moods(labels: tuple[str, ...]) -> Floats:
    """Return 1 for a label of praise, -1 for one of blame, 0 for any other."""
    return np.array(
        [1.0 if x.casefold() in _GOOD else -1.0 if x.casefold() in _BAD else 0.0 for x in labels],
        np.float32,
    )


def build(
    head: Head,
    name: str,
    buckets: NDArray[np.int32],
    idf: Floats,
    weights: Floats,
    bias: Floats,
    pack: Pack | None = None,
) -> Model:
    """Return the model of its arrays: `buckets` and `idf` a row, `weights` rows x labels; `pack`
    has the rules that it asks for."""
    row_of = np.full(BUCKETS, -1, np.int32)
    row_of[buckets] = np.arange(len(buckets), dtype=np.int32)
    rows = {r.id: int(row_of[bucket_of(r.id)]) for r in pack.rules} if pack else {}
    return Model(
        head=head,
        name=name,
        row_of=row_of,
        idf=idf,
        weights=weights,
        bias=bias,
        pack=pack,
        row_of_rule={name: row for name, row in rows.items() if row >= 0},
    )
