"""The fold of waiting.v1: what waits, what came early, and what the feed reads once more."""

import pytest

from schemas import envelope
from schemas.state.waiting import CLOSED, WaitingMessage, closed_key, waiting_key
from workers.desk_feed.open_items import WaitingFold

OUTCOMES = ("outcomes.v1", 0)


def _record(
    message: str, *, hops: int = 0, score: float = 0, quiet: bool = False
) -> WaitingMessage:
    return WaitingMessage(
        message=message,
        department="orders",
        conversation=f"c-{message}",
        hops=hops,
        score=score,
        quiet=quiet,
    )


def _open(fold: WaitingFold, record: WaitingMessage) -> None:
    fold.apply(waiting_key(record.message, record.hops), envelope.encode(record), None)


def _early(fold: WaitingFold, message: str, hops: int) -> None:
    record = WaitingMessage(
        state=CLOSED, message=message, department="orders", conversation="c", hops=hops
    )
    fold.apply(closed_key(message), envelope.encode(record), None)


def test_the_most_urgent_comes_first_and_quiet_messages_last() -> None:
    fold = WaitingFold({})
    for message, score, quiet in (("late", 9, False), ("edit", 1, True), ("soon", 2, False)):
        _open(fold, _record(message, score=score, quiet=quiet))
    assert [w.message for w in fold.open_items().waiting] == ["soon", "late", "edit"]


def test_a_tombstone_ends_a_message() -> None:
    fold = WaitingFold({OUTCOMES: 100})
    _open(fold, _record("m"))
    fold.apply(waiting_key("m", 0), None, b"outcomes.v1/0/99")
    result = fold.open_items()
    assert result.waiting == []
    assert result.finished == {}, "the feed never reads that outcome again"


def test_a_finish_that_the_feed_reads_again_is_remembered() -> None:
    fold = WaitingFold({OUTCOMES: 100})
    _open(fold, _record("m", hops=1))
    for hops in (0, 1):
        fold.apply(waiting_key("m", hops), None, b"outcomes.v1/0/100")
    assert fold.open_items().finished == {"m": 1}


@pytest.mark.parametrize("order", ["finish first", "message first"])
def test_an_early_closing_counts_in_each_order_of_the_records(order: str) -> None:
    fold = WaitingFold({})
    if order == "finish first":
        _early(fold, "m", 0)
    _open(fold, _record("m"))
    if order == "message first":
        _early(fold, "m", 0)
    _open(fold, _record("m", hops=1))
    result = fold.open_items()
    assert [w.hops for w in result.waiting] == [1], "the move to the next desk still waits"
    assert [w.message for w in result.early] == ["m"]


def test_a_newer_writers_record_is_passed_over() -> None:
    fold = WaitingFold({})
    fold.apply(b"x", b'{"state":"waiting"}', None)
    fold.apply(b"y", b"not json", None)
    unknown = b'{"state":"parked","message":"m","department":"d","conversation":"c"}'
    fold.apply(b"m/parked", unknown, None)
    assert fold.open_items().waiting == []
