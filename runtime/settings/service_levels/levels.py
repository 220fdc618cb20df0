"""ServiceLevels from the tables `[sla.NAME]`, with their durations in seconds. Pure."""

import difflib
import re
from collections.abc import Collection
from typing import Literal

from runtime.settings.service_levels.table_reader import TableReader
from runtime.settings.service_levels.tables import ServiceLevelSettings
from schemas.errors import Problem
from schemas.routing.departments import Department
from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.durations import parse_duration
from schemas.service_levels.levels import AlarmAction, ServiceLevel, WarnTime

_PERCENT = re.compile(r"\s*(\d{1,3})\s*%\s*")
_ACTION = re.compile(r"(notify|points|escalate):([a-z0-9_]{1,63})(?:\?after=(\S+))?")
_ACTIONS: tuple[Literal["notify", "points", "escalate"], ...] = ("notify", "points", "escalate")
_MAX_POINTS = 100


def build_level(
    name: str,
    table: ServiceLevelSettings,
    calendar: WorkCalendar,
    departments: Collection[str],
) -> tuple[ServiceLevel | None, list[Problem]]:
    """Return the service level of a table and its mistakes; None where a mistake leaves none."""
    reader = TableReader(f"sla.{name}")
    for department in table.department:
        reader.read("department", _check_department, department, departments)
    level = ServiceLevel(
        name=name,
        brands=table.brand,
        departments=table.department,
        channels=table.channel,
        intents=table.intent,
        standings=table.standing,
        severity=table.severity,
        priority=table.priority,
        calendar=calendar.name,
        first_response_s=reader.read(
            "first_response", _parse_promise, table.first_response, calendar
        ),
        next_response_s=reader.read("next_response", _parse_promise, table.next_response, calendar),
        resolution_s=reader.read("resolution", _parse_promise, table.resolution, calendar),
        pickup_s=reader.read("pickup", _parse_promise, table.pickup, calendar),
        pause_on=table.pause_on,
        warn=reader.read("warn", _parse_warn_times, table.warn, calendar) or (),
        reopen_within_s=round(table.reopen_within.total_seconds()),
        late_answer=table.late_answer,
        incident=table.incident,
        on_warn=reader.read("on_warn", _parse_actions, table.on_warn, calendar, departments) or (),
        on_breach=reader.read("on_breach", _parse_actions, table.on_breach, calendar, departments)
        or (),
    )
    if not reader.problems and not level.targets_s:
        reader.add(
            "first_response", "the service level promises nothing. Give it a time, or delete it"
        )
    return (None if reader.problems else level), reader.problems


def department_level(name: str, department: Department, calendar: WorkCalendar) -> ServiceLevel:
    """Return the service level of a department's own times, for messages that no other matches."""
    return ServiceLevel(
        name=f"departments.{name}",
        departments=(name,),
        calendar=calendar.name,
        first_response_s=round(department.first_response.total_seconds()) or None,
        resolution_s=round(department.resolution.total_seconds()) or None,
    )


def _parse_promise(text: str, calendar: WorkCalendar) -> int | None:
    return _parse_seconds(text, calendar) if text.strip() else None


def _parse_seconds(text: str, calendar: WorkCalendar) -> int:
    return round(parse_duration(text, calendar).total_seconds())


def _parse_warn_times(texts: tuple[str, ...], calendar: WorkCalendar) -> tuple[WarnTime, ...]:
    return tuple(_parse_warn_time(text, calendar) for text in texts)


def _parse_warn_time(text: str, calendar: WorkCalendar) -> WarnTime:
    match = _PERCENT.fullmatch(text)
    if match is None:
        return WarnTime(left_s=_parse_seconds(text, calendar))
    percent = int(match[1])
    if not 1 <= percent <= 99:
        raise ValueError(f"{text!r} is not within the promised time. Write from '1%' to '99%'")
    return WarnTime(percent=percent)


def _parse_actions(
    texts: tuple[str, ...], calendar: WorkCalendar, departments: Collection[str]
) -> tuple[AlarmAction, ...]:
    return tuple(_parse_action(text, calendar, departments) for text in texts)


def _parse_action(text: str, calendar: WorkCalendar, departments: Collection[str]) -> AlarmAction:
    match = _ACTION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is not an action. Write 'notify:NAME', 'points:20' or 'escalate:DEPARTMENT'"
        )
    target, after = match[2], match[3]
    kind = next(word for word in _ACTIONS if word == match[1])
    if kind == "points" and not (target.isdigit() and 1 <= int(target) <= _MAX_POINTS):
        raise ValueError(f"{text!r} has no points from 1 to {_MAX_POINTS}. Write 'points:20'")
    if kind == "escalate":
        _check_department(target, departments)
    after_s = _parse_seconds(after, calendar) if after else 0
    return AlarmAction(kind=kind, target=target, after_s=after_s)


def _check_department(name: str, departments: Collection[str]) -> None:
    if name not in departments:
        near = difflib.get_close_matches(name, departments, n=1)
        advice = (
            f"Did you mean {near[0]!r}?" if near else f"Add [departments.{name}], or correct it"
        )
        raise ValueError(f"no department {name!r} in [departments]. {advice}")
