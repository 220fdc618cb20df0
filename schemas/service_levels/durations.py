"""Durations of working time, such as `4h`, `95m` and `2wd`, as text. Pure.

`wd` is a working day of a calendar, so that its length in hours depends on the calendar. `2d` could
mean 48 hours or two working days, and is refused.
"""

import re
from datetime import timedelta

from schemas.service_levels.calendar import WorkCalendar

MAX_SECONDS = 10 * 366 * 86_400
"""Ten years. No promise is longer, and no sum of such durations overflows."""

_DURATION = re.compile(r"\s*(\d{1,12}(?:\.\d{1,3})?)\s*(s|m|h|wd|d)\s*")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_duration(text: str, calendar: WorkCalendar) -> timedelta:
    """Return a duration in whole seconds of working time.

    For another text it raises ValueError, which says how to write it.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration. Write it like '95m', '4h' or '2wd'")
    number, unit = float(match[1]), match[2]
    if unit == "d":
        raise ValueError(_hint_for_days(number, calendar))
    seconds = round(number * (_working_day_s(text, calendar) if unit == "wd" else _SECONDS[unit]))
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"{text!r} is not between a second and ten years. Write another time")
    return timedelta(seconds=seconds)


def _working_day_s(text: str, calendar: WorkCalendar) -> float:
    day = calendar.working_day()
    if day is None:
        raise ValueError(
            f"{text!r} counts working days, but the week of calendar {calendar.name!r} has no "
            "hours. Write hours, such as '16h'"
        )
    return day.total_seconds()


def _hint_for_days(number: float, calendar: WorkCalendar) -> str:
    """Return why `d` is refused, with both meanings in the calendar's own hours."""
    day = calendar.working_day()
    hours = number * day.total_seconds() / 3600 if day else number * 8
    return (
        f"'{number:g}d' may mean {number * 24:g} hours or {number:g} working days. Write "
        f"'{hours:g}h' or '{number:g}wd'"
    )
