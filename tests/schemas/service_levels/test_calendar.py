"""WorkCalendar: golden due times, its laws, and an independent count of minutes."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.service_levels.calendar import (
    ALWAYS,
    MAX_SPAN,
    WEEKDAYS,
    OpenInterval,
    WorkCalendar,
)
from schemas.service_levels.wall_hours import minutes_to_hours
from tests.support.work_hours import MinuteClock, calendar, every_day, office_week

_EVES_AND_HOLIDAYS = {
    "2026-03-19": "09:00-13:00",
    "2026-03-20": "",
    "2026-04-23": "",
    "2026-05-26": "09:00-13:00",
    "2026-05-27": "",
    "2026-05-28": "",
    "2026-05-29": "",
    "2026-05-30": "",
    "2026-10-28": "09:00-13:00",
    "2026-10-29": "",
}
OFFICE = calendar(office_week(), _EVES_AND_HOLIDAYS)
WITH_LUNCH = calendar(
    office_week("09:00-12:00 13:00-18:00"), _EVES_AND_HOLIDAYS | {"2026-10-28": "09:00-12:00"}
)
WITH_SATURDAY = calendar(office_week() | {"sat": "10:00-14:00"})
NIGHT = calendar(every_day("22:00-06:00"))
BERLIN_ALWAYS = calendar(every_day("00:00-24:00"), zone="Europe/Berlin")
BERLIN_NIGHT = calendar(every_day("01:00-04:00"), zone="Europe/Berlin")

GOLDEN = {
    "over night": (OFFICE, "2026-11-26T16:30", 4, "2026-11-27T11:30:00+03:00"),
    "weekend": (OFFICE, "2026-11-27T17:00", 4, "2026-11-30T12:00:00+03:00"),
    "lunch": (WITH_LUNCH, "2026-11-26T11:00", 4, "2026-11-26T16:00:00+03:00"),
    "eve of Ramazan": (OFFICE, "2026-03-19T11:00", 4, "2026-03-23T11:00:00+03:00"),
    "eve of Kurban": (OFFICE, "2026-05-26T09:00", 8, "2026-06-01T13:00:00+03:00"),
    "28 October": (OFFICE, "2026-10-28T12:00", 4, "2026-10-30T12:00:00+03:00"),
    "lunch on a half day": (WITH_LUNCH, "2026-10-28T11:00", 2, "2026-10-30T10:00:00+03:00"),
    "on a holiday": (OFFICE, "2026-04-23T10:00", 2, "2026-04-24T11:00:00+03:00"),
    "night": (NIGHT, "2026-11-26T23:00", 8, "2026-11-27T23:00:00+03:00"),
    "end of the night": (NIGHT, "2026-11-27T05:30", 2, "2026-11-27T23:30:00+03:00"),
    "at closing": (OFFICE, "2026-11-26T18:00", 1, "2026-11-27T10:00:00+03:00"),
    "at opening": (OFFICE, "2026-11-26T09:00", 9, "2026-11-26T18:00:00+03:00"),
    "Saturday": (WITH_SATURDAY, "2026-11-28T13:00", 2, "2026-11-30T10:00:00+03:00"),
    "24/7 in spring": (BERLIN_ALWAYS, "2026-03-28T12:00", 24, "2026-03-29T13:00:00+02:00"),
    "24/7 in autumn": (BERLIN_ALWAYS, "2026-10-24T12:00", 24, "2026-10-25T11:00:00+01:00"),
    "night in spring": (BERLIN_NIGHT, "2026-03-29T00:30", 3, "2026-03-30T02:00:00+02:00"),
    "night in autumn": (BERLIN_NIGHT, "2026-10-25T00:30", 3, "2026-10-25T03:00:00+01:00"),
}


def local(work: WorkCalendar, text: str) -> datetime:
    """Return the instant of a wall time in the calendar's zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(work.zone))


@pytest.mark.parametrize(("work", "start", "hours", "due"), GOLDEN.values(), ids=GOLDEN)
def test_golden_due_times(work: WorkCalendar, start: str, hours: int, due: str) -> None:
    result = work.add(local(work, start), timedelta(hours=hours))
    assert result is not None
    assert result.astimezone(ZoneInfo(work.zone)).isoformat() == due


@pytest.mark.parametrize(("work", "start", "hours", "due"), GOLDEN.values(), ids=GOLDEN)
def test_golden_due_times_by_counting_minutes(
    work: WorkCalendar, start: str, hours: int, due: str
) -> None:
    result = MinuteClock(work).add(local(work, start), hours * 60, limit=20_000)
    assert result == datetime.fromisoformat(due)


# Days around changes of the clock, of which Apia's skipped a whole day and Lord Howe's half an hour.
_ZONES_AND_DAYS = (
    ("Europe/Istanbul", "2026-11-26"),
    ("Europe/Istanbul", "2016-03-27"),
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2027-04-04"),
    ("Pacific/Apia", "2011-12-30"),
)
_MINUTES = st.integers(0, 24 * 60 - 1) | st.integers(0, 7).map(lambda n: n * 30)


@st.composite
def _hours(draw: st.DrawFn) -> tuple[str, str]:
    start = draw(_MINUTES)
    return minutes_to_hours(start, start + draw(st.integers(1, 24 * 60)))


_DAY_HOURS = st.lists(_hours(), max_size=3).map(tuple)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[WorkCalendar, datetime]:
    """Return a calendar, with an instant at a full minute near a change of its clock."""
    zone, text = draw(st.sampled_from(_ZONES_AND_DAYS))
    centre = date.fromisoformat(text)
    near = st.integers(-3, 3).map(lambda n: centre + timedelta(days=n))
    work = WorkCalendar(
        name="any",
        zone=zone,
        week={day: draw(_DAY_HOURS) for day in WEEKDAYS},
        days=draw(st.dictionaries(near, _DAY_HOURS, max_size=3)),
    )
    noon = datetime(centre.year, centre.month, centre.day, 12, tzinfo=UTC)
    return work, noon + timedelta(minutes=draw(st.integers(-3000, 1500)))


_SPANS = st.integers(0, 3000)
_DURATIONS = st.timedeltas(timedelta(0), timedelta(hours=60))


@pytest.mark.slow
@given(calendars(), _SPANS)
def test_working_time_agrees_with_a_count_of_minutes(
    case: tuple[WorkCalendar, datetime], minutes: int
) -> None:
    work, start = case
    end = start + timedelta(minutes=minutes)
    assert work.between(start, end) == MinuteClock(work).between(start, end)


@pytest.mark.slow
@given(calendars(), st.integers(1, 900))
def test_due_times_agree_with_a_count_of_minutes(
    case: tuple[WorkCalendar, datetime], minutes: int
) -> None:
    work, start = case
    due, limit = work.add(start, timedelta(minutes=minutes)), 6000
    expected = MinuteClock(work).add(start, minutes, limit)
    if expected is None:
        assert due is None or due - start >= timedelta(minutes=limit)
    else:
        assert due == expected


@given(calendars(), _DURATIONS)
def test_the_working_time_until_a_due_time_is_the_duration(
    case: tuple[WorkCalendar, datetime], duration: timedelta
) -> None:
    work, start = case
    due = work.add(start, duration)
    if due is None:
        assert work.between(start, start + MAX_SPAN) < duration
    else:
        assert work.between(start, due) == duration


@given(calendars(), st.timedeltas(timedelta(0), timedelta(days=2)), _DURATIONS)
@example((OFFICE, datetime(2026, 11, 27, 17, tzinfo=UTC)), timedelta(seconds=1), timedelta(hours=4))
def test_a_later_start_never_has_an_earlier_due_time(
    case: tuple[WorkCalendar, datetime], delay: timedelta, duration: timedelta
) -> None:
    work, start = case
    due, later_due = work.add(start, duration), work.add(start + delay, duration)
    if due is not None and later_due is not None:
        assert due <= later_due


@given(calendars(), _DURATIONS, _DURATIONS)
def test_two_durations_in_turn_are_their_sum(
    case: tuple[WorkCalendar, datetime], first: timedelta, second: timedelta
) -> None:
    work, start = case
    middle = work.add(start, first)
    due = work.add(start, first + second)
    if middle is not None and due is not None and second:
        assert work.add(middle, second) == due


@given(calendars(), _DURATIONS)
def test_a_second_moves_a_due_time_by_no_more_than_the_gap_to_the_next_opening(
    case: tuple[WorkCalendar, datetime], duration: timedelta
) -> None:
    work, start = case
    second = timedelta(seconds=1)
    due, moved = work.add(start, duration), work.add(start + second, duration)
    if due is None or moved is None:
        return
    openings = work.opens(due, due + timedelta(days=30))
    if openings:
        assert moved - due <= openings[0].start - due + second


@given(calendars(), _SPANS)
def test_open_intervals_are_apart_in_order_and_add_up(
    case: tuple[WorkCalendar, datetime], minutes: int
) -> None:
    work, start = case
    end = start + timedelta(minutes=minutes)
    opens = work.opens(start, end)
    assert all(before.end < after.start for before, after in pairwise(opens))
    assert all(start <= piece.start < piece.end <= end for piece in opens)
    assert sum((p.end - p.start for p in opens), timedelta(0)) == work.between(start, end)


@given(calendars(), st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_working_time_backwards_is_negative(
    case: tuple[WorkCalendar, datetime], span: timedelta
) -> None:
    work, start = case
    assert work.between(start, start + span) == -work.between(start + span, start)


def test_overlapping_hours_count_once() -> None:
    work = calendar(every_day("09:00-13:00 12:00-18:00 17:00-17:30"))
    day = local(work, "2026-11-26T00:00")
    assert work.between(day, day + timedelta(days=1)) == timedelta(hours=9)
    assert len(work.opens(day, day + timedelta(days=1))) == 1


def test_hours_past_midnight_overlap_those_of_the_next_day() -> None:
    work = calendar(every_day("20:00-30:00 05:00-07:00"))
    start = local(work, "2026-11-26T20:00")
    assert work.opens(start, start + timedelta(hours=20)) == (
        OpenInterval(start.astimezone(UTC), start.astimezone(UTC) + timedelta(hours=11)),
    )


@pytest.mark.parametrize("end", ["06:00", "30:00"])
def test_a_holiday_closes_what_begins_on_it(end: str) -> None:
    work = calendar(every_day(f"22:00-{end}"), {"2026-10-29": ""})
    evening = local(work, "2026-10-28T22:00")
    assert [str(p.start) for p in work.opens(evening, evening + timedelta(days=2))] == [
        "2026-10-28 19:00:00+00:00"
    ]
    assert work.between(evening, evening + timedelta(days=2)) == timedelta(hours=8)


def test_a_calendar_that_never_opens_has_no_due_time() -> None:
    work = calendar({})
    start = local(work, "2026-11-26T10:00")
    assert work.add(start, timedelta(seconds=1)) is None
    assert work.opens(start, start + timedelta(days=400)) == ()
    assert work.between(start, start + timedelta(days=400)) == timedelta(0)


def test_a_calendar_without_a_closed_minute_counts_real_time() -> None:
    work = WorkCalendar(name="24/7", zone="America/Havana", week=ALWAYS)
    start = local(work, "2026-02-01T03:17")
    for days in (1, 40, 300):
        assert work.add(start, timedelta(days=days)) == start.astimezone(UTC) + timedelta(days=days)
    end = start.astimezone(UTC) + timedelta(days=365)
    assert work.opens(start, end) == (OpenInterval(start.astimezone(UTC), end),)


def test_hours_that_begin_in_a_gap_begin_with_the_first_instant_after_it() -> None:
    work = calendar(every_day("02:30-04:00"), zone="Europe/Berlin")
    (piece,) = work.opens(local(work, "2026-03-29T00:00"), local(work, "2026-03-29T12:00"))
    assert str(piece.start) == "2026-03-29 01:00:00+00:00"
    assert piece.end - piece.start == timedelta(hours=1)


def test_hours_in_a_gap_do_not_exist() -> None:
    work = calendar(every_day("02:10-02:50"), zone="Europe/Berlin")
    day = local(work, "2026-03-29T00:00")
    assert work.opens(day, local(work, "2026-03-29T12:00")) == ()


def test_hours_that_come_twice_are_the_first_ones() -> None:
    work = calendar(every_day("02:10-02:50"), zone="Europe/Berlin")
    (piece,) = work.opens(local(work, "2026-10-25T00:00"), local(work, "2026-10-25T12:00"))
    assert piece == OpenInterval(
        datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 50, tzinfo=UTC)
    )


def test_the_repeated_hour_is_an_hour_of_work() -> None:
    zone = ZoneInfo("Europe/Berlin")
    work = WorkCalendar(name="24/7", zone="Europe/Berlin", week=ALWAYS)
    first = datetime(2026, 10, 25, 2, 30, tzinfo=zone)
    assert work.between(first, first.replace(fold=1)) == timedelta(hours=1)
    assert work.between(first.replace(fold=1), first) == timedelta(hours=-1)


def _days_read(work: WorkCalendar, span: timedelta) -> int:
    """Return how many dates the arithmetic looks at for a span."""

    class Counted(dict[date, tuple[tuple[str, str], ...]]):
        reads = 0

        def get(self, key: date, default: object = None) -> object:  # type: ignore[override]
            Counted.reads += 1
            return super().get(key, default)  # type: ignore[call-overload]

    counting = msgspec.structs.replace(work, days=Counted(work.days))
    start = local(work, "2026-11-26T10:00")
    counting.between(start, start + span)
    return Counted.reads


def test_the_cost_grows_linearly_with_the_span() -> None:
    for days in (10, 100, 1000):
        assert days <= _days_read(OFFICE, timedelta(days=days)) <= days + 3


def test_a_calendar_open_for_one_hour_a_year_ends_with_a_limit() -> None:
    new_year = {f"{year}-01-01": "10:00-11:00" for year in range(2026, 2200)}
    work = calendar({}, new_year)
    start = local(work, "2026-11-26T10:00")
    assert work.add(start, timedelta(hours=3)) == local(work, "2029-01-01T11:00")
    assert work.add(start, timedelta(hours=10_000)) is None


def test_a_span_over_the_limit_is_an_error() -> None:
    start = local(OFFICE, "2026-11-26T10:00")
    with pytest.raises(ValueError, match="over ten years"):
        OFFICE.between(start, start + MAX_SPAN + timedelta(seconds=1))


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        OFFICE.add(datetime(2026, 11, 26, 10), timedelta(hours=1))  # noqa: DTZ001


def test_a_negative_duration_is_an_error() -> None:
    with pytest.raises(ValueError, match="not negative"):
        OFFICE.add(local(OFFICE, "2026-11-26T10:00"), timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("week", "length"),
    [
        (office_week() | {"sat": "10:00-14:00"}, 9),
        (office_week("09:00-12:00 13:00-18:00"), 8),
        (office_week("09:00-12:00 11:00-18:00"), 9),
        ({"mon": "09:00-13:00", "tue": "09:00-17:00"}, 8),
        (every_day("22:00-06:00"), 8),
        (every_day("00:00-24:00"), 24),
    ],
)
def test_a_working_day_is_the_commonest_one_of_the_week(week: dict[str, str], length: int) -> None:
    assert calendar(week).working_day() == timedelta(hours=length)


def test_a_week_without_hours_has_no_working_day() -> None:
    assert calendar({}, {"2026-11-26": "09:00-18:00"}).working_day() is None


def test_a_calendar_travels_as_json() -> None:
    encoded = msgspec.json.encode(WITH_LUNCH)
    assert b'"mon":[["09:00","12:00"],["13:00","18:00"]]' in encoded
    assert b'"2026-10-29":[]' in encoded
    assert msgspec.json.decode(encoded, type=WorkCalendar) == WITH_LUNCH


@pytest.mark.parametrize(
    "hours", [["09:00", "09:00"], ["25:00", "26:00"], ["9", "18"], ["00:00", "48:00"]]
)
def test_a_calendar_with_impossible_hours_is_not_read(hours: list[str]) -> None:
    record = {"name": "x", "zone": "Europe/Istanbul", "week": {"mon": [hours]}}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(record), type=WorkCalendar)
