"""Each rule of the clocks, on one conversation."""

import msgspec
import pytest

from schemas.service_levels.levels import ServiceLevel, WarnTime
from tests.support.clock_world import HOUR, LEVEL, Case, moment, version

RESPONSES = ("first_response", "next_response")
BOTH = msgspec.structs.replace(LEVEL, next_response_s=2 * HOUR)
SOLVED = msgspec.structs.replace(LEVEL, resolution_s=8 * HOUR)


# Starts.


def test_the_first_message_starts_the_time_for_a_first_answer() -> None:
    case = Case()
    case.say("16:00", "m1")
    assert case.steps(*RESPONSES) == [("first_response", "started", "16:00")]
    assert case.due("first_response") == "1 11:00"


def test_the_oldest_message_after_an_answer_starts_the_time_for_the_next_one() -> None:
    case = Case(BOTH)
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.say("11:00", "m2")
    case.say("11:30", "m3")
    assert case.steps(*RESPONSES)[2:] == [("next_response", "started", "11:00")]
    assert case.due("next_response") == "13:00"


def test_the_time_for_a_first_answer_is_never_replaced_by_that_for_the_next() -> None:
    case = Case(msgspec.structs.replace(BOTH, next_response_s=60))
    case.say("09:00", "m1")
    case.say("10:00", "m2")
    assert case.steps(*RESPONSES) == [("first_response", "started", "09:00")]


def test_the_time_for_a_resolution_starts_with_the_first_message() -> None:
    case = Case(SOLVED)
    case.say("16:00", "m1")
    assert ("resolution", "started", "16:00") in case.steps()
    assert case.due("resolution") == "1 15:00"


def test_a_message_that_moved_does_not_start_again() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.say("10:00", "m1", department="technical")
    assert case.steps("first_response") == [("first_response", "started", "09:00")]


def test_a_message_without_a_service_level_starts_nothing() -> None:
    case = Case(ServiceLevel(name="x", channels=("chat",), calendar="office", first_response_s=60))
    case.say("09:00", "m1")
    assert case.until("1 18:00").events == []


# Pickup and stay.


def test_the_time_until_a_claim_begins_when_the_item_is_ready() -> None:
    case = Case(msgspec.structs.replace(LEVEL, pickup_s=1800))
    case.say("09:00", "m1")
    case.happen("claimed", "09:10", "m1")
    case.happen("released", "09:20", "m1")
    assert case.until("10:00").steps("pickup") == [
        ("pickup", "started", "09:00"),
        ("pickup", "met", "09:10"),
        ("pickup", "started", "09:20"),
        ("pickup", "breached", "09:50"),
    ]


def test_the_stay_in_a_department_is_measured_without_a_promise() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.move("10:30", "technical")
    assert case.steps("stay") == [
        ("stay", "started", "09:00"),
        ("stay", "met", "10:30"),
        ("stay", "started", "10:30"),
    ]
    assert [event.elapsed_s for event in case.events if event.kind == "stay"] == [0, 5400, 0]


# Stops.


def test_a_persons_answer_meets_the_promise() -> None:
    case = Case()
    case.say("16:00", "m1")
    case.answer("1 11:00", "m1")
    assert case.until("2 18:00").steps("first_response")[1:] == [
        ("first_response", "met", "1 11:00")
    ]
    assert (case.events[-1].elapsed_s, case.events[-1].left_s) == (4 * HOUR, 0)


def test_an_answer_a_second_late_is_a_breach() -> None:
    case = Case()
    case.say("16:00", "m1")
    case.answer("1 11:00:01", "m1")
    assert case.steps("first_response")[1:] == [
        ("first_response", "breached", "1 11:00"),
        ("first_response", "met", "1 11:00:01"),
    ]


def test_an_answer_that_covers_another_message_counts_if_it_is_later() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.answer("10:00", "m0")
    assert case.steps("first_response")[1:] == [("first_response", "met", "10:00")]


@pytest.mark.parametrize("kind", ["claimed", "released", "woken"])
def test_nothing_but_an_answer_meets_it(kind: str) -> None:
    case = Case()
    case.say("09:00", "m1")
    case.happen(kind, "10:00", "m1")
    assert ("first_response", "breached", "13:00") in case.until("18:00").steps()


# An answer that does not arrive.


def test_after_an_answer_that_did_not_arrive_the_clock_runs_on_from_its_start() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("undeliverable", "11:00", reply="r1")
    assert case.until("18:00").steps("first_response")[2:] == [
        ("first_response", "revived", "11:00"),
        ("first_response", "breached", "13:00"),
    ]


def test_a_clock_that_revives_after_its_due_time_is_over_at_once() -> None:
    case = Case(msgspec.structs.replace(LEVEL, warn=(WarnTime(percent=50),)))
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("undeliverable", "14:00", reply="r1")
    assert case.until("18:00").steps("first_response")[2:] == [
        ("first_response", "revived", "14:00"),
        ("first_response", "breached", "14:00"),
    ]


def test_a_service_level_may_count_what_was_sent() -> None:
    case = Case(msgspec.structs.replace(LEVEL, late_answer="sent"))
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("undeliverable", "11:00", reply="r1")
    assert len(case.until("18:00").steps("first_response")) == 2


def test_another_answer_that_arrived_keeps_the_promise() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.answer("10:00", "m1", reply="r1")
    case.answer("10:30", "m1", reply="r2")
    case.happen("undeliverable", "11:00", reply="r1")
    assert len(case.until("18:00").steps("first_response")) == 2


# Pauses.


@pytest.mark.parametrize("reason", ["customer", "third_party"])
def test_waiting_for_somebody_pauses_the_time_for_a_resolution(reason: str) -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.wait("11:00", reason)
    assert case.due("resolution") == ""
    case.say("16:00", "m2")
    assert case.steps("resolution") == [
        ("resolution", "started", "09:00"),
        ("resolution", "paused", "11:00"),
        ("resolution", "resumed", "16:00"),
    ]
    assert case.due("resolution") == "1 13:00"


def test_waiting_for_a_date_pauses_nothing() -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.wait("10:00", "date", until="16:00")
    assert len(case.until("16:30").steps("resolution")) == 1


def test_a_service_level_chooses_what_pauses() -> None:
    case = Case(msgspec.structs.replace(SOLVED, pause_on=("third_party",)))
    case.say("09:00", "m1")
    case.wait("10:00", "customer")
    assert len(case.steps("resolution")) == 1


def test_a_wait_ends_at_its_time() -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.wait("10:00", "customer", until="12:00")
    assert case.until("1 18:00").steps("resolution")[1:] == [
        ("resolution", "paused", "10:00"),
        ("resolution", "resumed", "12:00"),
        ("resolution", "breached", "1 10:00"),
    ]


def test_a_pause_does_not_stop_the_time_for_an_answer() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.wait("10:00", "customer")
    assert ("first_response", "breached", "13:00") in case.until("18:00").steps()


# Resolutions, in part and whole.


def test_a_resolution_that_leaves_a_message_stops_only_what_it_covers() -> None:
    case = Case(msgspec.structs.replace(BOTH, resolution_s=8 * HOUR))
    case.say("09:00", "m1")
    case.say("09:30", "m2")
    case.happen("resolved", "10:00", "m1")
    assert case.steps("resolution") == [("resolution", "started", "09:00")]
    assert case.steps(*RESPONSES) == [
        ("first_response", "started", "09:00"),
        ("first_response", "cancelled", "10:00"),
        ("next_response", "started", "09:30"),
    ]
    case.happen("resolved", "11:00", "m2")
    assert case.steps("resolution")[1:] == [("resolution", "met", "11:00")]


def test_nothing_runs_after_a_resolution() -> None:
    case = Case(msgspec.structs.replace(SOLVED, pickup_s=1800))
    case.say("09:00", "m1")
    case.happen("resolved", "09:10", "m1")
    before = len(case.events)
    assert len(case.until("9 18:00").events) == before


def test_a_resolution_ends_the_time_for_an_answer_to_a_message_that_a_wait_covered() -> None:
    case = Case(BOTH)
    case.say("09:00", "m1")
    case.happen("waiting", "09:30", "m1")
    case.happen("resolved", "10:00", "m0")
    assert case.until("9 18:00").steps("first_response")[1:] == [
        ("first_response", "cancelled", "10:00")
    ]


def test_a_resolution_that_names_no_message_covers_all() -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.say("09:10", "m2")
    case.happen("resolved", "10:00")
    assert case.until("9 18:00").steps("resolution")[1:] == [("resolution", "met", "10:00")]


# Reopening.


@pytest.mark.parametrize("kind", ["spoken", "reopened"])
def test_a_matter_that_is_reopened_soon_goes_on_with_what_had_elapsed(kind: str) -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("resolved", "11:00", "m1")
    if kind == "spoken":
        case.say("1 09:00", "m2")
    else:
        case.happen("reopened", "1 09:00")
    assert case.steps("resolution")[1:] == [
        ("resolution", "met", "11:00"),
        ("resolution", "resumed", "1 09:00"),
    ]
    assert case.due("resolution") == "1 15:00"


def test_a_matter_without_a_promised_resolution_is_reopened_in_its_cycle_too() -> None:
    case = Case(BOTH)
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("resolved", "11:00", "m1")
    case.say("1 09:00", "m2")
    assert case.steps(*RESPONSES)[2:] == [("next_response", "started", "1 09:00")]


def test_a_message_after_the_time_for_reopening_begins_a_new_cycle() -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.answer("10:00", "m1")
    case.happen("resolved", "11:00", "m1")
    case.say("7 11:00:01", "m2")
    started = [event for event in case.events if event.what == "started"]
    assert [event.kind for event in started if event.kind != "stay"] == [
        "first_response",
        "resolution",
        "first_response",
        "resolution",
    ]
    assert len({event.clock for event in started}) == len(started)


# Moves.


def test_a_move_keeps_what_has_elapsed() -> None:
    technical = ServiceLevel(
        name="technical", departments=("technical",), calendar="always", first_response_s=2 * HOUR
    )
    case = Case(technical, LEVEL)
    case.say("17:00", "m1")
    case.move("17:30", "technical")
    assert case.steps("first_response")[1:] == [("first_response", "rebased", "17:30")]
    assert case.due("first_response") == "19:00"


def test_a_move_to_less_time_than_has_elapsed_is_a_breach_at_once() -> None:
    strict = ServiceLevel(
        name="strict", departments=("legal",), calendar="office", first_response_s=1800
    )
    case = Case(strict, LEVEL)
    case.say("09:00", "m1")
    case.move("10:00", "legal")
    assert case.until("10:00").steps("first_response")[1:] == [
        ("first_response", "rebased", "10:00"),
        ("first_response", "breached", "10:00"),
    ]


def test_a_move_keeps_the_pauses_before() -> None:
    case = Case(SOLVED)
    case.say("09:00", "m1")
    case.wait("10:00", "customer")
    case.happen("woken", "12:00")
    case.move("13:00", "technical")
    assert case.due("resolution") == "1 10:00"


def test_a_move_to_a_department_without_a_promise_cancels_the_clock() -> None:
    case = Case(msgspec.structs.replace(LEVEL, departments=("billing",)))
    case.say("09:00", "m1")
    case.move("10:00", "technical")
    assert case.until("18:00").steps("first_response")[1:] == [
        ("first_response", "cancelled", "10:00")
    ]


def test_a_breach_happens_once_for_a_clock() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.until("14:00")
    case.move("14:30", "technical")
    steps = [what for _, what, _ in case.until("9 18:00").steps("first_response")]
    assert steps.count("breached") == 1


# Versions.


def test_a_running_clock_keeps_the_policy_that_ruled_when_it_started() -> None:
    case = Case()
    case.say("09:00", "m1")
    case.clocks.use_version(version(msgspec.structs.replace(LEVEL, first_response_s=60)))
    assert case.until("13:00").steps("first_response")[1:] == [
        ("first_response", "breached", "13:00")
    ]


# Warnings.


def test_a_warning_comes_after_a_share_and_before_the_end() -> None:
    case = Case(msgspec.structs.replace(LEVEL, warn=(WarnTime(percent=50), WarnTime(left_s=1800))))
    case.say("16:00", "m1")
    assert case.until("2 18:00").steps("first_response")[1:] == [
        ("first_response", "warned", "18:00"),
        ("first_response", "warned", "1 10:30"),
        ("first_response", "breached", "1 11:00"),
    ]


def test_a_warning_longer_than_the_promise_is_left_out() -> None:
    case = Case(msgspec.structs.replace(LEVEL, warn=(WarnTime(left_s=4 * HOUR),)))
    case.say("09:00", "m1")
    assert [what for _, what, _ in case.until("18:00").steps("first_response")] == [
        "started",
        "breached",
    ]


# Ids and order.


def test_the_same_events_have_the_same_ids() -> None:
    def ids() -> list[str]:
        case = Case(SOLVED)
        case.say("09:00", "m1")
        case.wait("10:00", "customer", until="12:00")
        case.answer("13:00", "m1")
        return [event.id for event in case.until("9 18:00").events]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())


def test_steps_are_in_the_order_of_their_times() -> None:
    case = Case(msgspec.structs.replace(SOLVED, pickup_s=600, warn=(WarnTime(percent=50),)))
    case.say("09:00", "m1")
    times = [event.at for event in case.until("9 18:00").events]
    assert times == sorted(times)


def test_looking_often_changes_nothing() -> None:
    seldom, often = Case(SOLVED), Case(SOLVED)
    for case in (seldom, often):
        case.say("09:00", "m1")
    for hour in range(10, 18):
        often.until(f"{hour}:00")
    assert often.until("1 18:00").events == seldom.until("1 18:00").events
    assert moment("1 18:00") > moment("18:00")
