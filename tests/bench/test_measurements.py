"""`python -m bench` can begin each of its measurements."""

from bench.__main__ import COMPARISONS, MEASUREMENTS


def test_each_measurement_can_begin() -> None:
    assert all(callable(run) for run in (*COMPARISONS.values(), *MEASUREMENTS.values()))


def test_a_name_is_a_comparison_or_a_measurement() -> None:
    assert not COMPARISONS.keys() & MEASUREMENTS.keys()
