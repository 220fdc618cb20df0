"""`santral train`, `evaluate` and `backtest`: models from labels, and what a change would do.

Before: JSON lines of `text` and `label`, or what the store recorded. After: a model's file for
`santral decide --model` and [router] models; reports. People read standard error; standard output
has one JSON object with every figure.
"""

import importlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.messages import running_settings, settings_of, show
from schemas.errors import ConfigError, Problem, Unavailable

_ZONE = timezone(timedelta(hours=3), "Europe/Istanbul")
"""Turkey keeps one time all year since 2016."""

_TASKS = click.Choice(["department", "intent", "sentiment"])
_DATA = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


def _told(line: str = "") -> None:
    click.echo(line, err=True)


def _lines(data: Path | None) -> Iterator[bytes]:
    if data is None:
        return
    if str(data) == "-":
        yield from sys.stdin.buffer
        return
    with data.open("rb") as file:
        yield from file


@click.command()
@click.argument("data", type=_DATA, required=False)
@click.option("--task", type=_TASKS, required=True, help="What the labels are.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="Where the model is written.")  # fmt: skip
@click.option("--corrections", is_flag=True,
              help="Learn from the store, too: where people moved items, and where they resolved "
                   "them (task department).")  # fmt: skip
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
@click.option("--rules", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="A folder of rules to learn by, instead of those of the settings.")  # fmt: skip
@click.pass_context
def train(
    ctx: click.Context, data: Path | None, task: str, out: Path, corrections: bool,
    unlabelled: Path | None, second_look: bool, rules: Path | None,
) -> None:  # fmt: skip
    """Learn a model from DATA: JSON lines of `text` and `label` (- for standard input).

    It learns by the words and by the rules that fire; it keeps a copy of them, so that later
    changes of the rules do not change the model. Its figures come from cross-validation: five times
    a fifth of the lines is held back. The same lines and rules give the same model. Lines without a
    label are passed by.
    """
    training = importlib.import_module("router.training")
    labelled = importlib.import_module("router.labelled")
    model_file = importlib.import_module("router.model_file")
    if data is None and not corrections:
        raise ConfigError([Problem("nothing to learn from: give DATA or --corrections")])
    if corrections and task != "department":
        raise ConfigError([Problem("--corrections are departments: use --task department")])
    more: Iterable[bytes] = ()
    settings = running_settings(ctx, "the store") if corrections else settings_of(ctx)
    router = importlib.import_module("router.policy_settings")
    pack = router.pack_of(router.trying(settings, str(rules or "")))
    if corrections:
        more = importlib.import_module("workers.corrections").lines(settings)
    told = labelled.read(chain(_lines(data), more))
    _told(f"{len(told.texts)} lines, {len(set(told.labels))} labels, {told.unlabelled} without")
    without = labelled.texts(_lines(unlabelled)) if unlabelled else None
    began = time.monotonic()
    share = importlib.import_module("router.training_second").LOOKED if second_look else 0.0
    with _bar() as tell:
        made = training.train(
            told, task, datetime.now(UTC), tell, look_again=share, unlabelled=without, pack=pack
        )
    head = model_file.save(out, made)
    figures = head.figures
    _told(f"cross-validated in {figures.folds} parts, {time.monotonic() - began:.0f} s:")
    _figures(figures)
    if head.fired:
        _told(
            f"one of {head.pack}'s rules that fires counts {head.fired:g} times as much as a word"
        )
    if without is not None and head.taught:
        _told(f"taught by {head.taught} of {len(without.texts)} lines without a label")
    elif without is not None:
        _told("with lines without a label it gets no more right: none is used")
    if second_look and head.second is None:
        _told("a second look gets no more of these lines right: the model has none")
    elif head.second is not None:
        told_again = f"a confidence of {head.second.below:.2f}"
        _told(f"looks again below {told_again}; {head.second.part:.0%} of that answer is its own")
    _told(f"written to {out} ({out.stat().st_size / 1e6:.1f} MB)")
    if task == "department":
        _told(f'try it: santral decide --model {out}; use it: [router] models = ["{out}"]')
    show(head)


@click.command()
@click.argument("data", type=_DATA)
@click.option("--task", type=_TASKS, required=True, help="What the labels are.")
@click.option("--model", "file", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="A model of `santral train`.")  # fmt: skip
def evaluate(data: Path, task: str, file: Path) -> None:
    """Say how good a model is on DATA that it has not seen: JSON lines of `text` and `label`.

    Accuracy with its 95 % interval and the majority baseline, figures for each label, how true its
    confidence is, what it mixes up, and the time a message takes.
    """
    judging = importlib.import_module("router.judging")
    model_file = importlib.import_module("router.model_file")
    labelled = importlib.import_module("router.labelled")
    made = model_file.load(file)
    if made.head.task != task:
        raise ConfigError([Problem(f"model {file}: its task is {made.head.task}, not {task}")])
    report = judging.evaluate(made, labelled.read(_lines(data)))
    _figures(report.figures)
    if report.outside:
        _told(f"in scope {report.in_scope * 100:.1f} %, out of scope recognised "
              f"{report.outside_recall * 100:.1f} %")  # fmt: skip
    _told(f"{report.microseconds:.0f} microseconds a message, {report.messages} messages")
    width = max(len(x.label) for x in report.labels)
    _told(f"{'label':<{width}}  lines  precision  recall     F1")
    for x in report.labels:
        _told(f"{x.label:<{width}}  {x.lines:>5}  {x.precision * 100:>8.1f}  {x.recall * 100:>6.1f}"
              f"  {x.f1 * 100:>5.1f}")  # fmt: skip
    for pair in report.mixed_up[:5]:
        _told(f"{pair.truth} taken for {pair.said}: {pair.count}")
    _told("confidence said -> right:")
    for held in report.reliability:
        _told(f"  {held.said * 100:5.1f} % -> {held.right * 100:5.1f} %  ({held.count})")
    show(report)


@click.command()
@click.option(
    "--rules",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of *.toml rules to try; without it those of the settings.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A model to try, once a task; without it those of the settings.",
)
@click.option(
    "--since", help="Count messages from then on: a day (2026-11-01), a time, or 7d, 12h."
)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report as an HTML page, too.",
)
@click.option(
    "--max-change",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit with 1 when more would change.",
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit with 1 when less is where people left it, or nothing is known of that.",
)
@click.pass_context
def backtest(
    ctx: click.Context, rules: Path | None, models: tuple[Path, ...], since: str | None,
    page: Path | None, max_change: float | None, min_accuracy: float | None,
) -> None:  # fmt: skip
    """Decide recorded messages again with other rules or models, and tell what would change.

    Both what is live and the candidate replay them with their conversations; nothing is published.
    """
    settings = running_settings(ctx, "the store")
    replay = importlib.import_module("router.replay")
    offline = importlib.import_module("cli.offline.decisions")
    trying = importlib.import_module("router.policy_settings").trying
    live = offline.with_models(settings)
    candidate = offline.with_models(trying(settings, str(rules or "")), models)
    begin = _since(since) if since else None
    with (
        importlib.import_module("workers.history").opened(settings, begin) as history,
        _bar() as tell,
    ):
        count = history.count()
        report = replay.replay(
            history.events(), live, candidate, since=begin, people=history.people(),
            recorded=history.recorded(), incidents=history.incidents(), zone=_ZONE,
            tell=lambda done: tell("replaying", done, count),
        )  # fmt: skip
    if not report.messages:
        raise Unavailable("nothing is recorded there: is [store] right, and --since not too late?")
    _summary(report)
    raw = msgspec.json.encode(report)
    if page is not None:
        page.write_text(importlib.import_module("workers.backtest_page").page(raw), "utf-8")
        _told(f"written to {page}")
    click.echo(raw.decode())
    failures = []
    if max_change is not None and 100 * report.changed_share > max_change:
        failures.append(f"{100 * report.changed_share:.1f} % would change, at most {max_change:g}")
    if min_accuracy is not None and (
        report.judged is None or 100 * report.judged.after < min_accuracy
    ):
        known = (
            f"{100 * report.judged.after:.1f} % right" if report.judged else "nothing to judge by"
        )
        failures.append(f"{known}, at least {min_accuracy:g}")
    for failure in failures:
        _told(f"too much: {failure}")
    if failures:
        ctx.exit(1)


def _summary(report: Any) -> None:
    _told(
        f"{report.messages} messages: {report.changed} would change "
        f"({100 * report.changed_share:.1f} %), {report.department_changed} to another department"
    )
    _told(
        f"triage {report.triage_before} -> {report.triage_after}, priority raised {report.raised}, "
        f"lowered {report.lowered}"
    )
    for move in report.moves[:10]:
        _told(f"  {move.before} -> {move.after}: {move.count}")
    if report.judged:
        j = report.judged
        _told(
            f"right by people's corrections: {100 * j.before:.1f} -> {100 * j.after:.1f} % "
            f"({100 * j.after_low:.1f} to {100 * j.after_high:.1f}), {j.messages} messages"
        )
    before, after = report.microseconds_before, report.microseconds_after
    _told(f"{before:.0f} -> {after:.0f} microseconds a message")


def _since(told: str) -> datetime:
    """Return a time from a day, a time, or how long ago."""
    ago = re.fullmatch(r"(\d{1,5})([dhm])", told)
    if ago:
        unit = {"d": "days", "h": "hours", "m": "minutes"}[ago[2]]
        return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
    try:
        made = datetime.fromisoformat(told)
    except ValueError:
        raise ConfigError(
            [Problem(f"--since {told!r} is no time. Give 2026-11-01, 2026-11-01T12:00 or 7d.")]
        ) from None
    return made if made.tzinfo else made.replace(tzinfo=_ZONE)


def _figures(figures: Any) -> None:
    _told(
        f"accuracy {figures.accuracy * 100:.1f} % ({figures.low * 100:.1f} to "
        f"{figures.high * 100:.1f}), majority {figures.majority * 100:.1f} %, macro F1 "
        f"{figures.macro_f1 * 100:.1f} %, calibration error {figures.ece * 100:.1f} %"
    )


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Tell how far something long is: call it with what, done, and of how many."""
    with click.progressbar(length=1, file=sys.stderr) as shown:

        def tell(what: str, done: int, steps: int) -> None:
            shown.label, shown.length = what, max(1, steps)
            shown.update(done - shown.pos)

        yield tell


def register(main: click.Group) -> None:
    """Add every command of this file to the command line."""
    for command in (train, evaluate, backtest):
        main.add_command(command)
