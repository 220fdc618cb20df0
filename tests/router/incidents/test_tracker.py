"""The tracker opens, grows, closes, merges and dismisses incidents."""

from collections.abc import Callable

import msgspec
import pytest

from router.incidents.baseline import HOUR_S
from router.incidents.observation import Observation
from router.incidents.tracker import IncidentTracker, TrackerOptions
from schemas.incident import Incident, fold_records
from tests.support.router.incidents import (
    observation,
    play_ordinary,
    play_outage,
    records,
    trained_tracker,
    verdict,
)
from tests.support.router.outage import EVERYDAY, OUTAGE, START, ordinary_pulses


def test_many_customers_with_one_town_open_an_incident_with_its_evidence() -> None:
    tracker = trained_tracker()
    play_outage(tracker, play_ordinary(tracker, START, 2), 8)
    (opened,) = records(tracker, "opened")
    assert "Kadıköy" in opened.words
    assert opened.customers >= 5
    assert len(opened.messages) == len(opened.writers) == opened.customers
    assert all(m.startswith("c") for m in opened.messages), "the first messages are its evidence"
    assert opened.usual < 1
    assert opened.score >= TrackerOptions().min_score
    assert opened.departments == ("technical",)
    assert [i.id for i in tracker.open_incidents()] == [opened.id]


def test_an_incident_grows_with_later_messages_and_closes_by_itself() -> None:
    tracker = trained_tracker()
    now = play_outage(tracker, play_ordinary(tracker, START, 2), 40)
    tracker.advance(now)
    grown = records(tracker, "grown")
    assert grown
    assert grown[-1].customers == 40
    members = [m for r in tracker.unpublished if isinstance(r, Incident) for m in r.messages]
    assert len(members) == len(set(members)) == 40, "the records name each member once"
    play_ordinary(tracker, now, 2)
    (closed,) = records(tracker, "closed")
    assert closed.customers >= 40
    assert tracker.open_incidents() == []


def test_an_outage_that_continues_in_the_morning_is_the_same_incident() -> None:
    tracker = trained_tracker()
    now = play_outage(tracker, play_ordinary(tracker, START, 1), 12)
    now = play_ordinary(tracker, now, 3)
    assert len(records(tracker, "closed")) == 1
    play_outage(tracker, now, 12, first=100)
    opened = records(tracker, "opened")
    assert len(opened) == 2
    assert opened[0].id == opened[1].id


MESSAGES_WITHOUT_INCIDENT: dict[str, Callable[[int, float], Observation]] = {
    "one customer": lambda n, now: observation(OUTAGE[n % len(OUTAGE)], now, "c1"),
    "no complaint": lambda n, now: observation(
        OUTAGE[n % len(OUTAGE)], now, f"c{n}", trouble=False
    ),
    "busy hour": lambda n, now: observation(EVERYDAY[n % len(EVERYDAY)], now, f"c{n}"),
    "one message again": lambda _n, _now: observation(OUTAGE[0], START + 2 * HOUR_S, "c1"),
    "unknown brand": lambda n, now: observation(
        OUTAGE[n % len(OUTAGE)], now, f"c{n}", brand="other"
    ),
}


@pytest.mark.parametrize("case", MESSAGES_WITHOUT_INCIDENT)
def test_ordinary_messages_open_no_incident(case: str) -> None:
    tracker = trained_tracker()
    begin = play_ordinary(tracker, START, 2)
    for n in range(40):
        now = begin + 20 * n
        tracker.observe(MESSAGES_WITHOUT_INCIDENT[case](n, now))
        tracker.advance(now)
    assert records(tracker, "opened") == []


def test_nothing_is_unusual_before_the_watch_knows_a_day() -> None:
    tracker = trained_tracker(days=0)
    play_outage(tracker, play_ordinary(tracker, START, 12), 30)
    assert records(tracker, "opened") == []


def test_a_newsletter_of_every_week_is_not_a_burst() -> None:
    without, with_newsletter = trained_tracker(21), IncidentTracker(TrackerOptions())
    hours = ordinary_pulses(21)
    for n, pulse in enumerate(hours):
        if pulse.hour.weekday() == 0 and pulse.hour.hour in (11, 12):
            counts = pulse.terms | {"bulte": 14, "geldi": pulse.terms.get("geldi", 0) + 14}
            hours[n] = msgspec.structs.replace(pulse, terms=counts)
    with_newsletter.restore(hours, [])
    for tracker in (without, with_newsletter):
        begin = play_ordinary(tracker, START, 2.2)
        for n in range(12):
            tracker.observe(observation(f"bülten geldi {n}", begin + 60 * n, f"b{n}"))
    assert records(without, "opened")
    assert records(with_newsletter, "opened") == []


def test_two_causes_stay_two_incidents_and_one_cause_in_other_words_stays_one() -> None:
    tracker = trained_tracker()
    begin = play_ordinary(tracker, START, 2)
    for n in range(20):
        now = begin + 30 * n
        tracker.observe(observation(OUTAGE[n % len(OUTAGE)], now, f"a{n}"))
        payment = f"ödeme sayfası hata 5003 veriyor {n % 3}"
        tracker.observe(observation(payment, now + 9, f"b{n}"))
        tracker.observe(observation("5003 diye bir şey çıkıyor sepette", now + 12, f"d{n}"))
    tracker.advance(begin + 700)
    opened = records(tracker, "opened")
    assert len(opened) == 2
    assert {"Kadıköy" in o.words for o in opened} == {True, False}
    sizes = {r.id: r.customers for r in tracker.unpublished if isinstance(r, Incident)}
    assert sorted(sizes.values()) == [20, 40]


def test_a_dismissed_incident_takes_its_messages_and_they_open_no_other() -> None:
    tracker = trained_tracker()
    now = play_outage(tracker, play_ordinary(tracker, START, 2), 8)
    (opened,) = records(tracker, "opened")
    tracker.apply(verdict(opened, "dismissed", now))
    tracker.unpublished.clear()
    for hour in range(16):
        # The messages keep the incident in memory for longer than an ended one stays there.
        play_outage(tracker, now + hour * HOUR_S, 20, first=50 + 20 * hour)
        tracker.advance(now + (hour + 1) * HOUR_S)
    assert [r for r in tracker.unpublished if isinstance(r, Incident)] == []
    assert tracker.open_incidents() == []


def test_a_merged_incident_gives_its_messages_to_the_other() -> None:
    tracker = trained_tracker()
    begin = play_ordinary(tracker, START, 2)
    for n in range(12):
        tracker.observe(observation(OUTAGE[n % 3], begin + 30 * n, f"a{n}"))
        payment = f"ödeme hata 5003 veriyor {n % 3}"
        tracker.observe(observation(payment, begin + 30 * n + 9, f"b{n}"))
    first, second = records(tracker, "opened")
    tracker.apply(verdict(first, "merged", begin + 400, merged_into=second.id))
    tracker.advance(begin + 400)
    tracker.unpublished.clear()
    tracker.observe(observation(OUTAGE[0], begin + 500, "late"))
    tracker.advance(begin + 600)
    (grown,) = records(tracker, "grown")
    assert grown.id == second.id
    assert grown.messages == (f"late/{begin + 500:.3f}",)


def test_a_confirmed_incident_stays_confirmed_while_it_grows() -> None:
    tracker = trained_tracker()
    now = play_outage(tracker, play_ordinary(tracker, START, 2), 8)
    (opened,) = records(tracker, "opened")
    confirmed = verdict(opened, "confirmed", now)
    tracker.apply(confirmed)
    tracker.apply(confirmed)
    now = play_outage(tracker, now, 8, first=70)
    tracker.advance(now + 40)
    assert [i.status for i in tracker.open_incidents()] == ["confirmed"]
    folded = fold_records([opened, confirmed, *records(tracker, "grown")])
    assert folded[opened.id].status == "confirmed"
