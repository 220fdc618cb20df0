"""The watch counts each decision once in its minute, and forgets old minutes."""

from datetime import UTC, datetime

import pytest

from router.watch.minute_rates import KEPT_MINUTES, Seen, Windows


def _observation(minute: int, hops: int = 0) -> Seen:
    decided_at = datetime.fromtimestamp(minute * 60 + 5, UTC)
    return Seen(
        message="m", channel="api", department="d", intent="i", decided_at=decided_at, hops=hops
    )


@pytest.fixture
def windows() -> Windows:
    """Windows that have counted four decisions: three of partition 0 and one of partition 1."""
    windows = Windows()
    for offset in (0, 1, 1, 0, 2):
        windows.take(0, offset, _observation(100))
    windows.take(1, 0, _observation(100))
    windows.take(1, 1, _observation(100, hops=1))
    return windows


def test_a_repeated_offset_and_a_rerouted_item_are_not_counted_again(windows: Windows) -> None:
    assert windows.minute(100)["api", "d", "i"] == 4


def test_a_partition_that_another_watch_took_over_counts_no_more(windows: Windows) -> None:
    windows.drop({1})
    assert windows.minute(100)["api", "d", "i"] == 3


def test_a_later_minute_forgets_the_old_ones_of_its_partition(windows: Windows) -> None:
    windows.take(0, 3, _observation(100 + KEPT_MINUTES))
    assert windows.minute(100) == {("api", "d", "i"): 1}
