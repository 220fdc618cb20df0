"""The commands `santral train` and `santral evaluate`, about models that learn from labels.

`train` reads JSON lines of `text` and `label`, and writes a model's file for `decide --model` and
[router] models. Standard error has sentences, standard output one JSON object with every figure.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.context import (
    load_running_settings,
    load_settings,
    print_note,
    print_record,
    progress_bar,
)
from schemas.errors import ConfigError, Problem

if TYPE_CHECKING:
    from router.models.model import Figures, Head, Task
    from router.training.evaluation import Report

_TASKS = click.Choice(["department", "intent", "sentiment"])
_DATA = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("data", type=_DATA, required=False)
@click.option("--task", type=_TASKS, required=True, help="The kind of the labels.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="Where the model is written.",
)
@click.option(
    "--corrections",
    is_flag=True,
    help="Learn from the store, too: where people moved items, and where they resolved "
    "them (task department).",
)
@click.option(
    "--unlabelled",
    type=_DATA,
    help="Learn from these lines of `text`, too: sentence embeddings name the labels of those they "
    "are surest of, if that helps (50 ms each, 5,000 at most; needs 'santral[second]').",
)
@click.option(
    "--second-look",
    is_flag=True,
    help="Let it look again, by sentence embeddings, at the one text in twenty of which "
    "it is least sure, if that helps (50 ms each; needs 'santral[second]').",
)
@click.option(
    "--rules",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of rules to learn by, instead of those of the settings.",
)
@click.pass_context
def train(
    ctx: click.Context,
    data: Path | None,
    task: "Task",
    out: Path,
    corrections: bool,
    unlabelled: Path | None,
    second_look: bool,
    rules: Path | None,
) -> None:
    """Learn a model from DATA: JSON lines of `text` and `label` (- for standard input).

    It learns by the words and by the rules that fire; it keeps a copy of them, so that later
    changes of the rules do not change the model. Its figures come from cross-validation, which
    holds back a fifth of the lines five times. The same lines and rules give the same model. Lines
    without a label are passed by.
    """
    if data is None and not corrections:
        raise ConfigError([Problem("nothing to learn from: give DATA or --corrections")])
    if corrections and task != "department":
        raise ConfigError([Problem("--corrections are departments: use --task department")])
    settings = load_running_settings(ctx, "the store") if corrections else load_settings(ctx)
    from router.models import model_file
    from router.policy_settings import load_pack, with_overrides
    from router.training import dataset, embedding_stage
    from router.training import train as training

    pack = load_pack(with_overrides(settings, str(rules or "")))
    corrected: Iterable[bytes] = ()
    if corrections:
        from workers.store.recorded_traffic import labelled_lines

        corrected = labelled_lines(settings)
    lines = dataset.read(chain(_read_lines(data), corrected))
    print_note(
        f"{len(lines.texts)} lines, {len(set(lines.labels))} labels, {lines.unlabelled} without"
    )
    texts = dataset.texts(_read_lines(unlabelled)) if unlabelled else None
    began = time.monotonic()
    with progress_bar() as update:
        model = training.train(
            lines,
            task,
            datetime.now(UTC),
            update,
            look_again=embedding_stage.LOOKED if second_look else 0.0,
            unlabelled=texts,
            pack=pack,
        )
    head = model_file.save(out, model)
    print_note(f"cross-validated in {head.figures.folds} parts, {time.monotonic() - began:.0f} s:")
    _print_figures(head.figures)
    _print_helps(head, None if texts is None else len(texts.texts), second_look=second_look)
    print_note(f"written to {out} ({out.stat().st_size / 1e6:.1f} MB)")
    if task == "department":
        print_note(f'try it: santral decide --model {out}; use it: [router] models = ["{out}"]')
    print_record(head)


def _print_helps(head: "Head", unlabelled: int | None, *, second_look: bool) -> None:
    """Print which helps beside the labels the model uses: rules, a teacher, a second look."""
    if head.fired:
        print_note(
            f"one of {head.pack}'s rules that fires counts {head.fired:g} times as much as a word"
        )
    if unlabelled is not None and head.taught:
        print_note(f"taught by {head.taught} of {unlabelled} lines without a label")
    elif unlabelled is not None:
        print_note("with lines without a label it gets no more right: none is used")
    if second_look and head.second is None:
        print_note("a second look gets no more of these lines right: the model has none")
    elif head.second is not None:
        print_note(
            f"looks again below a confidence of {head.second.below:.2f}; {head.second.part:.0%} of "
            "that answer is its own"
        )


@click.command()
@click.argument("data", type=_DATA)
@click.option("--task", type=_TASKS, required=True, help="The kind of the labels.")
@click.option(
    "--model",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="A model of `santral train`.",
)
def evaluate(data: Path, task: "Task", file: Path) -> None:
    """Say how good a model is on DATA that it has not seen: JSON lines of `text` and `label`.

    Accuracy with its 95 % interval and the majority baseline, figures for each label, how true its
    confidence is, what it mixes up, and the time a message takes.
    """
    from router.models import model_file
    from router.training import dataset, evaluation

    model = model_file.load(file)
    if model.head.task != task:
        raise ConfigError([Problem(f"model {file}: its task is {model.head.task}, not {task}")])
    report = evaluation.evaluate(model, dataset.read(_read_lines(data)))
    _print_report(report)
    print_record(report)


def _print_report(report: "Report") -> None:
    _print_figures(report.figures)
    if report.outside:
        print_note(
            f"in scope {report.in_scope * 100:.1f} %, out of scope recognised "
            f"{report.outside_recall * 100:.1f} %"
        )
    print_note(f"{report.microseconds:.0f} microseconds a message, {report.messages} messages")
    width = max(len(x.label) for x in report.labels)
    print_note(f"{'label':<{width}}  lines  precision  recall     F1")
    for x in report.labels:
        print_note(
            f"{x.label:<{width}}  {x.lines:>5}  {x.precision * 100:>8.1f}  {x.recall * 100:>6.1f}"
            f"  {x.f1 * 100:>5.1f}"
        )
    for pair in report.mixed_up[:5]:
        print_note(f"{pair.truth} taken for {pair.said}: {pair.count}")
    print_note("confidence said -> right:")
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
