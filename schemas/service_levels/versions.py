"""PolicyVersion, the calendars and service levels of a brand at a time, and their versions. Pure.

A version is derived from the contents, so that every process gives the same contents the same one.
Dates of holidays are written out: a clock that keeps its version keeps its due time.
"""

from collections.abc import Iterable, Mapping

import msgspec

from schemas.base import Id, Record, Time, derived_id
from schemas.service_levels.calendar import WEEKDAYS, WorkCalendar
from schemas.service_levels.levels import ServiceLevel


class PolicyVersion(Record, frozen=True, kw_only=True):
    """The calendars and service levels that rule a brand from `at` on.

    The first service level that matches a message rules it. `id` is derived from the brand, the
    calendars and the service levels, but not from `at`.
    """

    id: Id
    brand: str
    at: Time
    calendars: tuple[WorkCalendar, ...] = ()
    service_levels: tuple[ServiceLevel, ...] = ()


def policy_version(
    brand: str, since: Time, calendars: Mapping[str, WorkCalendar], levels: Iterable[ServiceLevel]
) -> PolicyVersion:
    """Return a brand's version from `since` on, with its service levels and their calendars."""
    own = tuple(level for level in levels if not level.brands or brand in level.brands)
    names = sorted({level.calendar for level in own})
    chosen = tuple(with_version(calendars[name]) for name in names)
    content = msgspec.json.encode((chosen, own)).decode()
    return PolicyVersion(
        id=derived_id("policy_version", brand, content),
        brand=brand,
        at=since,
        calendars=chosen,
        service_levels=own,
    )


def with_version(calendar: WorkCalendar) -> WorkCalendar:
    """Return the calendar in its own order of days, with the version of its contents."""
    ordered = msgspec.structs.replace(
        calendar,
        week={day: calendar.week[day] for day in WEEKDAYS if day in calendar.week},
        days=dict(sorted(calendar.days.items())),
        version="",
    )
    content = msgspec.json.encode(ordered).decode()
    return msgspec.structs.replace(ordered, version=derived_id("calendar", content))
