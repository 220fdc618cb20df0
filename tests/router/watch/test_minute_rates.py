"""The live rates count each decision once, and only for the last minutes."""

from datetime import UTC, datetime

from router.watch.minute_rates import MAX_MINUTES, CountedDecision, MinuteRates

KEY = ("api", "billing", "complaint")


def _decision(minute: int, hops: int = 0) -> CountedDecision:
    channel, department, intent = KEY
    return CountedDecision(
        message="m",
        channel=channel,
        department=department,
        intent=intent,
        decided_at=datetime.fromtimestamp(minute * 60 + 5, UTC),
        hops=hops,
    )


def test_a_decision_that_is_read_again_counts_once() -> None:
    rates = MinuteRates()
    for offset in (0, 1, 1, 0, 2):
        rates.count(0, offset, _decision(100))
    rates.count(1, 0, _decision(100))
    assert rates.sum_minute(100)[KEY] == 4


def test_a_message_that_people_moved_is_not_counted_again() -> None:
    rates = MinuteRates()
    rates.count(0, 0, _decision(100, hops=1))
    assert rates.sum_minute(100) == {}


def test_the_counts_of_a_dropped_partition_are_gone() -> None:
    rates = MinuteRates()
    rates.count(0, 0, _decision(100))
    rates.count(1, 0, _decision(100))
    rates.drop({1})
    assert rates.sum_minute(100)[KEY] == 1
    rates.count(1, 0, _decision(100))
    assert rates.sum_minute(100)[KEY] == 2, "its next owner reads it again"


def test_old_minutes_are_forgotten() -> None:
    rates = MinuteRates()
    rates.count(0, 0, _decision(100))
    rates.count(0, 1, _decision(100 + MAX_MINUTES))
    assert rates.sum_minute(100) == {}
    assert rates.sum_minute(100 + MAX_MINUTES)[KEY] == 1
