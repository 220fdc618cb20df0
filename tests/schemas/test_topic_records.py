"""The type, key, id and time of each topic's records, word for word as they are on the wire."""

from datetime import UTC, datetime

import msgspec
import pytest

from schemas import envelope, topics
from schemas.base import Record
from schemas.dead_letter import DeadLetter, Origin
from schemas.decision import Decision, Due, WorkItem
from schemas.incident import Incident, Pulse
from schemas.message import Party
from schemas.outcome import Outcome, Reply
from schemas.state.conversation import ConversationState
from schemas.state.cursor import Cursor
from schemas.state.delivery import ReplyDelivery
from schemas.state.link import Link
from schemas.state.waiting import CLOSED, WaitingMessage
from schemas.topics import AnyTopic, Topic
from tests.support.messages import message

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
_TIME = "2026-03-01T12:30:00+00:00"
_MESSAGE = message("Kargom nerede?", received_at=NOW)
_DECISION = Decision(
    message=_MESSAGE.id,
    brand="default",
    channel="api",
    conversation=_MESSAGE.conversation,
    department="billing",
    intent="late",
    action="auto",
    hops=2,
    decided_at=NOW,
)
_WORK = WorkItem(message=_MESSAGE, decision=_DECISION, due=Due(first_response=NOW, resolution=NOW))
_OUTCOME = Outcome(
    id="o1",
    kind="resolved",
    brand="default",
    conversation="c1",
    item="i1",
    department="billing",
    at=NOW,
)
_REPLY = Reply(
    id="r1",
    kind="answer",
    brand="default",
    channel="email",
    source="email:a",
    conversation="c1",
    message="m1",
    item="i1",
    department="billing",
    recipient=Party(),
    text="Merhaba",
    at=NOW,
)
_DELIVERY = ReplyDelivery(
    reply="r1",
    state="begun",
    attempt=3,
    process="p1",
    at=NOW,
    first_at=NOW,
    offset=5,
    channel="email",
    account="a",
)
_INCIDENT = Incident(
    id="n1", brand="default", status="grown", title="outage", opened_at=NOW, at=NOW
)
_LETTER = DeadLetter(
    id="d1",
    stage="ingest",
    source="email:a",
    code="mime.empty",
    text="",
    origin=Origin(),
    at=NOW,
)
_STATE = ConversationState(
    conversation="c1", brand="default", department="billing", opened_at=NOW, updated_at=NOW
)
_LINK = Link(id="l1", brand="default", a="email:a", b="phone:b", status="linked", agent="x", at=NOW)
_WAITING = WaitingMessage(
    message="m1", department="billing", conversation="c1", hops=2, arrived_ms=1772368200000
)
_CONVERSATION, _HOPS = _MESSAGE.conversation, f"{_MESSAGE.id};2"

WIRE: list[tuple[AnyTopic, Record, str, str, str]] = [
    (topics.MESSAGES, _MESSAGE, "santral.message.v1", _CONVERSATION, _MESSAGE.id),
    (topics.DECISIONS, _DECISION, "santral.decision.v1", _CONVERSATION, _HOPS),
    (topics.queue("billing"), _WORK, "santral.work_item.v1", _CONVERSATION, _HOPS),
    (topics.CONVERSATIONS, _STATE, "santral.conversation_state.v1", "c1", "c1"),
    (topics.OUTCOMES, _OUTCOME, "santral.outcome.v1", "c1", "o1"),
    (topics.WAITING, _WAITING, "santral.waiting_message.v1", "m1/2", "m1/2"),
    (topics.REPLIES, _REPLY, "santral.reply.v1", "c1", "r1"),
    (topics.DELIVERIES, _DELIVERY, "santral.delivery.v1", "r1", "r1/begun/3/p1"),
    (topics.INCIDENTS, _INCIDENT, "santral.incident.v1", "n1", f"n1;grown;{_TIME}"),
    (
        topics.PULSES,
        Pulse(brand="default", hour=NOW),
        "santral.pulse.v1",
        "default",
        "375b7227-99de-5d98-b175-4b0cd12be16a",
    ),
    (topics.LINKS, _LINK, "santral.link.v1", "l1", f"l1;{_TIME}"),
    (topics.DEAD, _LETTER, "santral.dead_letter.v1", "email:a", "d1"),
    (
        topics.CURSORS,
        Cursor(source="email:a", epoch="1", position=7, at=NOW),
        "santral.cursor.v1",
        "email:a",
        "email:a;1;7",
    ),
]
"""The topic and a record of it, with the type, the key and the id that consumers read."""


@pytest.mark.parametrize(
    ("topic", "record", "ce_type", "key", "identifier"), WIRE, ids=[row[0].name for row in WIRE]
)
def test_a_record_is_on_the_wire_as_consumers_know_it(
    topic: AnyTopic, record: msgspec.Struct, ce_type: str, key: str, identifier: str
) -> None:
    assert topic.key_of(record) == key
    assert dict(envelope.headers(topic, record, "santral/test", None)) == {
        "ce_specversion": b"1.0",
        "ce_id": identifier.encode(),
        "ce_type": ce_type.encode(),
        "ce_source": b"santral/test",
        "ce_time": _TIME.encode(),
        "content-type": b"application/json",
    }


def test_the_table_has_every_topic() -> None:
    assert {row[0].name for row in WIRE} == {t.name for t in topics.all_topics(("billing",))}


def test_a_renamed_struct_leaves_its_type_on_the_wire() -> None:
    class Bookmark(Cursor, frozen=True, kw_only=True):
        pass

    renamed: Topic[Bookmark] = Topic(
        name=topics.CURSORS.name,
        key=topics.CURSORS.key,
        struct=Bookmark,
        ce_type=topics.CURSORS.ce_type,
        key_of=topics.CURSORS.key_of,
        id_of=topics.CURSORS.id_of,
        time_of=topics.CURSORS.time_of,
        written_by="ingest",
        read_by="ingest",
        carries="",
    )
    bookmark = Bookmark(source="email:a", epoch="1", position=7, at=NOW)
    headers = dict(envelope.headers(renamed, bookmark, "santral/ingest", None))
    assert headers["ce_type"] == b"santral.cursor.v1"


def test_a_dead_letter_that_was_refused_again_has_its_own_id() -> None:
    assert topics.DEAD.id_of(msgspec.structs.replace(_LETTER, attempt=2)) == "d1;2"


def test_a_closing_that_came_before_its_message_has_a_key_of_its_own() -> None:
    closing = msgspec.structs.replace(_WAITING, state=CLOSED)
    assert topics.WAITING.key_of(closing) == "m1/closed"
