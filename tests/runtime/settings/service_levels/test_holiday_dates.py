"""The dates of public holidays, on their official days."""

from datetime import date

import pytest

from runtime.settings.service_levels.holiday_dates import (
    code_problem,
    expanded_years,
    holiday_dates,
)


def test_turkish_holidays_of_2026_are_the_official_ones() -> None:
    dates = holiday_dates(["TR"], [2026])
    official = "01-01 03-20 03-21 03-22 04-23 05-01 05-19 05-27 05-28 05-29 05-30 07-15 08-30 10-29"
    assert sorted(dates.closed) == [date.fromisoformat(f"2026-{day}") for day in official.split()]
    assert sorted(dates.half) == [date(2026, 3, 19), date(2026, 5, 26), date(2026, 10, 28)]
    assert dates.closed[date(2026, 3, 20)] == "Ramazan Bayramı"


def test_a_holiday_that_is_also_an_eve_is_a_whole_one() -> None:
    dates = holiday_dates(["TR"], [2029])
    assert date(2029, 4, 23) in dates.closed
    assert date(2029, 4, 23) not in dates.half


def test_a_country_without_half_holidays_has_none() -> None:
    assert holiday_dates(["DE"], [2026]).half == {}


def test_a_part_of_a_country_has_more_holidays_than_the_country() -> None:
    assert date(2026, 1, 6) in holiday_dates(["DE-BY"], [2026]).closed
    assert date(2026, 1, 6) not in holiday_dates(["DE"], [2026]).closed


def test_computed_dates_are_estimates() -> None:
    assert holiday_dates(["TR"], [2026, 2029]).estimates() == {}
    estimates = holiday_dates(["TR"], [2035]).estimates()
    assert next(iter(estimates)) == date(2035, 2, 17)


def test_a_calendar_has_six_years_of_holidays() -> None:
    assert list(expanded_years(date(2026, 11, 28))) == [2024, 2025, 2026, 2027, 2028, 2029]


@pytest.mark.parametrize("code", ["TR", "DE", "DE-BY", "US-CA"])
def test_a_known_code_is_right(code: str) -> None:
    assert code_problem(code) is None


@pytest.mark.parametrize(
    ("code", "remedy"), [("tr", "'TR'"), ("", "'TR'"), ("DE-BAY", "'DE-BY'"), ("TR-34", "'TR'")]
)
def test_an_unknown_code_has_a_remedy(code: str, remedy: str) -> None:
    assert remedy in (code_problem(code) or "")
