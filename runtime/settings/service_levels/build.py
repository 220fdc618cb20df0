"""All calendars and service levels of the settings, in the order in which a message tries them.

The tables `[sla.NAME]` come first, then the times of `[departments.NAME]`, which count every hour
of every day.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from runtime.settings.service_levels.calendars import always_open, build_calendar
from runtime.settings.service_levels.levels import build_level, department_level
from runtime.settings.service_levels.tables import CalendarSettings, ServiceLevelSettings
from schemas.errors import ConfigError, Problem
from schemas.routing.departments import Department
from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.levels import ServiceLevel

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


class ServiceLevelTables(Protocol):
    """The tables of the settings from which service levels are built."""

    @property
    def calendars(self) -> Mapping[str, CalendarSettings]:
        """The tables `[calendars.NAME]`."""

    @property
    def sla(self) -> Mapping[str, ServiceLevelSettings]:
        """The tables `[sla.NAME]`, in the order of the file."""

    @property
    def departments(self) -> Mapping[str, Department]:
        """The tables `[departments.NAME]`."""


@dataclass(frozen=True)
class ServiceLevels:
    """The calendars by name, and the service levels in their order; the first match rules."""

    calendars: Mapping[str, WorkCalendar]
    levels: tuple[ServiceLevel, ...]


def build_service_levels(tables: ServiceLevelTables, today: date) -> ServiceLevels:
    """Return the service levels; raise ConfigError with every mistake in the tables.

    Calendars have the dates of holidays of some years around `today`.
    """
    problems = list(_name_problems(tables))
    calendars: dict[str, WorkCalendar] = {}
    for name, calendar_table in tables.calendars.items():
        calendar, mistakes = build_calendar(name, calendar_table, today)
        problems += mistakes
        if calendar is not None:
            calendars[name] = calendar
    levels: list[ServiceLevel] = []
    for name, table in tables.sla.items():
        if table.calendar not in tables.calendars:
            problems.append(_calendar_problem(name, table.calendar, tables.calendars))
        elif table.calendar in calendars:
            level, mistakes = build_level(
                name, table, calendars[table.calendar], tables.departments
            )
            problems += mistakes
            levels += [level] if level is not None else []
    if problems:
        raise ConfigError(problems)
    always = always_open()
    for name, department in tables.departments.items():
        levels.append(department_level(name, department, always))
    return ServiceLevels({**calendars, always.name: always}, tuple(levels))


def service_level_problems(tables: ServiceLevelTables) -> list[Problem]:
    """Return every mistake in the tables of calendars and service levels."""
    if not tables.calendars and not tables.sla:
        return []
    try:
        # Any date will do: no mistake depends on the years for which holidays have dates.
        build_service_levels(tables, date(2026, 1, 1))
    except ConfigError as error:
        return list(error.problems)
    return []


def _name_problems(tables: ServiceLevelTables) -> Iterator[Problem]:
    for kind, names in (("calendars", tables.calendars), ("sla", tables.sla)):
        for name in names:
            if not _NAME.fullmatch(name):
                yield Problem(
                    f"[{kind}.{name}]: the name {name!r} is not allowed. Write letters, "
                    "digits, dashes and underscores, such as 'istanbul'."
                )


def _calendar_problem(
    level: str, calendar: str, calendars: Mapping[str, CalendarSettings]
) -> Problem:
    names = ", ".join(repr(name) for name in calendars)
    advice = f"Write one of {names}, or add" if names else "Add"
    return Problem(
        f"[sla.{level}] calendar: there is no calendar {calendar!r}. {advice} "
        f"[calendars.{calendar}]."
    )
