"""The memory of deliveries.v1 has open replies, finished ones, and the counts of the last hour."""

from datetime import timedelta

from schemas.state.delivery import ReplyDelivery
from tests.support.messages import NOW
from workers.sender.log import DeliveryTable, RecipientCounts


def _record(reply: str, state: str, attempt: int = 1, **more: object) -> ReplyDelivery:
    record = ReplyDelivery(
        reply=reply,
        state=state,
        attempt=attempt,
        process="p",
        at=NOW,
        first_at=NOW,
        offset=0,
        channel="email",
        account="a",
        recipient="h",
    )
    return ReplyDelivery(**({f: getattr(record, f) for f in record.__struct_fields__} | more))


def test_a_restart_begins_at_the_oldest_reply_that_is_not_finished() -> None:
    table = DeliveryTable()
    assert table.first_open(7) == 7
    table.apply(0, _record("a", "begun"))
    table.apply(1, _record("b", "begun"))
    table.apply(2, _record("a", "parked"))
    assert table.first_open(3) == 1
    table.apply(3, _record("b", "finished"))
    assert table.first_open(4) == 2
    table.apply(4, _record("a", "finished"))
    assert table.first_open(5) == 5


def test_a_finished_reply_stays_known_and_begins_no_more() -> None:
    table = DeliveryTable()
    table.apply(0, _record("a", "finished"))
    assert table.apply(1, _record("a", "begun", 2)) is None
    assert table.has("a")
    table.forget(NOW.timestamp())
    assert table.has("a")
    table.forget(NOW.timestamp() + 1)
    assert not table.has("a")


def test_the_loop_guard_counts_each_reply_of_the_last_hour_once() -> None:
    recipients = RecipientCounts()
    old = NOW - timedelta(hours=2)
    assert recipients.add(0, 0, _record("a", "begun", at=old)) == 1
    assert recipients.add(0, 1, _record("b", "begun")) == 1
    assert recipients.add(0, 2, _record("c", "begun")) == 2
    assert recipients.add(0, 2, _record("c", "begun")) == 0, "read again"
    assert recipients.add(0, 3, _record("c", "begun", 2)) == 0, "another try of it"
    assert recipients.count("h", NOW) == 2
    recipients.prune(NOW + timedelta(hours=2))
    assert recipients.count("h", NOW) == 0
