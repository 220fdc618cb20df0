"""The command `santral backtest` reports what other rules or models would change.

It reads the messages, outcomes and incidents of the store, and publishes nothing. The report is one
JSON object on standard output, sentences on standard error, and an HTML page.
"""

import re
from collections.abc import Mapping
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
from schemas.routing.departments import Department

if TYPE_CHECKING:
    from router.backtest.report import BacktestReport

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
    report = _replay(settings, rules, models, since)
    if not report.messages:
        raise Unavailable("nothing is recorded there: is [store] right, and --since not too late?")
    _print_summary(report)
    encoded = msgspec.json.encode(report)
    if page is not None:
        _write_page(page, encoded, language, settings.departments)
        print_note(f"written to {page}")
    click.echo(encoded.decode())
    failures = _failures(report, limits)
    for failure in failures:
        print_note(f"too much: {failure}")
    if failures:
        ctx.exit(1)


def _replay(
    settings: Settings, rules: Path | None, models: tuple[Path, ...], since: str | None
) -> "BacktestReport":
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
            update=lambda done: update("replaying", done, count),
        )


def _write_page(
    path: Path, report: bytes, language: str, departments: Mapping[str, Department]
) -> None:
    from workers.console.backtest_page import page
    from workers.console.texts import Texts, department_titles

    titles = department_titles(departments, language)
    path.write_text(page(report, Texts(language), titles, _ZONE), "utf-8")


def _print_summary(report: "BacktestReport") -> None:
    print_note(
        f"{report.messages} messages: {report.changed} would change "
        f"({100 * report.changed_share:.1f} %), {report.department_changed} to another department"
    )
    print_note(
        f"triage {report.triage_before} -> {report.triage_after}, priority raised {report.raised}, "
        f"lowered {report.lowered}"
    )
    for move in report.moves[:10]:
        print_note(f"  {move.before} -> {move.after}: {move.count}")
    judged = report.judged
    if judged:
        print_note(
            f"right by people's corrections: {100 * judged.before:.1f} -> "
            f"{100 * judged.after:.1f} % ({100 * judged.after_low:.1f} to "
            f"{100 * judged.after_high:.1f}), {judged.messages} messages"
        )
    before, after = report.microseconds_before, report.microseconds_after
    print_note(f"{before:.0f} -> {after:.0f} microseconds a message")


def _failures(report: "BacktestReport", limits: Limits) -> list[str]:
    """Return a sentence for each limit that the report breaks."""
    max_change, min_accuracy = limits["max_change"], limits["min_accuracy"]
    failures = []
    if max_change is not None and 100 * report.changed_share > max_change:
        failures.append(f"{100 * report.changed_share:.1f} % would change, at most {max_change:g}")
    if min_accuracy is not None and (
        report.judged is None or 100 * report.judged.after < min_accuracy
    ):
        accuracy = (
            f"{100 * report.judged.after:.1f} % right" if report.judged else "nothing to judge by"
        )
        failures.append(f"{accuracy}, at least {min_accuracy:g}")
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
