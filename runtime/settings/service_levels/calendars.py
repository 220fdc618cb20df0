"""WorkCalendars from the tables `[calendars.NAME]`, with the dates of holidays written out."""

import difflib
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from runtime.settings.service_levels.table_reader import TableReader
from runtime.settings.service_levels.tables import CalendarSettings, HoursText
from schemas.errors import Problem
from schemas.service_levels.calendar import ALWAYS, WEEKDAYS, Week, Weekday, WorkCalendar
from schemas.service_levels.versions import with_version
from schemas.service_levels.wall_hours import Hours, clock_minutes, close_at, parse_hours

ALWAYS_OPEN = "24/7"
"""The week that never closes, and the name of the calendar with it."""

_Days = dict[date, tuple[Hours, ...]]


def always_open() -> WorkCalendar:
    """Return the calendar of departments without a service level of their own."""
    return with_version(WorkCalendar(name=ALWAYS_OPEN, zone="UTC", week=ALWAYS))


def build_calendar(
    name: str, table: CalendarSettings, today: date
) -> tuple[WorkCalendar | None, list[Problem]]:
    """Return the calendar of a table and its mistakes; None where a mistake leaves none.

    Holidays have the dates of some years around `today`.
    """
    reader = TableReader(f"calendars.{name}")
    reader.read("zone", _check_zone, table.zone)
    week = _read_week(reader, table.week)
    days = _read_days(reader, table.days)
    reader.read("half_day_from", clock_minutes, table.half_day_from)
    for code in table.holidays:
        reader.read("holidays", _check_holidays, code)
    if not reader.problems:
        days = _holidays(table, week, today) | days
        reader.read("week", _check_opens, week, days)
    if reader.problems:
        return None, reader.problems
    calendar = WorkCalendar(name=name, zone=table.zone, week=week, days=days)
    return with_version(calendar), []


def estimated_holidays(table: CalendarSettings, today: date) -> dict[date, str]:
    """Return the holidays of a calendar whose dates are computed and not yet official."""
    if not table.holidays:
        return {}
    from runtime.settings.service_levels.holiday_dates import expanded_years, holiday_dates

    return holiday_dates(table.holidays, expanded_years(today)).estimates()


def _read_week(reader: TableReader, texts: dict[str, HoursText] | str) -> Week:
    if isinstance(texts, str):
        return ALWAYS
    week: Week = {}
    for name, hours in texts.items():
        weekday = reader.read("week", _parse_weekday, name)
        parsed = reader.read(f"week.{name}", _parse_hours_of_day, hours)
        if weekday is not None and parsed is not None:
            week[weekday] = parsed
    return week


def _read_days(reader: TableReader, texts: dict[str, HoursText]) -> _Days:
    days: _Days = {}
    for name, hours in texts.items():
        day = reader.read("days", _parse_date, name)
        parsed = reader.read(f"days.{name}", _parse_hours_of_day, hours)
        if day is not None and parsed is not None:
            days[day] = parsed
    return days


def _holidays(table: CalendarSettings, week: Week, today: date) -> _Days:
    """Return the dates that holidays close, and those on which half holidays close early."""
    if not table.holidays:
        return {}
    # The library takes a tenth of a second to load, which settings without holidays save.
    from runtime.settings.service_levels.holiday_dates import expanded_years, holiday_dates

    dates = holiday_dates(table.holidays, expanded_years(today))
    half: _Days = {
        day: close_at(week.get(WEEKDAYS[day.weekday()], ()), table.half_day_from)
        for day in dates.half
    }
    return half | dict.fromkeys(dates.closed, ())


def _parse_weekday(name: str) -> Weekday:
    weekday = next((day for day in WEEKDAYS if day == name), None)
    if weekday is None:
        raise ValueError(f"there is no weekday {name!r}. Write one of {', '.join(WEEKDAYS)}")
    return weekday


def _parse_hours_of_day(texts: HoursText) -> tuple[Hours, ...]:
    return tuple(map(parse_hours, (texts,) if isinstance(texts, str) else texts))


def _parse_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date. Write it like '2026-12-31'") from None


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1, cutoff=0.5)
        advice = f"Did you mean {near[0]!r}?" if near else "Write a name such as 'Europe/Istanbul'"
        raise ValueError(f"there is no time zone {name!r}. {advice}") from None


def _check_holidays(code: str) -> None:
    from runtime.settings.service_levels.holiday_dates import code_problem

    problem = code_problem(code)
    if problem is not None:
        raise ValueError(problem)


def _check_opens(week: Week, days: _Days) -> None:
    if not any(week.values()) and not any(days.values()):
        raise ValueError("the calendar never opens. Give at least one day its hours")
