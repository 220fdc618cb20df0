"""The command `santral backtest` reports what other rules or models would change.

It reads the messages, outcomes and incidents of the store, and publishes nothing. The report is one
JSON object on standard output, sentences on standard error, and an HTML page.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click
import msgspec

from cli.context import (
    language_option,
    load_running_settings,
    models_option,
    print_note,
    progress_bar,
    rules_option,
)
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem, Unavailable

if TYPE_CHECKING:
    from cli.offline.descriptions import Wording
    from router.backtest.report import BacktestReport
    from workers.console.texts import Texts

_ZONE = timezone(timedelta(hours=3), "Europe/Istanbul")
"""Turkey keeps one time all year since 2016."""


class Limits(TypedDict):
    """The limits in percent that a report must keep; None limits nothing."""

    max_change: float | None
    min_accuracy: float | None


@click.command()
@rules_option("A folder of *.toml rules to try; without it those of the settings.")
@models_option("A model to try, once a task; without it those of the settings.")
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
@language_option
@click.pass_context
def backtest(
    ctx: click.Context,
    rules: Path | None,
    models: tuple[Path, ...],
    since: str | None,
    page: Path | None,
    language: str,
    **limits: Unpack[Limits],
) -> None:
    """Decide recorded messages again with other rules or models, and tell what would change.

    Both what is live and the candidate replay them with their conversations; nothing is published.
    """
    settings = load_running_settings(ctx, "the store")
    from cli.offline.descriptions import describe_backtest, wording_of

    wording = wording_of(language, settings.departments)
    report = _replay(settings, rules, models, since, wording.texts.replaying)
    if not report.messages:
        raise Unavailable("nothing is recorded there: is [store] right, and --since not too late?")
    for line in describe_backtest(report, wording):
        print_note(line)
    encoded = msgspec.json.encode(report)
    if page is not None:
        _write_page(page, encoded, wording)
        print_note(wording.texts.report_written.format(file=page))
    click.echo(encoded.decode())
    failures = _failures(report, limits, wording.texts)
    for failure in failures:
        print_note(failure)
    if failures:
        ctx.exit(1)


def _replay(
    settings: Settings, rules: Path | None, models: tuple[Path, ...], since: str | None, label: str
) -> "BacktestReport":
    """Return the report, with a progress bar under this label meanwhile."""
    from cli.offline.decisions import load_trial_policy
    from router.backtest.replay import RecordedFacts, replay
    from router.policy_settings import with_overrides
    from workers.store import recorded_traffic

    live = load_trial_policy(settings)
    candidate = load_trial_policy(with_overrides(settings, str(rules or "")), models)
    begin = _parse_since(since) if since else None
    with recorded_traffic.open_traffic(settings, begin) as records, progress_bar() as update:
        count = records.count()
        facts = RecordedFacts(
            people=records.chosen_departments(),
            recorded=records.first_departments(),
            incidents=records.incidents(),
        )
        return replay(
            records.events(),
            live,
            candidate,
            facts,
            since=begin,
            zone=_ZONE,
            update=lambda done: update(label, done, count),
        )


def _write_page(path: Path, report: bytes, wording: "Wording") -> None:
    from workers.console.backtest_page import page

    path.write_text(page(report, wording.texts, wording.departments, _ZONE), "utf-8")


def _failures(report: "BacktestReport", limits: Limits, texts: "Texts") -> list[str]:
    """Return a sentence for each limit that the report breaks."""
    max_change, min_accuracy = limits["max_change"], limits["min_accuracy"]
    failures = []
    if max_change is not None and 100 * report.changed_share > max_change:
        share, limit = texts.percent(report.changed_share, 1), texts.percent(max_change / 100, 1)
        failures.append(texts.above_limit.format(share=share, limit=limit))
    if min_accuracy is not None:
        limit = texts.percent(min_accuracy / 100, 1)
        if report.judged is None:
            failures.append(texts.limit_unknown.format(limit=limit))
        elif 100 * report.judged.after < min_accuracy:
            share = texts.percent(report.judged.after, 1)
            failures.append(texts.below_limit.format(share=share, limit=limit))
    return failures


def _parse_since(text: str) -> datetime:
    """Return a time from a day, a time, or how long ago."""
    ago = re.fullmatch(r"(\d{1,5})([dhm])", text)
    if ago:
        unit = {"d": "days", "h": "hours", "m": "minutes"}[ago[2]]
        return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            [Problem(f"--since {text!r} is not a time. Give 2026-11-01, 2026-11-01T12:00 or 7d.")]
        ) from None
    return since if since.tzinfo else since.replace(tzinfo=_ZONE)


COMMANDS = (backtest,)
