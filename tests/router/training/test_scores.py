"""The figures of answers whose truth is known."""

from router.training.scores import wilson_interval


def test_the_wilson_interval_has_the_published_bounds() -> None:
    low, high = wilson_interval(0.9, 100)
    assert (round(low, 4), round(high, 4)) == (0.8256, 0.9448)  # Newcombe 1998, method 3


def test_the_wilson_interval_of_nothing_is_everything() -> None:
    assert wilson_interval(1.0, 0) == (0.0, 1.0)
