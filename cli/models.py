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
    language_option,
    load_running_settings,
    load_settings,
    print_note,
    print_record,
    progress_bar,
    rules_option,
)
from schemas.errors import ConfigError, Problem

if TYPE_CHECKING:
    from router.models.head import Head, Task
    from router.training.dataset import LabelledLines
    from router.training.train import TrainingOptions
    from runtime.settings.structs import Settings
    from workers.console.texts import Texts

_TASKS = click.Choice(["department", "intent", "sentiment"])
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
@language_option
@click.pass_context
def train(
    ctx: click.Context,
    data: Path | None,
    task: "Task",
    out: Path,
    language: str,
    **helps: Unpack[Helps],
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
    from cli.offline.model_descriptions import describe_helps
    from cli.offline.sentences import command_texts
    from router.policy_settings import load_pack, with_overrides
    from router.training.dataset import read_labelled, read_unlabelled
    from router.training.embedding_stage import SECOND_LOOK_SHARE
    from router.training.train import TrainingOptions

    texts = command_texts(language)
    corrected = _read_corrections(settings) if corrections else ()
    lines = read_labelled(chain(_read_lines(data), corrected))
    print_note(
        texts.lines_read.format(
            lines=len(lines.texts), labels=len(set(lines.labels)), unlabelled=lines.unlabelled
        )
    )
    unlabelled = helps["unlabelled"]
    options = TrainingOptions(
        pack=load_pack(with_overrides(settings, str(helps["rules"] or ""))),
        unlabelled=read_unlabelled(_read_lines(unlabelled)) if unlabelled else None,
        second_look_share=SECOND_LOOK_SHARE if helps["second_look"] else 0.0,
    )
    head = _train_and_save(lines, options, task, out, texts)
    for line in describe_helps(head, options, texts):
        print_note(line)
    size = texts.number(out.stat().st_size / 1e6, 1)
    print_note(texts.model_written.format(file=out, size=size))
    if task == "department":
        print_note(texts.model_trial.format(file=out))
        print_note(texts.model_use.format(file=out))
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
    lines: "LabelledLines", options: "TrainingOptions", task: "Task", out: Path, texts: "Texts"
) -> "Head":
    """Train a model, write its file, print its figures and return its head."""
    from cli.offline.model_descriptions import describe_figures
    from router.models import model_file
    from router.training.train import train_model

    began = time.monotonic()
    with progress_bar() as update:
        model = train_model(
            lines,
            task,
            datetime.now(UTC),
            options,
            lambda step, done, steps: update(texts[step], done, steps),
        )
    head = model_file.save(out, model)
    seconds = texts.number(time.monotonic() - began)
    print_note(texts.cross_validated.format(parts=head.figures.folds, seconds=seconds))
    print_note(describe_figures(head.figures, texts))
    return head


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
@language_option
def evaluate(data: Path, task: "Task", file: Path, language: str) -> None:
    """Judge a model on DATA that it has not seen: JSON lines of `text` and `label`.

    The report has the accuracy with its 95 % interval and the majority baseline, the figures of
    each label, the commonest confusions, the calibration, and the time of a message.
    """
    from cli.offline.model_descriptions import describe_evaluation
    from cli.offline.sentences import command_texts
    from router.models import model_file
    from router.training import evaluation
    from router.training.dataset import read_labelled

    model = model_file.load(file)
    if model.head.task != task:
        raise ConfigError([Problem(f"model {file}: its task is {model.head.task}, not {task}")])
    report = evaluation.evaluate(model, read_labelled(_read_lines(data)))
    for line in describe_evaluation(report, command_texts(language)):
        print_note(line)
    print_record(report)


def _read_lines(data: Path | None) -> Iterator[bytes]:
    if data is None:
        return
    if str(data) == "-":
        yield from sys.stdin.buffer
        return
    with data.open("rb") as file:
        yield from file


COMMANDS = (train, evaluate)
