"""The baseline counts each hour once and forgets old weeks."""

import pytest

from router.incidents.baseline import HOURS_A_WEEK, MAX_WEEKS, Baseline


def test_an_hour_that_is_counted_again_replaces_the_first_count() -> None:
    baseline = Baseline()
    baseline.add(1000, 10, {"a": 4})
    baseline.add(1000, 12, {"a": 6})
    assert baseline.messages == 12
    assert baseline.share("a") == pytest.approx(6.5 / 262)


def test_old_weeks_are_forgotten() -> None:
    baseline = Baseline()
    baseline.add(1000, 12, {"a": 6})
    baseline.add(1000 + (MAX_WEEKS + 1) * HOURS_A_WEEK, 5, {"b": 1})
    assert baseline.messages == 5
    assert baseline.share("a") == pytest.approx(0.5 / 255)


def test_a_term_has_the_busiest_count_of_its_time_of_the_week() -> None:
    baseline = Baseline()
    baseline.add(990, 30, {})
    baseline.add(1001, 30, {"bulte": 14})
    assert baseline.weekly_count("bulte", 1000 + HOURS_A_WEEK) == 14
    assert baseline.weekly_count("bulte", 1003 + HOURS_A_WEEK) == 0
