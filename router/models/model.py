"""A trained model: a linear classifier over hashed features and the rules that fire. Pure.

training/train.py makes it, model_file.py reads it, and decision/analysis.py asks it. It answers
with the two best labels, their calibrated probabilities, and the words that speak for the first.
The names of labels of praise and blame were written for this project.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from router.models.arrays import Floats, Ints, Rows
from router.models.embedding_stage import classify_embedding, embed
from router.models.features import (
    BUCKETS,
    PIECE_LENGTHS,
    Features,
    extract_features,
    rule_bucket,
    weigh_features,
)
from router.models.head import Head
from router.text.rule import Hit
from router.text.rules import Pack
from schemas.text.fold import fold

BATCH_TEXTS = 125
"""Texts that are weighed together; their arrays fit into the cache of the processor."""

LANGUAGE_PIECE_LENGTHS = (2, 3, 4, 5)
"""The lengths of the pieces by which the model of languages tells them apart."""

_EVIDENCE_WORDS = 3

Span = tuple[int, int]
"""The start and the end of a word in its text, in characters."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label with its probability from 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer of a model to one text: the best label and the second.

    `word_spans` has the words that speak for the best label. `sentiment` is from -1 to 1, and 0 of
    a model with another task. `probabilities` has one for each of the `labels`.
    """

    best: LabelScore
    second: LabelScore
    word_spans: tuple[Span, ...] = ()
    sentiment: float = 0.0
    probabilities: Floats | None = field(default=None, compare=False, repr=False)
    labels: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def probability_of(self, label: str) -> float:
        """Return the probability of a label, 0 when the model does not have it."""
        if self.probabilities is None or label not in self.labels:
            return 0.0
        return float(self.probabilities[self.labels.index(label)])


@dataclass(frozen=True, kw_only=True)
class LinearWeights:
    """The bucket and the inverse document frequency of each row, and what the rows weigh.

    `weights` is rows x labels, and `bias` has a number for each label.
    """

    buckets: Rows
    idf: Floats
    weights: Floats
    bias: Floats


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that is ready to predict; build_model makes it.

    `row_of_bucket` is -1 for a bucket that the model does not know. `pack` has the rules that the
    model learned by, and `embedding_weights` are those of its embedding stage.
    """

    head: Head
    name: str
    linear: LinearWeights
    row_of_bucket: Rows
    row_of_rule: dict[str, int] = field(default_factory=dict, repr=False)
    pack: Pack | None = None
    embedding_weights: Floats | None = None

    def compute_margins(self, texts: list[str]) -> Floats:
        """Return the margins of texts x labels, without the embedding stage."""
        margins = np.zeros((len(texts), len(self.head.labels)), np.float32)
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = texts[start : start + BATCH_TEXTS]
            rules = self._matching_rules(batch, None)
            margins[start : start + len(batch)] = self._margins(self._features(batch), rules)
        return margins

    def to_probabilities(self, margins: Floats) -> Floats:
        """Return the probabilities of margins, in rows that add up to 1."""
        return calibrated_softmax(margins, self.head.sharpness, self.head.noise)

    def predict_probabilities(self, texts: list[str]) -> Floats:
        """Return the probabilities of texts x labels, with the embedding stage."""
        return self._look_again(texts, self.to_probabilities(self.compute_margins(texts)))

    def choose_labels(self, probabilities: Floats) -> Ints:
        """Return the number of the label for each row."""
        best: Ints = probabilities.argmax(axis=1)
        if self.head.outside:
            outside = self.head.labels.index(self.head.outside)
            best = np.where(probabilities.max(axis=1) < self.head.outside_below, outside, best)
        return best

    def predict(
        self, texts: list[str], hits: Sequence[Sequence[Hit]] | None = None
    ) -> list[Prediction]:
        """Return the prediction of each text, which does not depend on its neighbours.

        `hits` are those of the model's own rules, for a caller that has them.
        """
        predictions: list[Prediction] = []
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = slice(start, start + BATCH_TEXTS)
            predictions += self._predict_batch(texts[batch], hits and hits[batch])
        return predictions

    def _predict_batch(
        self, texts: list[str], hits: Sequence[Sequence[Hit]] | None
    ) -> list[Prediction]:
        features = self._features(texts)
        margins = self._margins(features, self._matching_rules(texts, hits))
        probabilities = self._look_again(texts, self.to_probabilities(margins))
        best = self.choose_labels(probabilities)
        rows = np.arange(len(texts))
        others = probabilities.copy()
        others[rows, best] = -1
        second = others.argmax(axis=1)
        labels = self.head.labels
        scores = zip(
            best.tolist(),
            probabilities[rows, best].tolist(),
            second.tolist(),
            probabilities[rows, second].tolist(),
            self._word_spans(features, best),
            self._sentiments(probabilities),
            probabilities,
            strict=True,
        )
        return [
            Prediction(
                LabelScore(labels[first], round(probability, 4)),
                LabelScore(labels[next_], round(next_probability, 4)),
                spans,
                sentiment,
                row,
                labels,
            )
            for first, probability, next_, next_probability, spans, sentiment, row in scores
        ]

    def _sentiments(self, probabilities: Floats) -> list[float]:
        if self.head.task != "sentiment":
            return [0.0] * len(probabilities)
        sentiments = (probabilities @ _polarities(self.head.labels)).tolist()
        return [round(sentiment, 4) for sentiment in sentiments]

    def _look_again(self, texts: list[str], probabilities: Floats) -> Floats:
        """Return the probabilities, with the embeddings' share for texts that are unsure."""
        stage = self.head.second
        if stage is None or self.embedding_weights is None:
            return probabilities
        mixed = probabilities.copy()
        for row in np.flatnonzero(probabilities.max(axis=1) < stage.below):
            second = classify_embedding(embed(texts[row]), self.embedding_weights)
            mixed[row] = (1 - stage.part) * probabilities[row] + stage.part * second
        return mixed

    def _features(self, texts: list[str]) -> Features:
        is_language = self.head.task == "language"
        return extract_features(texts, LANGUAGE_PIECE_LENGTHS if is_language else PIECE_LENGTHS)

    def _matching_rules(
        self, texts: list[str], hits: Sequence[Sequence[Hit]] | None
    ) -> tuple[Ints, Ints] | None:
        """Return (text, row) of each rule that fires, None when no rule that counts does."""
        if self.pack is None:
            return None
        if hits is None:
            hits = [self.pack.match(text, fold(text)) for text in texts]
        pairs = [
            (text, self.row_of_rule[hit.rule.id])
            for text, hits_of_text in enumerate(hits)
            for hit in hits_of_text
            if hit.rule.id in self.row_of_rule
        ]
        if not pairs:
            return None
        array = np.array(pairs, np.int64)
        return array[:, 0], array[:, 1]

    def _margins(self, features: Features, rules: tuple[Ints, Ints] | None) -> Floats:
        """Return the margins of a batch by its features and the rules that fire."""
        idf = self.linear.idf
        text, bucket, weight = weigh_features(features)
        row = self.row_of_bucket.take(bucket)
        has_row = row >= 0
        value = weight * np.where(has_row, idf.take(row), np.float32(self.head.unseen))
        squares = np.bincount(text, weights=value * value, minlength=features.texts)
        used = np.flatnonzero(has_row)
        sums = self._sum_weights(features.texts, text.take(used), row.take(used), value.take(used))
        if rules is not None:
            text, rule_row = rules
            value = np.float32(self.head.fired) * idf.take(rule_row)
            squares += np.bincount(text, weights=value * value, minlength=features.texts)
            sums += self._sum_weights(features.texts, text, rule_row, value)
        length = np.sqrt(squares)
        length[length == 0] = 1
        margins: Floats = (sums / length[:, None] + self.linear.bias).astype(np.float32)
        return margins

    def _sum_weights(self, texts: int, text: Ints, row: Rows | Ints, value: Floats) -> Floats:
        """Return texts x labels, the sum of the weights of each text; `text` is in order."""
        sums = np.zeros((texts, len(self.head.labels)), np.float32)
        if len(text):
            first = np.flatnonzero(np.append(True, text[1:] != text[:-1]))
            weights = self.linear.weights.take(row, axis=0)
            weights *= value[:, None]
            sums[text.take(first)] = np.add.reduceat(weights, first, axis=0)
        return sums

    def _word_spans(self, features: Features, best: Ints) -> list[tuple[Span, ...]]:
        """Return the spans of the words that speak for the best label of each text."""
        spans: list[tuple[Span, ...]] = [()] * features.texts
        words = self._strongest_words(features, best)
        for text, start, end in zip(
            features.word_text[words].tolist(),
            features.word_start[words].tolist(),
            features.word_end[words].tolist(),
            strict=True,
        ):
            spans[text] = (*spans[text], (start, end))
        return spans

    def _strongest_words(self, features: Features, best: Ints) -> Ints:
        """Return the words that weigh most for the best label, the strongest of a text first."""
        rows = self.row_of_bucket.take(features.bucket)
        used = np.flatnonzero(rows >= 0)
        if not len(used):
            return np.zeros(0, np.int64)
        row = rows.take(used).astype(np.int64)
        cell = row * self.linear.weights.shape[1] + best.take(features.text.take(used))
        weights = self.linear.weights.ravel().take(cell) * self.linear.idf.take(row)
        word = features.word.take(used)
        by_word = np.bincount(word, weights=weights, minlength=len(features.word_text))
        order = np.lexsort((-by_word, features.word_text))
        text = features.word_text[order]
        rank = np.arange(len(order)) - np.searchsorted(text, text, side="left")
        strongest: Ints = order[(rank < _EVIDENCE_WORDS) & (by_word[order] > 0)]
        return strongest


def calibrated_softmax(margins: Floats, sharpness: float, noise: float) -> Floats:
    """Return softmax(sharpness x margins), with the share `noise` of it spread over all labels."""
    scaled = (margins * sharpness).astype(np.float64)
    scaled -= scaled.max(axis=1, keepdims=True)
    odds = np.exp(scaled)
    odds /= odds.sum(axis=1, keepdims=True)
    odds += noise * (1 / odds.shape[1] - odds)
    probabilities: Floats = odds.astype(np.float32)
    return probabilities


_GOOD_LABELS = frozenset({"olumlu", "positive", "pozitif", "pos", "good", "happy"})
_BAD_LABELS = frozenset({"olumsuz", "negative", "negatif", "neg", "bad", "angry"})


def _polarities(labels: tuple[str, ...]) -> Floats:
    """Return 1 for a label of praise, -1 for a label of blame, 0 for any other."""
    folded = [label.casefold() for label in labels]
    return np.array(
        [float(x in _GOOD_LABELS) - float(x in _BAD_LABELS) for x in folded], np.float32
    )


def build_model(head: Head, name: str, linear: LinearWeights, pack: Pack | None = None) -> Model:
    """Return the model with these weights; `pack` has the rules that it learned by."""
    row_of_bucket = np.full(BUCKETS, -1, np.int32)
    row_of_bucket[linear.buckets] = np.arange(len(linear.buckets), dtype=np.int32)
    rules = [rule.id for rule in pack.rules] if pack else []
    rows = {rule: int(row_of_bucket[rule_bucket(rule)]) for rule in rules}
    return Model(
        head=head,
        name=name,
        linear=linear,
        row_of_bucket=row_of_bucket,
        row_of_rule={rule: row for rule, row in rows.items() if row >= 0},
        pack=pack,
    )
