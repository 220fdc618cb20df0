"""Calendars for tests, and working time by stepping through every minute.

`MinuteClock` knows nothing of WorkCalendar's arithmetic. It lets the wall clock run minute by
minute, and looks at the latest time that the wall has shown so far: hours begin when the wall first
shows or passes their start, and end when it first shows or passes their end.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.service_levels.calendar import WEEKDAYS, WorkCalendar
from schemas.service_levels.wall_hours import parse_hours

MINUTE = timedelta(minutes=1)
OFFICE_DAYS = WEEKDAYS[:5]


def calendar(
    week: Mapping[str, str], days: Mapping[str, str] | None = None, zone: str = "Europe/Istanbul"
) -> WorkCalendar:
    """Return a calendar; hours are texts such as `09:00-12:00 13:00-18:00`, empty if closed."""
    return WorkCalendar(
        name="test",
        zone=zone,
        week={day: tuple(map(parse_hours, week[day].split())) for day in WEEKDAYS if day in week},
        days={
            date.fromisoformat(day): tuple(map(parse_hours, hours.split()))
            for day, hours in (days or {}).items()
        },
    )


def every_day(hours: str) -> dict[str, str]:
    """Return a week with the same hours on each day."""
    return dict.fromkeys(WEEKDAYS, hours)


def office_week(hours: str = "09:00-18:00") -> dict[str, str]:
    """Return a week with the same hours from Monday to Friday."""
    return dict.fromkeys(OFFICE_DAYS, hours)


class MinuteClock:
    """Working time of a calendar whose hours begin and end at full minutes."""

    def __init__(self, work: WorkCalendar) -> None:
        self._work = work
        self._zone = ZoneInfo(work.zone)

    def open_minutes(self, start: datetime) -> Iterator[tuple[datetime, bool]]:
        """Yield every minute from `start` on, and whether people work in it."""
        instant = start.astimezone(UTC) - timedelta(days=2)
        latest = instant.astimezone(self._zone).replace(tzinfo=None)
        while True:
            latest = max(latest, instant.astimezone(self._zone).replace(tzinfo=None))
            if instant >= start:
                yield instant, self._is_open(latest)
            instant += MINUTE

    def add(self, start: datetime, minutes: int, limit: int) -> datetime | None:
        """Return when people have worked for so many minutes; None after `limit` minutes."""
        worked = 0
        for count, (instant, is_open) in enumerate(self.open_minutes(start)):
            if worked == minutes:
                return instant
            if count >= limit:
                return None
            worked += is_open
        return None

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time between two instants at full minutes."""
        worked = 0
        for instant, is_open in self.open_minutes(start):
            if instant >= end:
                break
            worked += is_open
        return worked * MINUTE

    def _is_open(self, wall: datetime) -> bool:
        return any(self._covers(wall.date() - timedelta(days=back), wall) for back in (0, 1))

    def _covers(self, day: date, wall: datetime) -> bool:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 a wall
        hours = self._work.days.get(day, self._work.week.get(WEEKDAYS[day.weekday()], ()))
        for start, end in hours:
            begins, ends = (midnight + _since_midnight(text) for text in (start, end))
            if ends <= begins:
                ends += timedelta(days=1)
            if begins <= wall < ends:
                return True
        return False


def _since_midnight(text: str) -> timedelta:
    hour, _, minute = text.partition(":")
    return timedelta(hours=int(hour), minutes=int(minute))
