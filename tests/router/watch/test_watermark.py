"""The watermark is the time that every partition has reached."""

from router.watch.watermark import Watermark

QUEUE, OTHER = ("queue.billing.v1", 0), ("queue.sales.v1", 0)


def test_the_partition_that_is_behind_holds_the_time_back() -> None:
    watermark = Watermark()
    watermark.note(QUEUE, decided_at=400.0, now=1000.0)
    watermark.note(OTHER, decided_at=900.0, now=1000.0)
    assert watermark.reached(1001.0) == 400.0


def test_an_idle_partition_holds_nothing_back() -> None:
    watermark = Watermark()
    assert watermark.reached(1000.0) == 1000.0
    watermark.note(QUEUE, decided_at=400.0, now=1000.0)
    assert watermark.reached(1005.0) == 1005.0


def test_the_time_is_never_after_now() -> None:
    watermark = Watermark()
    watermark.note(QUEUE, decided_at=2000.0, now=1000.0)
    assert watermark.reached(1001.0) == 1001.0
