"""A model's predictions: labels with probabilities, and the words that speak for them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.offline.decisions import load_trial_policy
from router.decision.analysis import analyse
from router.models import model_file
from router.text.pack_compiler import compile_pack
from router.training.train import TrainingOptions, train_model
from runtime.settings.structs import Settings
from schemas.text.fold import fold
from tests.support.messages import NOW, PACK, message
from tests.support.router.trained_models import (
    FEW_TEXTS,
    FILLERS,
    OTHER_TEXTS,
    department_model,
    label_texts,
)

pytestmark = pytest.mark.slow  # a model is trained


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6))
@settings(max_examples=60)
def test_a_prediction_does_not_depend_on_the_neighbours_of_its_text(texts: list[str]) -> None:
    model = department_model()
    predictions = model.predict(texts)
    assert predictions == [model.predict([text])[0] for text in texts]
    for text, prediction in zip(texts, predictions, strict=True):
        assert 0 <= prediction.second.probability <= prediction.best.probability <= 1
        assert all(0 <= start < end <= len(text) for start, end in prediction.word_spans)
        assert all(text[start:end].strip() for start, end in prediction.word_spans)


def test_a_prediction_names_the_words_that_speak_for_its_label() -> None:
    text = "Geçen ay faturam niye bu kadar yüksek?"
    (prediction,) = department_model().predict([text])
    assert prediction.best.label == "billing"
    assert prediction.best.probability > 0.5
    assert "faturam" in [text[start:end] for start, end in prediction.word_spans]


def test_a_prediction_has_the_probability_of_each_label() -> None:
    (prediction,) = department_model().predict(["modem yavaş"])
    assert sum(map(prediction.probability_of, prediction.labels)) == pytest.approx(1)
    assert prediction.probability_of("legal") == 0.0


def test_a_model_stays_the_same_when_the_rules_change(tmp_path: Path) -> None:
    model = train_model(label_texts(FEW_TEXTS), "department", NOW, TrainingOptions(pack=PACK))
    assert model.head.pack == PACK.version
    assert model.head.fired > 0
    path = tmp_path / "rules.model"
    model_file.save(path, model)
    policy = load_trial_policy(Settings(), [path])
    fewer_rules = replace(policy, pack=compile_pack("fewer", policy.pack.rules[:3]))
    texts = [text for some in OTHER_TEXTS.values() for text in some]
    for text in texts:
        before, after = (
            analyse([message(text)], p)[0].predictions["department"] for p in (policy, fewer_rules)
        )
        assert before == after


def test_a_model_matches_its_own_rules_when_the_caller_has_no_hits(tmp_path: Path) -> None:
    path = tmp_path / "rules.model"
    model_file.save(path, department_model())
    policy = load_trial_policy(Settings(), [path])
    texts = [text for some in OTHER_TEXTS.values() for text in some]
    hits = [policy.pack.match(text, fold(text)) for text in texts]
    assert any(hits)
    assert policy.models[0].predict(texts, hits) == policy.models[0].predict(texts)


def test_a_model_drops_rules_that_fire_on_no_line(tmp_path: Path) -> None:
    danger = [rule for rule in PACK.rules if rule.id == "sign.danger"]
    lines = label_texts({"a": [f"elma {w}" for w in FILLERS], "b": [f"armut {w}" for w in FILLERS]})
    options = TrainingOptions(pack=compile_pack("other", danger))
    model = train_model(lines, "intent", NOW, options)
    path = tmp_path / "no_rules.model"
    assert model_file.save(path, model).rules == 0
    assert (model.pack, model.head.pack) == (None, "")
    assert model_file.load(path).predict(["elma"])[0].best.label == "a"
