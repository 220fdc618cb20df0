"""Hours on the wall as text and as minutes."""

import pytest

from schemas.service_levels.wall_hours import (
    close_at,
    hours_to_minutes,
    merged_minutes,
    parse_hours,
)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("09:00-18:00", (540, 1080)),
        ("9:30 - 18:00", (570, 1080)),
        ("09:00–12:30", (540, 750)),
        ("22:00-06:00", (1320, 1800)),
        ("22:00-30:00", (1320, 1800)),
        ("00:00-24:00", (0, 1440)),
        ("18:00-42:00", (1080, 2520)),
    ],
)
def test_hours_are_minutes_since_midnight(text: str, minutes: tuple[int, int]) -> None:
    assert hours_to_minutes(parse_hours(text)) == minutes


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("nine to five", "'09:00-18:00'"),
        ("09:00", "'09:00-18:00'"),
        ("09:60-18:00", "'09:00-18:00'"),
        ("09:00-50:00", "'09:00-18:00'"),
        ("09:00-09:00", "'00:00-24:00'"),
        ("24:00-26:00", "at the next day"),
        ("09:00-34:00", "at the next day"),
    ],
)
def test_hours_that_are_not_a_part_of_a_day_are_wrong(text: str, remedy: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_hours(text)
    assert remedy in str(caught.value)


def test_overlapping_and_touching_hours_merge() -> None:
    hours = (("12:00", "18:00"), ("09:00", "12:00"), ("20:00", "21:00"), ("10:00", "11:00"))
    assert merged_minutes(hours) == ((540, 1080), (1200, 1260))


@pytest.mark.parametrize(
    ("hours", "rest"),
    [
        ((("09:00", "18:00"),), (("09:00", "13:00"),)),
        ((("09:00", "12:00"), ("13:00", "18:00")), (("09:00", "12:00"),)),
        ((("22:00", "06:00"),), ()),
        ((("08:00", "30:00"),), (("08:00", "13:00"),)),
        ((("09:00", "12:00"),), (("09:00", "12:00"),)),
    ],
)
def test_a_half_day_ends_at_its_closing(
    hours: tuple[tuple[str, str], ...], rest: tuple[tuple[str, str], ...]
) -> None:
    assert close_at(hours, "13:00") == rest
