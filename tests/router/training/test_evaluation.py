"""The report on a model: its accuracy, its calibration, and labels that it does not have."""

import pytest

from router.training.dataset import read_labelled
from router.training.evaluation import evaluate
from schemas.errors import ConfigError
from tests.support.router.trained_models import department_lines, department_model, encode_lines

pytestmark = pytest.mark.slow  # a model is trained


def test_a_report_counts_every_line_once() -> None:
    report = evaluate(department_model(), read_labelled(department_lines()))
    assert report.messages == 120
    assert sum(bin_.count for bin_ in report.reliability) == 120
    lines = {figures.label: figures.lines for figures in report.labels}
    assert lines == {"billing": 40, "returns": 40, "technical": 40}


def test_a_report_has_one_accuracy() -> None:
    report = evaluate(department_model(), read_labelled(department_lines()))
    assert report.accuracy == report.figures.accuracy > 0.95


def test_a_label_that_the_model_does_not_have_is_never_right() -> None:
    report = evaluate(department_model(), read_labelled(encode_lines([("basin", "press")])))
    assert report.accuracy == 0.0
    assert report.labels[0].recall == 0.0
    assert [confusion.truth for confusion in report.mixed_up] == ["press"]


def test_an_evaluation_needs_lines() -> None:
    with pytest.raises(ConfigError, match="no labelled lines"):
        evaluate(department_model(), read_labelled([]))
