"""`python -m bench` can begin each of its measurements."""

from bench.__main__ import MEASUREMENTS


def test_each_measurement_can_begin() -> None:
    assert all(callable(run) for run in MEASUREMENTS.values())
