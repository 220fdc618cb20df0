"""The commands `santral train` and `santral evaluate`, which make and judge models.

`train` reads JSON lines of `text` and `label`, and writes a model's file for `decide --model` and
[router] models. Standard error has sentences, standard output one JSON object with every figure.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from cli.context import (
    load_running_settings,
    load_settings,
    print_note,
    print_record,
    progress_bar,
    rules_option,
)
from schemas.errors import ConfigError, Problem

if TYPE_CHECKING:
    from router.models.head import Figures, Head, Task
    from router.training.dataset import LabelledLines
    from router.training.evaluation import EvaluationReport
    from router.training.train import TrainingOptions
    from runtime.settings.structs import Settings

_TASKS = click.Choice(["department", "intent", "sentiment"])
_SHOWN_CONFUSIONS = 5
_DATA = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


class Helps(TypedDict):
    """The sources that a model may learn from beside the labelled lines, and a second look."""

    corrections: bool
    unlabelled: Path | None
    second_look: bool
    rules: Path | None


@click.command()
@click.argument("data", type=_DATA, required=False)
@click.option("--task", type=_TASKS, required=True, help="The kind of the labels.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file of the model.",
)
@click.option(
    "--corrections",
    is_flag=True,
    help="Also learn from the store, by the departments to which people moved items and in "
    "which they resolved them (task department).",
)
@click.option(
    "--unlabelled",
    type=_DATA,
    help="Also learn from these lines of `text`, if that helps: a teacher with sentence embeddings "
    "labels those of which it is surest (50 ms each, 5,000 at most; needs 'santral[second]').",
)
@click.option(
    "--second-look",
    is_flag=True,
    help="Give the least sure text in twenty a second look by sentence embeddings, if that helps "
    "(50 ms each; needs 'santral[second]').",
)
@rules_option("The folder of rules to learn by, instead of the rules of the settings.")
@click.pass_context
def train(
    ctx: click.Context, data: Path | None, task: "Task", out: Path, **helps: Unpack[Helps]
) -> None:
    """Learn a model from DATA: JSON lines of `text` and `label` (- for standard input).

    The model learns by the words and by the rules that fire. Its file has a copy of these rules,
    so that a change of the rules does not change the model. The figures come from
    cross-validation, which holds back a fifth of the lines five times. The same lines and rules
    give the same model. Lines without a label are only counted.
    """
    corrections = helps["corrections"]
    _check_sources(data, task, corrections=corrections)
    settings = load_running_settings(ctx, "the store") if corrections else load_settings(ctx)
    from router.policy_settings import load_pack, with_overrides
    from router.training.dataset import read_labelled, read_unlabelled
    from router.training.embedding_stage import SECOND_LOOK_SHARE
    from router.training.train import TrainingOptions

    corrected = _read_corrections(settings) if corrections else ()
    lines = read_labelled(chain(_read_lines(data), corrected))
    print_note(
        f"{len(lines.texts)} lines with {len(set(lines.labels))} labels, {lines.unlabelled} without"
    )
    unlabelled = helps["unlabelled"]
    options = TrainingOptions(
        pack=load_pack(with_overrides(settings, str(helps["rules"] or ""))),
        unlabelled=read_unlabelled(_read_lines(unlabelled)) if unlabelled else None,
        second_look_share=SECOND_LOOK_SHARE if helps["second_look"] else 0.0,
    )
    head = _train_and_save(lines, task, options, out)
    _print_helps(head, options)
    print_note(f"written to {out} ({out.stat().st_size / 1e6:.1f} MB)")
    if task == "department":
        print_note(f'try it: santral decide --model {out}; use it: [router] models = ["{out}"]')
    print_record(head)


def _check_sources(data: Path | None, task: "Task", *, corrections: bool) -> None:
    """Raise ConfigError when there is nothing to learn from, or the corrections do not fit."""
    if data is None and not corrections:
        raise ConfigError([Problem("nothing to learn from: give DATA or --corrections")])
    if corrections and task != "department":
        raise ConfigError([Problem("--corrections name departments: use --task department")])


def _read_corrections(settings: "Settings") -> Iterable[bytes]:
    from workers.store.recorded_traffic import labelled_lines

    return labelled_lines(settings)


def _train_and_save(
    lines: "LabelledLines", task: "Task", options: "TrainingOptions", out: Path
) -> "Head":
    """Train a model, write its file, print its figures and return its head."""
    from router.models import model_file
    from router.training.train import train_model

    began = time.monotonic()
    with progress_bar() as update:
        model = train_model(lines, task, datetime.now(UTC), options, update)
    head = model_file.save(out, model)
    print_note(f"cross-validated in {head.figures.folds} parts, {time.monotonic() - began:.0f} s:")
    _print_figures(head.figures)
    return head


def _print_helps(head: "Head", options: "TrainingOptions") -> None:
    """Print the helps that the model uses beside the labels: rules, a teacher, a second look."""
    if head.fired:
        print_note(
            f"a rule of {head.pack} that fires counts {head.fired:g} times as much as a word"
        )
    if options.unlabelled is not None and head.taught:
        count = len(options.unlabelled.texts)
        print_note(f"a teacher labelled {head.taught} of {count} lines without a label")
    elif options.unlabelled is not None:
        print_note("lines without a label did not improve the accuracy, so they are not used")
    if options.second_look_share and head.second is None:
        print_note("a second look did not improve the accuracy, so it is not used")
    elif head.second is not None:
        print_note(
            f"texts below a confidence of {head.second.below:.2f} get a second look, which makes "
            f"up {head.second.part:.0%} of the answer"
        )


@click.command()
@click.argument("data", type=_DATA)
@click.option("--task", type=_TASKS, required=True, help="The kind of the labels.")
@click.option(
    "--model",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The file of a model from `santral train`.",
)
def evaluate(data: Path, task: "Task", file: Path) -> None:
    """Judge a model on DATA that it has not seen: JSON lines of `text` and `label`.

    The report has the accuracy with its 95 % interval and the majority baseline, the figures of
    each label, the commonest confusions, the calibration, and the time of a message.
    """
    from router.models import model_file
    from router.training import evaluation
    from router.training.dataset import read_labelled

    model = model_file.load(file)
    if model.head.task != task:
        raise ConfigError([Problem(f"model {file}: its task is {model.head.task}, not {task}")])
    report = evaluation.evaluate(model, read_labelled(_read_lines(data)))
    _print_report(report)
    print_record(report)


def _print_report(report: "EvaluationReport") -> None:
    _print_figures(report.figures)
    if report.outside:
        print_note(
            f"in scope {report.in_scope * 100:.1f} %, out of scope recognised "
            f"{report.outside_recall * 100:.1f} %"
        )
    print_note(f"{report.microseconds:.0f} microseconds a message, {report.messages} messages")
    width = max(len(figures.label) for figures in report.labels)
    print_note(f"{'label':<{width}}  lines  precision  recall     F1")
    for figures in report.labels:
        print_note(
            f"{figures.label:<{width}}  {figures.lines:>5}  {figures.precision * 100:>8.1f}  "
            f"{figures.recall * 100:>6.1f}  {figures.f1 * 100:>5.1f}"
        )
    for confusion in report.mixed_up[:_SHOWN_CONFUSIONS]:
        print_note(f"{confusion.truth} taken for {confusion.said}: {confusion.count}")
    print_note("mean confidence -> right:")
    for bin_ in report.reliability:
        print_note(f"  {bin_.said * 100:5.1f} % -> {bin_.right * 100:5.1f} %  ({bin_.count})")


def _print_figures(figures: "Figures") -> None:
    print_note(
        f"accuracy {figures.accuracy * 100:.1f} % ({figures.low * 100:.1f} to "
        f"{figures.high * 100:.1f}), majority {figures.majority * 100:.1f} %, macro F1 "
        f"{figures.macro_f1 * 100:.1f} %, calibration error {figures.ece * 100:.1f} %"
    )


def _read_lines(data: Path | None) -> Iterator[bytes]:
    if data is None:
        return
    if str(data) == "-":
        yield from sys.stdin.buffer
        return
    with data.open("rb") as file:
        yield from file


COMMANDS = (train, evaluate)
