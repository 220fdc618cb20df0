"""Incidents: what opens one, what does not, how it goes on, and what a crash changes (nothing)."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from router.backtest.replay import replay
from router.decision.decide import decide, decide_message, work_item
from router.decision.incident_match import match_incident
from router.incidents.baseline import HOUR_S, Usual
from router.incidents.observation import Sighting, sighting
from router.incidents.open_incidents import STALE, still_open
from router.incidents.tracker import GRACE_S, Incidents, Options
from router.text.terms import find_spans, find_terms, words_of_stems
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.settings.structs import KafkaSettings, Settings
from schemas.decision import Decision
from schemas.errors import Rejected
from schemas.http_api.bodies import JudgeIn
from schemas.incident import Incident, Pulse, Sign, apply_record, fold_records, likely_same_cause
from schemas.outcome import Outcome
from schemas.text.fold import fold
from tests.support.messages import NOW, message, policy
from tests.support.outage import DAYS, EVERYDAY, OUTAGE, START, ordinary_pulses
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import Fenced, write_rows
from workers.replies.incident_reply import IncidentResponder, holding_text, suppression_reason
from workers.store import incidents as reading
from workers.store.recorded_traffic import RecordedTraffic


def seen(
    text: str,
    at: float,
    who: str,
    *,
    trouble: bool = True,
    brand: str = "acme",
    topics: Iterable[str] = (),
    incident: str | None = None,
) -> Sighting:
    """Return a sighting; its id is made of who wrote it and when."""
    return Sighting(
        message=f"{who}/{at:.3f}",
        brand=brand,
        at=at,
        customer=who,
        trouble=trouble,
        terms=find_terms(fold(text), topics),
        department="technical",
        text=text,
        incident=incident,
    )


def watch(days: int = DAYS, **options: float) -> Incidents:
    """Return a watch that knows some ordinary days."""
    made = Incidents(Options(**options))  # type: ignore[arg-type]  # whole numbers where they are due
    made.restore(ordinary_pulses(days), [])
    return made


def told(held: Incidents, status: str) -> list[Incident]:
    """Return what was told of a kind."""
    return [r for r in held.told if isinstance(r, Incident) and r.status == status]


def outage(held: Incidents, begin: float, count: int, first: int = 0) -> float:
    """Let so many customers write of an outage, one every half minute; return when it ended."""
    for n in range(first, first + count):
        held.see(seen(OUTAGE[n % len(OUTAGE)], begin + (n - first) * 30, f"c{n}"))
    return begin + count * 30


def ordinary(held: Incidents, begin: float, hours: float, each: int = 30) -> float:
    """Let ordinary messages come for some hours; return when they ended."""
    rng = random.Random(3)
    count = round(hours * each)
    for n in range(count):
        at = begin + n * hours * HOUR_S / count
        held.see(seen(rng.choice(EVERYDAY), at, f"e{at:.1f}"))
        held.tick(at)
    return begin + hours * HOUR_S


def test_a_term_is_a_words_beginning_and_no_long_number() -> None:
    found = find_terms(fold("Kadıköy'de İNTERNET kesildi, hata E504, sipariş 123456789, tel 55"))
    assert {"kadik", "inter", "kesil", "hata", "e504", "sipar", "tel"} == found
    assert find_terms(fold("internetim"), ["outage"]) == {"inter", "topic:outage"}


def test_many_customers_with_one_place_open_an_incident_with_its_evidence() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    outage(held, at, 8)
    (opened,) = told(held, "opened")
    assert "Kadıköy" in opened.words
    assert opened.customers >= 5
    assert len(opened.messages) == len(opened.writers) == opened.customers
    assert all(m.startswith("c") for m in opened.messages), "the first messages are its evidence"
    assert opened.usual < 1
    assert opened.score >= Options().score
    assert opened.departments == ("technical",)
    assert [i.id for i in held.open()] == [opened.id]


def test_it_grows_with_those_who_write_later_and_closes_by_itself() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    at = outage(held, at, 40)
    held.tick(at)
    grown = told(held, "grown")
    assert grown
    assert grown[-1].customers == 40
    members = [m for r in held.told if isinstance(r, Incident) for m in r.messages]
    assert len(members) == len(set(members)) == 40, "each is told once"
    ordinary(held, at, 2)
    (closed,) = told(held, "closed")
    assert closed.customers >= 40
    assert held.open() == []


def test_what_goes_on_in_the_morning_is_the_same_incident() -> None:
    held = watch()
    at = ordinary(held, START, 1)
    at = ordinary(held, outage(held, at, 12), 3)
    assert len(told(held, "closed")) == 1
    outage(held, at, 12, first=100)
    opened = told(held, "opened")
    assert len(opened) == 2
    assert opened[0].id == opened[1].id


@pytest.mark.parametrize("what", ["one customer", "calm", "busy", "repeats", "unknown brand"])
def test_what_is_no_incident_opens_none(what: str) -> None:
    held = watch()
    at = ordinary(held, START, 2)
    brand = "other" if what == "unknown brand" else "acme"
    for n in range(40):
        who = "c1" if what == "one customer" else f"c{n}"
        text = EVERYDAY[n % len(EVERYDAY)] if what == "busy" else OUTAGE[n % len(OUTAGE)]
        one_ = seen(text, at + 20 * n, who, trouble=what != "calm", brand=brand)
        if what == "repeats":
            one_ = seen(OUTAGE[0], at, "c1")
        held.see(one_)
        held.tick(at + 20 * n)
    assert told(held, "opened") == []


def test_nothing_is_unusual_before_a_day_is_known() -> None:
    held = watch(days=0)
    at = ordinary(held, START, 12)
    outage(held, at, 30)
    assert told(held, "opened") == []


def test_what_comes_every_week_at_this_hour_is_no_burst() -> None:
    calm, weekly = watch(21), Incidents(Options())
    hours = ordinary_pulses(21)
    for n, pulse in enumerate(hours):
        if pulse.hour.weekday() == 0 and pulse.hour.hour in (11, 12):
            counts = pulse.terms | {"bulte": 14, "geldi": pulse.terms.get("geldi", 0) + 14}
            hours[n] = msgspec.structs.replace(pulse, terms=counts)
    weekly.restore(hours, [])
    for held in (calm, weekly):
        at = ordinary(held, START, 2.2)
        for n in range(12):
            held.see(seen(f"bülten geldi {n}", at + 60 * n, f"b{n}"))
    assert told(calm, "opened")
    assert told(weekly, "opened") == []


def test_two_at_once_stay_two_and_one_in_other_words_stays_one() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    for n in range(20):
        held.see(seen(OUTAGE[n % len(OUTAGE)], at + 30 * n, f"a{n}"))
        held.see(seen(f"ödeme sayfası hata 5003 veriyor {n % 3}", at + 30 * n + 9, f"b{n}"))
        held.see(seen("5003 diye bir şey çıkıyor sepette", at + 30 * n + 12, f"d{n}"))
    held.tick(at + 700)
    opened = told(held, "opened")
    assert len(opened) == 2
    assert {"Kadıköy" in o.words for o in opened} == {True, False}
    sizes = {r.id: r.customers for r in held.told if isinstance(r, Incident)}
    assert sorted(sizes.values()) == [20, 40]


def person(about: Incident, status: str, at: float, **more: object) -> Incident:
    """Return what a person says of an incident."""
    return msgspec.structs.replace(
        about,
        status=status,
        agent="ada",
        at=datetime.fromtimestamp(at, UTC),
        messages=(),
        writers=(),
        signs=(),
        **more,
    )  # type: ignore[arg-type]  # the fields are named by the tests


def test_a_dismissed_one_swallows_its_messages_and_opens_nothing() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    at = outage(held, at, 8)
    (opened,) = told(held, "opened")
    held.apply(person(opened, "dismissed", at))
    held.told.clear()
    for hour in range(16):
        # Longer than what is over is remembered: it is not over while they go on.
        outage(held, at + hour * HOUR_S, 20, first=50 + 20 * hour)
        held.tick(at + (hour + 1) * HOUR_S)
    assert [r for r in held.told if isinstance(r, Incident)] == []
    assert held.open() == []


def test_a_merged_one_gives_its_messages_to_the_other() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    for n in range(12):
        held.see(seen(OUTAGE[n % 3], at + 30 * n, f"a{n}"))
        held.see(seen(f"ödeme hata 5003 veriyor {n % 3}", at + 30 * n + 9, f"b{n}"))
    first, second = told(held, "opened")
    held.apply(person(first, "merged", at + 400, merged_into=second.id))
    held.tick(at + 400)
    held.told.clear()
    held.see(seen(OUTAGE[0], at + 500, "late"))
    held.tick(at + 600)
    (grown,) = told(held, "grown")
    assert grown.id == second.id
    assert grown.messages == (f"late/{at + 500:.3f}",)


def test_a_confirmed_one_stays_confirmed_while_it_grows_and_what_people_say_counts_once() -> None:
    held = watch()
    at = ordinary(held, START, 2)
    at = outage(held, at, 8)
    (opened,) = told(held, "opened")
    said = person(opened, "confirmed", at)
    held.apply(said)
    held.apply(said)
    at = outage(held, at, 8, first=70)
    held.tick(at + 40)
    assert [i.status for i in held.open()] == ["confirmed"]
    assert fold_records([opened, said, *told(held, "grown")])[opened.id].status == "confirmed"


@pytest.mark.parametrize("kill_at", [0.1, 0.35, 0.5, 0.75, 0.95])
def test_killed_in_the_middle_it_goes_on_as_if_nothing_had_been(kill_at: float) -> None:
    rng = random.Random(5)
    stream = [seen(rng.choice(EVERYDAY), START + n * 60, f"e{n}") for n in range(6 * 60)] + [
        seen(OUTAGE[n % len(OUTAGE)], START + 3 * HOUR_S + n * 45, f"c{n}") for n in range(60)
    ]
    stream.sort(key=lambda s: s.at)

    def played(stop_at: int | None) -> list[Incident | Pulse]:
        held, said, place = watch(), list[Incident | Pulse](), 0
        while place < len(stream):
            if place == stop_at:
                stop_at = None
                now = stream[place].at
                held = Incidents(Options())
                held.restore(
                    [*ordinary_pulses(), *(r for r in said if isinstance(r, Pulse))],
                    [r for r in said if isinstance(r, Incident)],
                )
                while place and stream[place - 1].at >= held.since(now):
                    place -= 1
                continue
            held.see(stream[place])
            held.tick(stream[place].at)
            said += held.told
            held.told.clear()
            place += 1
        held.tick(stream[-1].at + 60 + GRACE_S)
        return said + held.told

    calm, killed = played(None), played(round(len(stream) * kill_at))
    for status in ("opened", "closed"):
        a = [r for r in calm if isinstance(r, Incident) and r.status == status]
        b = [r for r in killed if isinstance(r, Incident) and r.status == status]
        assert [(r.id, r.opened_at) for r in a] == [(r.id, r.opened_at) for r in b], status
    for kind in (calm, killed):
        members = [m for r in kind if isinstance(r, Incident) for m in r.messages]
        assert len(members) == len(set(members)) == 60
    hours = [
        {p.hour: (p.messages, p.terms) for p in kind if isinstance(p, Pulse)}
        for kind in (calm, killed)
    ]
    assert hours[0] == hours[1]


def test_the_usual_counts_an_hour_once_and_forgets_old_weeks() -> None:
    usual = Usual()
    usual.add(1000, 10, {"a": 4})
    usual.add(1000, 12, {"a": 6})
    assert usual.messages == 12
    assert usual.share("a") == pytest.approx(6.5 / 262)
    usual.add(1000 + 9 * 168, 5, {"b": 1})
    assert usual.messages == 5
    assert usual.share("a") == pytest.approx(0.5 / 255)


SIGNS = (
    Sign(term="kadik", word="Kadıköy", share=0.9, weight=5.0),
    Sign(term="inter", word="internet", share=0.8, weight=1.6),
)


def incident(identifier: str = "i1", **more: object) -> Incident:
    """Return an open incident."""
    fields: dict[str, object] = {
        "id": identifier,
        "brand": "default",
        "status": "opened",
        "title": "Kadıköy · internet",
        "signs": SIGNS,
        "needed": 4.0,
        "customers": 7,
        "opened_at": NOW,
        "at": NOW,
    }
    return Incident(**(fields | more))  # type: ignore[arg-type]  # the fields are named by the tests


def _sign(term: str, share: float) -> Sign:
    return Sign(term=term, word=term, share=share, weight=5.0)


def test_what_may_have_the_same_cause_shares_what_most_of_both_have() -> None:
    turkish = incident(signs=(_sign("gunce", 1.0), _sign("topic:app", 1.0), _sign("uygul", 0.8)))
    english = incident("en", signs=(_sign("updat", 1.0), _sign("topic:app", 0.9)))
    several = incident("two", signs=(_sign("uygul", 0.5), _sign("topic:app", 0.4)))
    little = incident("some", signs=(_sign("uygul", 0.5),))
    later = msgspec.structs.replace(english, id="late", opened_at=NOW + timedelta(hours=3))
    foreign = msgspec.structs.replace(english, id="foreign", brand="other")
    found = likely_same_cause(turkish, [little, several, later, turkish, foreign, english])
    assert [(i.id, [s.term for s in shared]) for i, shared in found] == [
        ("en", ["topic:app"]),
        ("two", ["topic:app", "uygul"]),
    ]


def decided(text: str, *known: Incident, **more: object) -> Decision:
    """Return the decision on a text with these incidents open."""
    by = replace(policy(), incidents=known, incident_points=(10, 20))
    (made,) = decide([message(text, **more)], lambda _: None, by, NOW)
    return made.decision


def test_a_later_message_carries_the_incident_is_more_urgent_and_says_why() -> None:
    said = "Kadıköy'de internet yok"
    plain, marked = decided(said), decided(said, incident())
    assert (plain.incident, marked.incident) == (None, "i1")
    assert marked.priority == plain.priority + 10
    assert decided(said, incident(status="confirmed")).priority == plain.priority + 20
    (why,) = [r for r in marked.reasons if r.id == "state.incident"]
    assert [e.text for e in why.evidence] == ["Kadıköy", "internet"]
    assert "Kadıköy · internet" in why.text_tr


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("Faturam yanlış", {}),
        ("Kadıköy mağazanız kaçta kapanıyor?", {}),
        ("Kadıköy'de internet yok", {"brand": "other"}),
        ("Kadıköy'de internet yok", {"flags": ("imported",)}),
    ],
)
def test_others_are_left_alone(text: str, more: dict[str, object]) -> None:
    assert decided(text, incident(), **more).incident is None


def test_the_same_message_state_and_incidents_give_the_same_decision() -> None:
    a, b = incident("a"), incident("b", needed=3.0)
    first, again = decided("internet yok Kadıköy", a, b), decided("internet yok Kadıköy", a, b)
    assert msgspec.json.encode(first) == msgspec.json.encode(again)


def test_numbers_of_a_person_are_masked_in_its_evidence_too() -> None:
    signs = (Sign(term="6457", word="6457", share=0.9, weight=5.0),)
    told_ = decided("IBAN TR33 0006 1005 1978 6457 8413 26 yanlış", incident(signs=signs))
    assert told_.incident == "i1"
    assert "6457" not in str([e.text for r in told_.reasons for e in r.evidence])


def test_the_router_knows_what_is_open_merged_ended_and_forgotten() -> None:
    a, b = incident("a"), incident("b", title="the whole", status="confirmed")
    merged = msgspec.structs.replace(a, status="merged", merged_into="b")
    found = still_open({"a": merged, "b": b}, NOW)
    assert [(i.id, i.status, i.title) for i in found] == [("b", "confirmed", "the whole")] * 2
    for status in ("closed", "dismissed"):
        assert still_open({"a": incident(status=status)}, NOW) == ()
    assert still_open({"a": a}, NOW + STALE + timedelta(seconds=1)) == ()
    assert still_open({"a": merged}, NOW) == (), "what it was merged into is not known"
    circle = incident("b", status="merged", merged_into="a")
    assert still_open({"a": merged, "b": circle}, NOW) == ()


def test_what_people_said_is_not_overruled_by_the_watch() -> None:
    base = incident()
    dismissed = person(base, "dismissed", NOW.timestamp() + 5)
    grown = incident(status="grown", customers=30)
    assert fold_records([base, dismissed, grown])["i1"].status == "dismissed"
    closed = incident(status="closed", customers=31)
    assert fold_records([base, closed, grown])["i1"].status == "closed"
    assert fold_records([base, closed, incident(customers=40)])["i1"].status == "opened"
    answered = person(base, "answered", NOW.timestamp() + 9, text_tr="Çalışıyoruz", later=True)
    whole = fold_records([base, person(base, "confirmed", NOW.timestamp()), answered, grown])["i1"]
    assert (whole.status, whole.text_tr, whole.later) == ("confirmed", "Çalışıyoruz", True)
    assert (whole.customers, whole.signs) == (30, SIGNS)
    assert apply_record(None, base) == base


STATUSES = st.sampled_from(
    ["opened", "grown", "confirmed", "merged", "dismissed", "closed", "answered"]
)


@given(st.lists(st.tuples(STATUSES, st.booleans(), st.integers(0, 9))))
@hypothesis_settings(max_examples=200)
def test_whatever_is_said_in_whatever_order_can_be_folded(
    steps: list[tuple[str, bool, int]],
) -> None:
    records = [
        incident(status=s, agent="ada" if by else "", customers=n, merged_into="x" if by else None)
        for s, by, n in steps
    ]
    for known in fold_records(records).values():
        assert known.customers >= max(
            (n for s, by, n in steps if not by and s != "grown"), default=0
        ) or known.status in ("dismissed", "merged", "closed")
    still_open(fold_records(records), NOW)


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=300)
def test_every_term_of_any_text_has_its_place_in_it(text: str) -> None:
    folded_ = fold(text)
    found = find_terms(folded_)
    spans = find_spans(folded_, found)
    assert len(spans) == len(found)
    assert {fold(text[a:b]).strip()[:5] for a, b in spans} == found
    assert set(words_of_stems([text])) >= found


def test_a_work_item_is_seen_with_when_it_was_written_and_by_whom() -> None:
    sent = message("Kadıköy'de internet yok", sent_at=NOW - timedelta(hours=3))
    made = decide_message(sent, None, policy(), NOW)
    item = work_item(sent, made.decision, policy().departments[made.decision.department])
    found = sighting(item)
    assert found is not None
    assert found.at == (NOW - timedelta(hours=3)).timestamp(), "mail that waited is no burst"
    assert "ada" not in found.customer
    assert {"kadik", "topic:internet"} <= found.terms
    old = msgspec.structs.replace(sent, sent_at=NOW - timedelta(days=9))
    late = sighting(msgspec.structs.replace(item, message=old))
    assert late is not None
    assert late.at == NOW.timestamp(), "a clock that is days off is not believed"
    moved = msgspec.structs.replace(made.decision, hops=1)
    assert sighting(msgspec.structs.replace(item, decision=moved)) is None
    spam = msgspec.structs.replace(made.decision, flags=("spam",))
    assert sighting(msgspec.structs.replace(item, decision=spam)) is None


def test_a_place_alone_is_a_question_unless_something_went_wrong() -> None:
    lone = find_terms(fold("Kadıköy"))
    assert match_incident(lone, troubled=False, incidents=[incident()]) is None
    assert match_incident(lone, troubled=True, incidents=[incident()]) is not None
    both = match_incident(
        find_terms(fold("kadikoyde internet")), troubled=False, incidents=[incident()]
    )
    assert both is not None
    assert both.terms == ("kadik", "inter")


def test_a_holding_text_is_in_the_customers_language() -> None:
    both = incident(text_tr="Üzerindeyiz", text_en="We are on it")
    assert holding_text(both, "tr") == "Üzerindeyiz"
    assert holding_text(both, "en") == "We are on it"
    assert "Üzerindeyiz" in holding_text(both, "und")
    assert "We are on it" in holding_text(both, "de")
    assert holding_text(incident(text_tr="Üzerindeyiz"), "en") == "Üzerindeyiz"


def test_machines_and_strangers_get_no_holding_text() -> None:
    sent = message("internet yok")
    made = decide_message(sent, None, policy(), NOW).decision
    assert suppression_reason(sent, made) is None
    flagged = msgspec.structs.replace(made, flags=("new_participant",))
    assert suppression_reason(sent, flagged) == "new_participant"
    asked = msgspec.structs.replace(sent, flags=("no_automatic_answer",))
    assert suppression_reason(asked, made) == "no_automatic_answer"


@pytest.fixture
def stored(engine: Engine) -> Engine:
    """A store with an incident's records, and a message that was decided while it was open."""
    known = incident()
    sent = message("Kadıköy'de internet yok", received_at=NOW + timedelta(minutes=5))
    by = replace(policy(), incidents=(known,), incident_points=(10, 20))
    (made,) = decide([sent], lambda _: None, by, NOW + timedelta(minutes=5))
    rows = Rows()
    ahead = person(known, "confirmed", NOW.timestamp() + 3600)
    grown = incident(
        status="grown", at=NOW + timedelta(minutes=6), customers=8, messages=(sent.id,)
    )
    for offset, record in enumerate((known, grown, ahead)):
        add_record(rows, "incidents.v1", 0, offset, msgspec.json.encode(record))
    add_record(rows, "messages.v1", 0, 0, msgspec.json.encode(sent))
    add_record(rows, "decisions.v1", 0, 0, msgspec.json.encode(made.decision))
    with engine.begin() as connection:
        write_rows(connection, rows)
    with engine.begin() as connection, pytest.raises(Fenced):
        write_rows(connection, rows)
    return engine


def test_the_store_has_its_records_and_messages_and_its_course(stored: Engine) -> None:
    with stored.connect() as connection:
        (found,) = reading.incidents(connection, int(NOW.timestamp() * 1000))
        assert (found.status, found.customers, found.agent) == ("confirmed", 8, "ada")
        newest = reading.incidents(connection, int(NOW.timestamp() * 1000), max_records=1)
        assert [i.status for i in newest] == ["confirmed"], "of too many the newest count"
        out = reading.get_with_messages(connection, "i1")
        assert out is not None
        assert len(out.messages) == 1
        assert reading.get_with_messages(connection, "none") is None
        course = reading.course(connection, found, (NOW + timedelta(minutes=10)).timestamp())
        assert sum(n for _, n in course.spans) == 1
        assert course.seconds == 300
        later = int((NOW + timedelta(days=3)).timestamp() * 1000)
        assert reading.open_now(connection, later) == []
        assert len(reading.open_now(connection, int(NOW.timestamp() * 1000))) == 1


def test_a_backtest_decides_with_the_incident_as_it_was_known_then(stored: Engine) -> None:
    urgent = replace(policy(), incident_points=(10, 20))
    with stored.connect() as connection:
        recorded = RecordedTraffic(connection, None)
        known = recorded.incidents()
        (message_id,) = known
        assert known[message_id].status == "opened", "it was confirmed an hour later"
        events = list(recorded.events())
        same = replay(events, urgent, urgent, incidents=known)
        other = replay(events, urgent, replace(urgent, incident_points=(30, 30)), incidents=known)
    assert same.changed == 0
    assert (other.raised, other.examples[0].after.priority) == (
        1,
        other.examples[0].before.priority + 20,
    )
    assert "state.incident" in other.examples[0].before.reasons


def test_what_was_merged_is_answered_and_drawn_with_what_it_is_part_of(stored: Engine) -> None:
    rows = Rows()
    whole = incident("i2", at=NOW)
    merged = person(incident(), "merged", NOW.timestamp() + 4000, merged_into="i2")
    for offset, record in enumerate((whole, merged), 3):
        add_record(rows, "incidents.v1", 0, offset, msgspec.json.encode(record))
    with stored.begin() as connection:
        write_rows(connection, rows)
        assert set(reading.merged_ids(connection, "i2")) == {"i1", "i2"}
        out = reading.get_with_messages(connection, "i2")
        assert out is not None
        assert len(out.messages) == 1
    ordered = sorted((incident(), whole), key=lambda i: i.id)
    with pytest.raises(Rejected, match=r"merged into i2"):
        asyncio.run(_judged(apply_record(ordered[0], merged), "confirm", ordered))
    for into in (None, "i1", "none"):
        with pytest.raises(Rejected, match="name another"):
            asyncio.run(_judged(ordered[0], "merge", ordered, into=into))
    foreign = incident("i3", brand="other")
    with pytest.raises(Rejected, match="brand"):
        asyncio.run(_judged(ordered[0], "merge", [*ordered, foreign], into="i3"))


async def _judged(
    known: Incident, verb: str, others: list[Incident], into: str | None = None
) -> Incident:
    # What is refused is refused before anything is published: this address is never asked.
    publisher = Publisher(KafkaSettings(bootstrap="127.0.0.1:1"), "test")
    asked = JudgeIn(agent="ada", into=into)
    return await reading.record_verdict(known, verb, asked, others, publisher, SystemClock())


def test_who_writes_later_is_answered_also_through_what_was_merged(stored: Engine) -> None:
    holding = IncidentResponder(
        Settings(), stored, Publisher(KafkaSettings(bootstrap="127.0.0.1:1"), "test"), SystemClock()
    )
    grown = incident(
        status="grown", at=NOW + timedelta(minutes=6), customers=8, messages=(message("x").id,)
    )
    known, found, missing = holding.find_answerable(grown)
    assert (found, missing) == ([], 0), "nobody answered it"
    unheard = incident(status="grown", at=NOW + timedelta(hours=9), messages=("x",))
    assert holding.find_answerable(unheard)[2] == 1, "what the store has not is waited for"
    rows = Rows()
    whole = incident("i2")
    told = person(whole, "answered", NOW.timestamp() + 100, text_tr="Çalışıyoruz", later=True)
    merged = person(incident(), "merged", NOW.timestamp() + 4000, merged_into="i2")
    for offset, record in enumerate((whole, told, merged), 3):
        add_record(rows, "incidents.v1", 0, offset, msgspec.json.encode(record))
    with stored.begin() as connection:
        write_rows(connection, rows)
    known, found, missing = holding.find_answerable(grown)
    assert (known.id, known.text_tr, missing) == ("i2", "Çalışıyoruz", 0)
    assert [m.text for m, _ in found] == ["Kadıköy'de internet yok"]
    assert [m.text for m, _ in holding.find_answerable(told)[1]] == ["Kadıköy'de internet yok"]
    solved = Outcome(
        id="o",
        kind="resolved",
        brand="default",
        conversation=found[0][0].conversation,
        item="i",
        department="technical",
        at=NOW + timedelta(hours=1),
    )
    rows = Rows()
    add_record(rows, "outcomes.v1", 0, 0, msgspec.json.encode(solved))
    with stored.begin() as connection:
        write_rows(connection, rows)
    assert holding.find_answerable(told)[1] == [], "who was helped is not told to wait"


def test_a_message_that_does_not_decode_takes_the_holding_text_from_nobody_else(
    stored: Engine,
) -> None:
    other = message("Kadıköy'de internet yok", native="2", root="r2")
    decided = decide_message(other, None, policy(), NOW).decision
    grown = incident(
        status="grown", at=NOW + timedelta(minutes=9), customers=9, messages=(other.id,)
    )
    told = person(incident(), "answered", NOW.timestamp() + 4000, text_tr="Çalışıyoruz")
    rows = Rows()
    add_record(rows, "messages.v1", 0, 1, msgspec.json.encode(other))
    add_record(rows, "decisions.v1", 0, 1, msgspec.json.encode(decided))
    for offset, record in enumerate((grown, told), 3):
        add_record(rows, "incidents.v1", 0, offset, msgspec.json.encode(record))
    with stored.begin() as connection:
        write_rows(connection, rows)
        broken = message("x").id
        connection.exec_driver_sql(f"UPDATE messages SET body = '{{' WHERE id = '{broken}'")
    holding = IncidentResponder(
        Settings(), stored, Publisher(KafkaSettings(bootstrap="127.0.0.1:1"), "test"), SystemClock()
    )
    known, found, missing = holding.find_answerable(told)
    assert (known.id, missing) == ("i1", 0)
    assert [m.id for m, _ in found] == [other.id]
