"""The commands `santral sla due` and `santral sla replay` compute when promises end.

Both need no broker: one takes a time and a duration, the other records in a file.
"""

from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo

import click

from cli.context import (
    config_option,
    language_option,
    load_settings,
    print_note,
    print_record,
)
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem
from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.durations import parse_duration

if TYPE_CHECKING:
    from workers.console.texts import Texts

_FIRST_YEAR, _LAST_YEAR = 1971, 2200
"""Times outside are mistakes, and a sum beyond Python's last year would overflow."""


@click.group()
def sla() -> None:
    """Compute service levels: when promises end, by the hours in which people work."""


@sla.command()
@config_option
@click.option("--calendar", "name", required=True, metavar="NAME", help="One of [calendars.NAME].")
@click.option(
    "--from",
    "start_text",
    required=True,
    metavar="TIME",
    help="The start, such as 2026-10-28T12:00+03:00; without an offset, in the calendar's zone.",
)
@click.option(
    "--for",
    "duration_text",
    required=True,
    metavar="DURATION",
    help="The working time, such as 4h, 95m or 2wd (working days).",
)
@language_option
@click.pass_context
def due(ctx: click.Context, name: str, start_text: str, duration_text: str, language: str) -> None:
    """Print the time by which people have worked for a duration, with its offset.

    Holidays have the dates of the years around --from. Exit code 1 when the time is in a year whose
    holidays are not among them.
    """
    settings = load_settings(ctx)
    start = _parse_time("--from", start_text)
    calendar = _calendar(settings, name, start)
    zone = ZoneInfo(calendar.zone)
    if start.tzinfo is None:
        start = start.replace(tzinfo=zone)
    try:
        duration = parse_duration(duration_text, calendar)
    except ValueError as error:
        raise ConfigError([Problem(f"--for {error}.")]) from error
    end = calendar.add(start, duration)
    if end is None:
        raise ConfigError(
            [Problem(_texts(language).never_due.format(calendar=name, duration=duration_text))]
        )
    click.echo(end.astimezone(zone).isoformat())
    if end.year > _last_holiday_year(settings, name, start):
        print_note(_texts(language).holidays_unknown.format(calendar=name, year=end.year))
        ctx.exit(1)


@sla.command()
@click.argument("file", type=click.File("rb"))
@config_option
@click.option(
    "--now",
    "now_text",
    required=True,
    metavar="TIME",
    help="The time until which the records are complete, such as 2026-11-28T09:00+03:00.",
)
@click.pass_context
def replay(ctx: click.Context, file: BinaryIO, now_text: str) -> None:
    """Fold the records of a FILE, and print a line for each step of a clock. No broker.

    A line of FILE is `{"topic", "at", "value"}` with a record of decisions.v1 or outcomes.v1, in
    any order. The steps come in the order of their times.
    """
    settings = load_settings(ctx)
    from cli.service_levels.replay import replay_clocks
    from runtime.settings.service_levels.build import build_service_levels

    now = _parse_time("--now", now_text)
    if now.tzinfo is None:
        raise ConfigError([Problem(f"--now {now_text!r} has no offset. Add one, such as +03:00.")])
    service_levels = build_service_levels(settings, now.date())
    for step in replay_clocks(file, service_levels, now):
        print_record(step)


def _texts(language: str) -> "Texts":
    """Return the sentences of a language, which take longer to load than the answer."""
    from cli.offline.sentences import command_texts

    return command_texts(language)


def _parse_time(option: str, text: str) -> datetime:
    """Return the time of an option; one without an offset stays without a zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            [Problem(f"{option} {text!r} is not a time. Give it like 2026-10-28T12:00+03:00.")]
        ) from None
    if not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ConfigError(
            [Problem(f"{option} {text!r} is not between {_FIRST_YEAR} and {_LAST_YEAR}.")]
        )
    return time


def _calendar(settings: Settings, name: str, start: datetime) -> WorkCalendar:
    """Return a calendar with the holidays of the years around a time."""
    from runtime.settings.service_levels.build import build_service_levels

    calendars = build_service_levels(settings, start.date()).calendars
    if name not in calendars:
        names = ", ".join(map(repr, calendars))
        raise ConfigError(
            [Problem(f"--calendar: there is no [calendars.{name}]. The settings have {names}.")]
        )
    return calendars[name]


def _last_holiday_year(settings: Settings, name: str, start: datetime) -> int:
    """Return the last year in which a calendar knows the holidays that it names."""
    table = settings.calendars.get(name)
    if table is None or not table.holidays:
        return _LAST_YEAR
    from runtime.settings.service_levels.holiday_dates import expanded_years

    return expanded_years(start.date())[-1]


COMMANDS = (sla,)
