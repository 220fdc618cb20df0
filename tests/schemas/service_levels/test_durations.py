"""Durations of working time as text."""

from datetime import timedelta

import pytest

from schemas.service_levels.durations import parse_duration
from tests.support.work_hours import calendar, every_day, office_week

OFFICE = calendar(office_week("09:00-12:30 13:30-18:00") | {"sat": "10:00-14:00"})


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("4h", 4),
        ("90m", 1.5),
        ("1.5h", 1.5),
        ("1800s", 0.5),
        ("1wd", 8),
        (" 2wd ", 16),
        ("0.5wd", 4),
    ],
)
def test_a_duration_has_hours_of_work(text: str, hours: float) -> None:
    assert parse_duration(text, OFFICE) == timedelta(hours=hours)


def test_a_working_day_of_a_calendar_without_a_closed_minute_has_24_hours() -> None:
    assert parse_duration("2wd", calendar(every_day("00:00-24:00"))) == timedelta(hours=48)


def test_days_are_refused_with_both_of_their_meanings() -> None:
    with pytest.raises(ValueError, match="48 hours or 2 working days. Write '16h' or '2wd'"):
        parse_duration("2d", OFFICE)


@pytest.mark.parametrize(
    "text", ["", "4", "h", "-4h", "4 hours", "4h30m", "0h", "1e9h", "9" * 13 + "h"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        parse_duration(text, OFFICE)


def test_a_duration_of_more_than_ten_years_is_refused() -> None:
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("999999999999h", OFFICE)


def test_working_days_need_a_week_with_hours() -> None:
    with pytest.raises(ValueError, match="no hours. Write hours"):
        parse_duration("2wd", calendar({}, {"2026-11-26": "09:00-18:00"}))
