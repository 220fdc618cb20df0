"""The lane of one account: how many replies run, when a failing account is probed, what is shown."""

from schemas.errors import Retry
from workers.actions.protocol import ServerAway
from workers.sender.lanes import MAX_FAILURES, MAX_RUNNING, Lane, Lanes, ParkedReply, attempt_delay

REFUSED = "the mail server says later: 450 <ada@ornek.example>: try later"


def _parked(number: int, due: float, first_at: float = 0.0) -> ParkedReply:
    return ParkedReply(due, 0, number, f"r{number}", first_at)


def _stuck(now: float = 100.0, after: float = 5.0) -> Lane:
    lane = Lane("email", "a")
    for _ in range(MAX_FAILURES):
        lane.note_failure(now, after, REFUSED)
    return lane


def test_a_working_account_has_room_for_some_replies_at_once() -> None:
    lane = Lane("email", "a")
    assert lane.count_free(0) == MAX_RUNNING
    lane.running = MAX_RUNNING
    assert lane.count_free(0) == 0


def test_an_account_that_fails_is_probed_by_one_reply_at_a_time() -> None:
    lane = _stuck()
    assert lane.is_stuck
    assert lane.count_free(104) == 0
    assert lane.count_free(105) == 1
    lane.running = 1
    assert lane.count_free(105) == 0
    lane.running = 0
    lane.note_failure(105, 0, REFUSED)
    assert lane.count_free(108) == 0, "the pause doubles"
    assert lane.count_free(109) == 1


def test_failures_at_the_same_time_count_as_one_probe() -> None:
    lane = _stuck()
    for _ in range(8):
        lane.note_failure(100, 5, REFUSED)
    assert lane.count_free(105) == 1


def test_an_account_is_probed_once_a_minute_at_least_but_not_before_its_vendor_allows_it() -> None:
    lane = _stuck()
    now = 200.0
    for _ in range(10):
        lane.note_failure(now, 0, REFUSED)
        now += 60
        assert lane.count_free(now) == 1
    lane.note_failure(now, 1800, REFUSED)
    assert lane.count_free(now + 1799) == 0
    assert lane.count_free(now + 1800) == 1


def test_everything_that_waits_may_leave_once_the_account_works_again() -> None:
    lane = _stuck()
    for number in range(3):
        lane.park(_parked(number, due=5000 + number))
    assert [p.reply for p in lane.take_due(110, 1)] == ["r0"], "a probe, before its time"
    lane.note_success()
    assert [p.reply for p in lane.take_due(110, 10)] == ["r1", "r2"]
    assert lane.count_free(110) == MAX_RUNNING


def test_a_new_reply_waits_behind_parked_ones_whose_time_came() -> None:
    lane = Lane("email", "a")
    lane.park(_parked(1, due=50))
    assert lane.has_room(49)
    assert not lane.has_room(50)
    assert not _stuck().has_room(1000)


def test_replies_that_waited_too_long_are_given_up() -> None:
    lane = _stuck()
    for number in range(4):
        lane.park(_parked(number, due=1000, first_at=number))
    assert [p.reply for p in lane.take_expired(3, 2)] == ["r0", "r1"]
    assert [p.reply for p in lane.take_expired(3, 2)] == ["r2"]
    assert lane.waiting == 1


def test_a_lost_partition_leaves_nothing_behind() -> None:
    lane = Lane("email", "a")
    lane.park(_parked(1, due=1))
    lane.park(_parked(2, due=1)._replace(partition=1))
    assert list(lane.drop(0)) == []
    assert [p.partition for p in lane.take_due(10, 10)] == [1]


def test_a_stuck_account_is_named_without_a_customers_address() -> None:
    lanes = Lanes()
    assert lanes.stuck_accounts(0) is None
    lane = lanes.get("email", "a")
    lane.park(_parked(1, due=1000))
    for _ in range(MAX_FAILURES):
        lane.note_failure(100, 5, REFUSED)
    sentence = lanes.stuck_accounts(160)
    assert sentence is not None
    assert "email:a has taken no reply for 60 s" in sentence
    assert "450" in sentence
    assert "ornek.example" not in sentence
    lane.note_success()
    assert lanes.stuck_accounts(160) is None


def test_an_account_with_few_replies_is_named_after_a_minute() -> None:
    lanes = Lanes()
    lane = lanes.get("email", "a")
    lane.park(_parked(1, due=1000))
    lane.note_failure(100, 5, "away")
    assert lanes.stuck_accounts(150) is None
    assert lanes.stuck_accounts(161) is not None


def test_the_pause_between_tries_doubles_up_to_ten_minutes() -> None:
    pauses = [attempt_delay(attempt, Retry(0)) for attempt in (1, 2, 3, 12)]
    assert pauses == [2.0, 4.0, 8.0, 600.0]
    assert attempt_delay(1, Retry(30)) == 30
    assert attempt_delay(1, Retry(90_000)) == 3600


def test_a_reply_waits_a_minute_at_most_after_its_server_came_back() -> None:
    pauses = [attempt_delay(attempt, ServerAway(5)) for attempt in (1, 4, 6, 12)]
    assert pauses == [5.0, 16.0, 60.0, 60.0]
