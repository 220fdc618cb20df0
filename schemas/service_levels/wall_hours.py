"""Hours on the wall of a day, such as 09:00 to 12:30, as text and as minutes. Pure.

Hours belong to the day on which they begin. They may end on the next day, which is written as
`06:00` or as `30:00`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, TypeAlias

from msgspec import Meta

MINUTES_OF_DAY = 24 * 60

Start = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM")]
End = Annotated[
    str,
    Meta(
        pattern=r"^[0-4]\d:[0-5]\d$",
        description="HH:MM; above 24:00, or not after the start, it is on the next day.",
    ),
]
Hours: TypeAlias = tuple[Start, End]

WHOLE_DAY: Hours = ("00:00", "24:00")
_CLOCK = re.compile(r"([0-4]?\d):([0-5]\d)")
_HOURS = re.compile(r"\s*([0-4]?\d:[0-5]\d)\s*[-–]\s*([0-4]?\d:[0-5]\d)\s*")


def parse_hours(text: str) -> Hours:
    """Return the hours of a text such as `09:00-12:30`; raise ValueError for anything else."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} are not hours. Write them like '09:00-18:00'")
    hours = (match[1].zfill(5), match[2].zfill(5))
    hours_to_minutes(hours)
    return hours


def hours_to_minutes(hours: Hours) -> tuple[int, int]:
    """Return the start and the end in minutes since the day's midnight.

    The start is before 24:00, and the end is at most a day after the start. For other hours it
    raises ValueError, whose text says how to write them.
    """
    start, end = clock_minutes(hours[0]), clock_minutes(hours[1])
    text = "-".join(hours)
    if start >= MINUTES_OF_DAY:
        raise ValueError(f"{text!r} begin after midnight. Write them at the next day")
    if start == end:
        raise ValueError(f"{text!r} have no length. Write '00:00-24:00' for a whole day")
    if end < start:
        end += MINUTES_OF_DAY
    if end > start + MINUTES_OF_DAY:
        raise ValueError(f"{text!r} are longer than a day. Write the rest at the next day")
    return start, end


def minutes_to_hours(start: int, end: int) -> Hours:
    """Return hours as text; an end on the next day is written above 24:00."""
    return f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}"


@lru_cache(maxsize=1024)
def merged_minutes(hours: tuple[Hours, ...]) -> tuple[tuple[int, int], ...]:
    """Return the hours of one day in minutes, in order, with overlapping ones as one."""
    return tuple(merge_spans(map(hours_to_minutes, hours)))


def merge_spans(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans in order, with those that overlap or touch as one."""
    current: tuple[int, int] | None = None
    for start, end in sorted(spans):
        if current is None:
            current = start, end
        elif start <= current[1]:
            current = current[0], max(current[1], end)
        else:
            yield current
            current = start, end
    if current is not None:
        yield current


def close_at(hours: tuple[Hours, ...], closing: str) -> tuple[Hours, ...]:
    """Return the hours of a day that ends at `closing` (HH:MM), such as the eve of a holiday."""
    limit = clock_minutes(closing)
    return tuple(
        minutes_to_hours(start, min(end, limit))
        for start, end in merged_minutes(hours)
        if start < limit
    )


def clock_minutes(text: str) -> int:
    """Return the minutes since midnight of a time such as `13:00`."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day. Write it like '09:00'")
    return int(match[1]) * 60 + int(match[2])
