"""WorkCalendar, the working hours of a team, and the arithmetic of working time. Pure.

Wall times become instants by the zone's rules. A wall time that the clock skips is the first
instant after the gap, and one that comes twice is the first of the two. Durations are real seconds,
so that a night in which the clock goes back has an hour more.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias, get_args
from zoneinfo import ZoneInfo

import msgspec

from schemas.base import Record
from schemas.service_levels.wall_hours import WHOLE_DAY, Hours, merged_minutes

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Week: TypeAlias = dict[Weekday, tuple[Hours, ...]]

ALWAYS: Week = dict.fromkeys(WEEKDAYS, (WHOLE_DAY,))
"""A week without a closed minute."""

MAX_SPAN = timedelta(days=3660)
"""Ten years: the arithmetic looks at no day beyond. A promise takes days, so that a longer span is
a mistake or an attack, and would only cost time."""

_ONE_DAY = timedelta(days=1)
_ONE_SECOND = timedelta(seconds=1)


class OpenInterval(NamedTuple):
    """A time in which people work, from `start` until just before `end`, both in UTC."""

    start: datetime
    end: datetime


class WorkCalendar(Record, frozen=True, kw_only=True):
    """The hours in which a team works.

    `zone` is an IANA name. `days` replaces the hours of the week on single dates; without hours
    that date is closed. Hours belong to the day on which they begin, also past midnight, so that a
    closed date ends nothing that began the evening before. `version` is derived from the rest.
    """

    name: str
    zone: str
    week: Week
    days: dict[date, tuple[Hours, ...]] = msgspec.field(default_factory=dict)
    version: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for hours that are not a part of a day."""
        for hours in (*self.week.values(), *self.days.values()):
            merged_minutes(hours)

    def opens(self, start: datetime, end: datetime) -> tuple[OpenInterval, ...]:
        """Return the working time between two instants, in order and without overlaps."""
        merged: list[OpenInterval] = []
        for piece in self._pieces(_to_utc(start), _to_utc(end)):
            if merged and merged[-1].end == piece.start:
                piece = OpenInterval(merged.pop().start, piece.end)
            merged.append(piece)
        return tuple(merged)

    def add(self, instant: datetime, duration: timedelta) -> datetime | None:
        """Return the first instant in UTC by which people have worked for `duration`.

        It returns None if the calendar is not open for so long within MAX_SPAN, as for one that
        never opens.
        """
        if duration < timedelta(0):
            raise ValueError("a duration of working time is not negative")
        instant = _to_utc(instant)
        if not duration:
            return instant
        left = duration
        for start, end in self._pieces(instant, instant + MAX_SPAN):
            if end - start >= left:
                return start + left
            left -= end - start
        return None

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time between two instants, negative if `end` is before `start`.

        It raises ValueError if they are further apart than MAX_SPAN.
        """
        start, end = _to_utc(start), _to_utc(end)
        if end < start:
            return -self.between(end, start)
        return sum((piece.end - piece.start for piece in self._pieces(start, end)), timedelta(0))

    def working_day(self) -> timedelta | None:
        """Return the length of a working day: the commonest of the week, the longer one of two.

        It returns None if the week has no working day.
        """
        lengths = [
            sum(end - start for start, end in merged_minutes(self.week.get(day, ())))
            for day in WEEKDAYS
        ]
        open_days = [length for length in lengths if length]
        if not open_days:
            return None
        return timedelta(minutes=max(open_days, key=lambda n: (open_days.count(n), n)))

    def hours_of(self, day: date) -> tuple[Hours, ...]:
        """Return the hours that begin on a date."""
        hours = self.days.get(day)
        return self.week.get(WEEKDAYS[day.weekday()], ()) if hours is None else hours

    def _pieces(self, start: datetime, end: datetime) -> Iterator[OpenInterval]:
        """Yield the working time between two instants in UTC; pieces touch, but never overlap.

        The hours of a day begin after those of the day before, and wall times become instants in
        their order, so that it is enough to remember how far the pieces reach.
        """
        if end - start > MAX_SPAN:
            raise ValueError(f"from {start.isoformat()} to {end.isoformat()} is over ten years")
        zone = ZoneInfo(self.zone)
        reached = start
        day = start.astimezone(zone).date() - _ONE_DAY
        last = end.astimezone(zone).date() + _ONE_DAY
        while day <= last and reached < end:
            for opening, closing in merged_minutes(self.hours_of(day)):
                piece_start = max(reached, _to_instant(day, opening, zone))
                piece_end = min(end, _to_instant(day, closing, zone))
                if piece_start < piece_end:
                    yield OpenInterval(piece_start, piece_end)
                    reached = piece_end
            day += _ONE_DAY


def _to_utc(instant: datetime) -> datetime:
    """Return an instant in UTC, where times compare and subtract as instants do.

    Python compares two times of one zone by their walls, which is wrong in the repeated hour.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} needs a zone to be an instant")
    return instant.astimezone(UTC)


def _to_instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return the instant, in UTC, at which the wall shows so many minutes after midnight."""
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 a wall
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _end_of_gap(wall, zone)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant after the gap of a wall time that the clock skips.

    The offset before the gap gives an instant after it, and the offset after it one before it
    (PEP 495). The change is between the two.
    """
    after = wall.replace(tzinfo=zone).astimezone(UTC)
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset = after.astimezone(zone).utcoffset()
    while after - before > _ONE_SECOND:
        middle = before + (after - before) // _ONE_SECOND // 2 * _ONE_SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
