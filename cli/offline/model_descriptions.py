"""A model's figures and the helps of its training, in Turkish or English."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workers.console.texts import Texts

if TYPE_CHECKING:
    from router.models.head import Figures, Head
    from router.training.evaluation import EvaluationReport
    from router.training.train import TrainingOptions

_SHOWN_CONFUSIONS = 5
"""The commonest confusions; the JSON has all."""


def describe_figures(figures: "Figures", texts: Texts) -> str:
    """Return the line of a model's figures."""
    accuracy = texts.accuracy.format(
        accuracy=texts.percent(figures.accuracy, 1),
        low=texts.percent(figures.low, 1),
        high=texts.percent(figures.high, 1),
        majority=texts.percent(figures.majority, 1),
    )
    errors = texts.errors.format(
        f1=texts.percent(figures.macro_f1, 1), error=texts.percent(figures.ece, 1)
    )
    return f"{accuracy}, {errors}"


def describe_helps(head: "Head", options: "TrainingOptions", texts: Texts) -> Iterator[str]:
    """Yield the helps that a model uses beside the labels: rules, a teacher, a second look."""
    if head.fired:
        yield texts.rule_weight.format(pack=head.pack, fired=texts.number(head.fired, 1))
    if options.unlabelled is not None and head.taught:
        count = len(options.unlabelled.texts)
        yield texts.teacher_used.format(taught=head.taught, count=count)
    elif options.unlabelled is not None:
        yield texts.teacher_unused
    if options.second_look_share and head.second is None:
        yield texts.second_look_unused
    elif head.second is not None:
        yield texts.second_look_used.format(
            below=texts.percent(head.second.below), share=texts.percent(head.second.part)
        )


def describe_evaluation(report: "EvaluationReport", texts: Texts) -> Iterator[str]:
    """Yield the lines of an evaluation: its figures, its labels, and the commonest confusions."""
    yield describe_figures(report.figures, texts)
    if report.outside:
        yield texts.scope.format(
            inside=texts.percent(report.in_scope, 1),
            outside=texts.percent(report.outside_recall, 1),
        )
    yield texts.message_time.format(time=texts.number(report.microseconds), count=report.messages)
    yield from _label_table(report, texts)
    for confusion in report.mixed_up[:_SHOWN_CONFUSIONS]:
        yield texts.confusion.format(
            truth=confusion.truth, answer=confusion.said, count=confusion.count
        )
    yield texts.reliability
    for bin_ in report.reliability:
        shares = f"{texts.percent(bin_.said, 1)} → {texts.percent(bin_.right, 1)}"
        yield f"  {shares}  ({bin_.count})"


def _label_table(report: "EvaluationReport", texts: Texts) -> Iterator[str]:
    """Yield a head and a row for each label."""
    rows = [
        (texts.label, texts.lines, texts.backtest_precision, texts.backtest_recall, "F1"),
        *(
            (
                figures.label,
                str(figures.lines),
                *(
                    texts.percent(share, 1)
                    for share in (figures.precision, figures.recall, figures.f1)
                ),
            )
            for figures in report.labels
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for label, *cells in rows:
        shown = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join((label.ljust(widths[0]), *shown))
