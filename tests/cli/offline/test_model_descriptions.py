"""The figures of a model are described in one language."""

import pytest

from cli.offline.model_descriptions import describe_evaluation
from cli.offline.sentences import command_texts
from router.models.head import Figures
from router.training.evaluation import Confusion, EvaluationReport, LabelFigures

REPORT = EvaluationReport(
    model="m",
    task="department",
    messages=40,
    accuracy=0.925,
    figures=Figures(
        accuracy=0.925, low=0.8, high=0.975, majority=0.5, macro_f1=0.9, ece=0.03, folds=1
    ),
    labels=(LabelFigures(label="billing", lines=20, precision=0.95, recall=0.9, f1=0.924),),
    mixed_up=(Confusion(truth="billing", said="orders", count=2),),
    reliability=(),
    microseconds=84.4,
    outside="other",
    in_scope=0.9,
    outside_recall=0.5,
)


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "tr",
            [
                "doğruluk %92,5 (%80,0 – %97,5), çoğunluk sınıfı %50,0, makro F1 %90,0, "
                "kalibrasyon hatası %3,0",
                "kapsam içinde doğru %90,0, kapsam dışında tanınan %50,0",
                "ileti başına 84 mikrosaniye, 40 ileti",
                "Etiket   Satır  İsabet  Kapsama     F1",
                "billing     20   %95,0    %90,0  %92,4",
                "billing yerine orders: 2",
                "ortalama güven → doğru:",
            ],
        ),
        (
            "en",
            [
                "accuracy 92.5% (80.0% to 97.5%), majority 50.0%, macro F1 90.0%, "
                "calibration error 3.0%",
                "in scope 90.0% correct, out of scope 50.0% recognised",
                "84 microseconds a message, 40 messages",
                "Label    Lines  Precision  Recall     F1",
                "billing     20      95.0%   90.0%  92.4%",
                "orders instead of billing: 2",
                "mean confidence → correct:",
            ],
        ),
    ],
)
def test_an_evaluation_is_described_in_one_language(language: str, lines: list[str]) -> None:
    assert list(describe_evaluation(REPORT, command_texts(language))) == lines
