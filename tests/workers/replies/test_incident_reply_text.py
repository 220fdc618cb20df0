"""The customers of an incident get the holding text in their language, once each."""

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Engine

from router.decision.decide import decide_message
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.settings.structs import KafkaSettings, Settings
from schemas.decision import Decision
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state import conversation as states
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default
from tests.support.router.incident_store import encode_rows, incident_store
from tests.support.router.incidents import incident, verdict
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.replies.incident_reply import IncidentResponder, holding_text, suppression_reason

__all__ = ["incident_store"]

OUTAGE = "Kadıköy'de internet yok"


def test_a_holding_text_is_in_the_customers_language() -> None:
    answered = incident(text_tr="Üzerindeyiz", text_en="We are on it")
    assert holding_text(answered, "tr") == "Üzerindeyiz"
    assert holding_text(answered, "en") == "We are on it"
    assert "Üzerindeyiz" in holding_text(answered, "und")
    assert "We are on it" in holding_text(answered, "de")


def test_a_customer_without_a_text_of_their_language_gets_the_only_one() -> None:
    assert holding_text(incident(text_tr="Üzerindeyiz"), "en") == "Üzerindeyiz"


def test_a_customer_gets_the_holding_text() -> None:
    sent = message("internet yok")
    assert suppression_reason(sent, decide_default(sent).decision) is None


def test_a_new_participant_gets_no_holding_text() -> None:
    sent = message("internet yok")
    decision = msgspec.structs.replace(decide_default(sent).decision, flags=("new_participant",))
    assert suppression_reason(sent, decision) == "new_participant"


def test_a_message_that_allows_no_automatic_answer_gets_no_holding_text() -> None:
    sent = message("internet yok", flags=("no_automatic_answer",))
    assert suppression_reason(sent, decide_default(sent).decision) == "no_automatic_answer"


@pytest.fixture
def responder(incident_store: Engine) -> IncidentResponder:
    """A responder with the store of an incident; it publishes nothing in these tests."""
    publisher = Publisher(KafkaSettings(bootstrap="127.0.0.1:1"), "test")
    return IncidentResponder(Settings(), incident_store, publisher, SystemClock())


GROWN = incident(
    status="grown", at=NOW + timedelta(minutes=6), customers=8, messages=(message("x").id,)
)


def _answer_and_merge(engine: Engine) -> Incident:
    """Answer a second incident, and merge the first one into it; return the answer."""
    main = incident("i2")
    answered = verdict(main, "answered", NOW.timestamp() + 100, text_tr="Çalışıyoruz", later=True)
    merged = verdict(incident(), "merged", NOW.timestamp() + 4000, merged_into="i2")
    with engine.begin() as connection:
        write_rows(connection, encode_rows("incidents.v1", main, answered, merged, offset=3))
    return answered


def test_customers_of_an_unanswered_incident_get_no_text(responder: IncidentResponder) -> None:
    _, answerable, missing = responder.find_answerable(GROWN)
    assert (answerable, missing) == ([], 0)


def test_a_message_that_the_store_lacks_is_missing(responder: IncidentResponder) -> None:
    ahead = incident(status="grown", at=NOW + timedelta(hours=9), messages=("x",))
    assert responder.find_answerable(ahead)[2] == 1


def test_a_later_customer_gets_the_answer_of_the_merged_incident(
    responder: IncidentResponder, incident_store: Engine
) -> None:
    answered = _answer_and_merge(incident_store)
    main, answerable, missing = responder.find_answerable(GROWN)
    assert (main.id, main.text_tr, missing) == ("i2", "Çalışıyoruz", 0)
    assert [m.text for m, _ in answerable] == [OUTAGE]
    assert [m.text for m, _ in responder.find_answerable(answered)[1]] == [OUTAGE]


def test_a_resolved_conversation_gets_no_holding_text(
    responder: IncidentResponder, incident_store: Engine
) -> None:
    answered = _answer_and_merge(incident_store)
    resolved = Outcome(
        id="o",
        kind="resolved",
        brand="default",
        conversation=message("x").conversation,
        item="i",
        department="technical",
        at=NOW + timedelta(hours=1),
    )
    with incident_store.begin() as connection:
        write_rows(connection, encode_rows("outcomes.v1", resolved))
    assert responder.find_answerable(answered)[1] == []


def _record(engine: Engine, *records: Outcome | Message | Decision, offset: int = 100) -> None:
    rows = Rows()
    for number, record in enumerate(records, offset):
        topic = {Outcome: "outcomes.v1", Message: "messages.v1", Decision: "decisions.v1"}
        add_record(rows, topic[type(record)], 0, number, msgspec.json.encode(record))
    with engine.begin() as connection:
        write_rows(connection, rows)


def test_a_customer_who_comes_back_during_an_outage_gets_the_holding_text(
    responder: IncidentResponder, incident_store: Engine
) -> None:
    first = message("x")
    state = decide_default(message(OUTAGE)).state
    assert state is not None
    state = states.closed(state, "o", (first.id,), NOW)
    back = message(OUTAGE, native="back", received_at=NOW + timedelta(hours=2))
    decision = decide_message(back, state, policy(), NOW + timedelta(hours=2)).decision
    assert "reopened" in decision.flags
    _record(incident_store, _resolved(first.conversation, (first.id,)), back, decision)
    grown = incident(status="grown", at=NOW + timedelta(hours=3), messages=(back.id,))
    answered = verdict(incident(), "answered", NOW.timestamp() + 20000, text_tr="Çalışıyoruz")
    with incident_store.begin() as connection:
        write_rows(connection, encode_rows("incidents.v1", grown, answered, offset=3))
    assert [m.id for m, _ in responder.find_answerable(answered)[1]] == [back.id]
    again = _resolved(first.conversation, (back.id,), hours=4)
    _record(incident_store, msgspec.structs.replace(again, id="o2"), offset=200)
    answerable = responder.find_answerable(answered)[1]
    assert back.id not in [m.id for m, _ in answerable], "somebody resolved it, too"


def test_a_person_who_opens_a_conversation_again_makes_it_wait(
    responder: IncidentResponder, incident_store: Engine
) -> None:
    answered = _answer_and_merge(incident_store)
    first = message("x")
    resolved = _resolved(first.conversation, (first.id,))
    reopened = msgspec.structs.replace(
        resolved, id="o2", kind="reopened", at=NOW + timedelta(hours=2)
    )
    _record(incident_store, resolved)
    assert responder.find_answerable(answered)[1] == []
    _record(incident_store, reopened, offset=200)
    assert [m.id for m, _ in responder.find_answerable(answered)[1]] == [first.id]


def _resolved(conversation: str, messages: tuple[str, ...], hours: int = 1) -> Outcome:
    return Outcome(
        id="o",
        kind="resolved",
        brand="default",
        conversation=conversation,
        item="i",
        department="technical",
        messages=messages,
        at=NOW + timedelta(hours=hours),
    )


def test_a_damaged_message_costs_no_other_customer_the_holding_text(
    responder: IncidentResponder, incident_store: Engine
) -> None:
    other = message(OUTAGE, native="2", root="r2")
    grown = incident(
        status="grown", at=NOW + timedelta(minutes=9), customers=9, messages=(other.id,)
    )
    answered = verdict(incident(), "answered", NOW.timestamp() + 4000, text_tr="Çalışıyoruz")
    rows = encode_rows("incidents.v1", grown, answered, offset=3)
    decision = decide_default(other).decision
    add_record(rows, "messages.v1", 0, 1, msgspec.json.encode(other))
    add_record(rows, "decisions.v1", 0, 1, msgspec.json.encode(decision))
    with incident_store.begin() as connection:
        write_rows(connection, rows)
        damaged = message("x").id
        connection.exec_driver_sql(f"UPDATE messages SET body = '{{' WHERE id = '{damaged}'")
    main, answerable, missing = responder.find_answerable(answered)
    assert (main.id, missing) == ("i1", 0)
    assert [m.id for m, _ in answerable] == [other.id]
