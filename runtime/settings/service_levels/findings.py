"""Service levels that are read without a mistake, but can't do what they promise. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from runtime.settings.service_levels.calendars import estimated_holidays
from runtime.settings.service_levels.tables import CalendarSettings
from schemas.errors import Problem
from schemas.service_levels.levels import ServiceLevel, shadowing_levels


def unreachable_levels(levels: Sequence[ServiceLevel]) -> Iterator[Problem]:
    """Yield a problem for each service level of `[sla]` whose messages all get an earlier one."""
    for index, level in enumerate(levels):
        earlier = shadowing_levels(levels, index)
        if earlier and not level.name.startswith("departments."):
            names = ", ".join(f"[sla.{other.name}]" for other in earlier)
            yield Problem(
                f"[sla.{level.name}]: no message can get it, because each one gets {names} before. "
                "Put it above, or delete it."
            )


def late_warnings(levels: Iterable[ServiceLevel]) -> Iterator[Problem]:
    """Yield a problem for each warning that comes before the promised time begins."""
    for level in levels:
        longest_s = max(level.targets_s, default=0)
        for warning in level.warn:
            if warning.left_s is not None and warning.left_s >= longest_s:
                yield Problem(
                    f"[sla.{level.name}] warn: {_minutes(warning.left_s)} are not left of any "
                    f"promise, of which the longest is {_minutes(longest_s)}. Write a shorter time."
                )


def estimate_notes(calendars: Mapping[str, CalendarSettings], today: date) -> Iterator[str]:
    """Yield a note for each calendar with holidays whose dates are not official yet."""
    for name, table in calendars.items():
        estimates = estimated_holidays(table, today)
        if estimates:
            first, title = next(iter(estimates.items()))
            yield (
                f"[calendars.{name}] holidays: {len(estimates)} dates are computed and not yet "
                f"official, from {first.isoformat()} ({title}) on. Write the official ones into "
                "`days` once they are known."
            )


def _minutes(seconds: int) -> str:
    return f"{seconds / 60:g} minutes"
