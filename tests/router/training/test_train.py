"""Training: labels, rules and texts out of scope become a model with true figures."""

import pytest

from router.training.dataset import read_labelled
from router.training.evaluation import evaluate
from router.training.train import TrainingOptions, train_model
from schemas.errors import ConfigError
from tests.support.messages import NOW, PACK
from tests.support.router.trained_models import (
    FEW_TEXTS,
    FILLERS,
    OTHER_TEXTS,
    department_lines,
    department_model,
    label_texts,
    train_departments,
)

pytestmark = pytest.mark.slow  # a model is trained


def test_a_model_has_the_figures_of_its_cross_validation() -> None:
    head = department_model().head
    assert head.figures.accuracy > 0.9 > head.figures.majority
    assert head.figures.low < head.figures.accuracy <= 1
    assert head.by_label == {"billing": 40, "returns": 40, "technical": 40}


@pytest.mark.parametrize("lines", [[], department_lines()[:40]], ids=["no lines", "one label"])
def test_too_few_lines_or_labels_are_refused(lines: list[bytes]) -> None:
    with pytest.raises(ConfigError, match="at least"):
        train_model(read_labelled(lines), "department", NOW)


def test_a_label_with_one_line_does_not_stop_the_others() -> None:
    model = train_departments(("basından arıyoruz röportaj", "press"))
    assert "press" in model.head.labels
    assert model.predict(["modem çalışmıyor"])[0].best.label == "technical"


def test_texts_out_of_scope_are_recognised() -> None:
    strange = [
        (f"{text} {filler}", "oos")
        for text in ("hava nasıl", "maç kaç kaç", "şiir oku", "kek tarifi")
        for filler in FILLERS
    ]
    model = train_departments(*strange)
    assert model.head.outside == "oos"
    new = (("modem bozuk", "technical"), ("yarın yağmur yağar mı", "oos"))
    report = evaluate(model, read_labelled(department_lines(*new)))
    assert report.in_scope > 0.9
    assert report.outside_recall == 1.0
    assert model.predict(["zürafa gergedan qwx"])[0].best.label == "oos"


def test_a_model_with_rules_needs_fewer_labels() -> None:
    few, others = label_texts(FEW_TEXTS), label_texts(OTHER_TEXTS)
    words_only = evaluate(train_model(few, "department", NOW), others)
    by_rules = train_model(few, "department", NOW, TrainingOptions(pack=PACK))
    assert evaluate(by_rules, others).accuracy >= words_only.accuracy + 0.3
