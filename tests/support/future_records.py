"""Records as a later version of Santral may write them: another word in every open list, and a field
that nobody knows in every object.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import inspect

from schemas import topics
from schemas.base import Record
from schemas.dead_letter import DeadLetter, Origin
from schemas.decision import Decision, Due, Entity, Evidence, Guess, Reason, RunnerUp, WorkItem
from schemas.incident import Incident, Pulse, Sign
from schemas.message import (
    Answering,
    Attachment,
    Automatic,
    Bounce,
    Call,
    Event,
    Forwarded,
    Handle,
    Message,
    Party,
    Post,
    Raw,
    Turn,
)
from schemas.outcome import Outcome, Reply
from schemas.state.conversation import ConversationState
from schemas.state.cursor import Cursor
from schemas.state.delivery import ReplyDelivery
from schemas.state.link import Link
from schemas.state.waiting import WaitingMessage
from schemas.topics import AnyTopic
from tests.support.json_body import JsonBody

WORD = "of_tomorrow"
"""A word that no open list has."""

FIELD = "field_of_tomorrow"
_OPEN = "An open list"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_PARTY = Party(name="Ada", handles=(Handle(kind="email", value="ada@ornek.example"),))

MESSAGE = Message(
    id="m1",
    brand="default",
    channel="email",
    source="email:destek",
    native_id="<m1@ornek.example>",
    conversation="c1",
    kind="mail",
    sender=_PARTY,
    recipients=(_PARTY,),
    subject="Fatura",
    text="Faturam yanlış geldi",
    full_text="Faturam yanlış geldi",
    sent_at=NOW,
    received_at=NOW,
    attachments=(Attachment(name="f.pdf", type="application/pdf", size=1, sha256="0" * 64),),
    forwarded=Forwarded(sender=_PARTY, recipients=(_PARTY,), text="eski"),
    call=Call(turns=(Turn(speaker="1", role="customer", start=0, end=1, text="Alo"),)),
    post=Post(url="https://ornek.example/1"),
    raw=Raw(sha256="0" * 64, size=1, ref="x"),
    answering=Answering(limit=100),
)
"""A message with every part but `event` and `automatic`, which change its way."""

DECISION = Decision(
    message="m1",
    brand="default",
    channel="email",
    conversation="c1",
    department="billing",
    intent="complaint",
    language="tr",
    reasons=(
        Reason(
            kind="rule",
            id="billing.wrong",
            version="1",
            evidence=(Evidence(start=0, end=6, text="Fatura"),),
            text_tr="fatura",
            text_en="invoice",
        ),
    ),
    runner_up=RunnerUp(department="orders", confidence=0.1),
    guesses=(Guess(department="billing", confidence=0.9),),
    entities=(Entity(kind="order_number", value="1", start=0, end=1),),
    action="queue",
    decided_at=NOW,
)
_WORK = WorkItem(message=MESSAGE, decision=DECISION, due=Due(first_response=NOW, resolution=NOW))

RECORDS: dict[str, Record] = {
    topics.MESSAGES.name: MESSAGE,
    topics.DECISIONS.name: DECISION,
    topics.queue("billing").name: _WORK,
    topics.CONVERSATIONS.name: ConversationState(
        conversation="c1", brand="default", department="billing", opened_at=NOW, updated_at=NOW
    ),
    topics.OUTCOMES.name: Outcome(
        id="o1",
        kind="note",
        brand="default",
        conversation="c1",
        item="m1",
        department="billing",
        messages=("m1",),
        message_hops=(0,),
        at=NOW,
        moved=_WORK,
    ),
    topics.WAITING.name: WaitingMessage(message="m1", department="billing", conversation="c1"),
    topics.REPLIES.name: Reply(
        id="r1",
        kind="answer",
        brand="default",
        channel="email",
        source="email:destek",
        conversation="c1",
        message="m1",
        item="m1",
        department="billing",
        recipient=_PARTY,
        text="Merhaba",
        at=NOW,
    ),
    topics.DELIVERIES.name: ReplyDelivery(
        reply="r1", state="begun", at=NOW, first_at=NOW, offset=1, channel="email", account="a"
    ),
    topics.INCIDENTS.name: Incident(
        id="n1",
        brand="default",
        status="opened",
        title="kesinti",
        signs=(Sign(term="inter", word="internet"),),
        opened_at=NOW,
        at=NOW,
    ),
    topics.PULSES.name: Pulse(brand="default", hour=NOW, messages=1, terms={"inter": 1}),
    topics.LINKS.name: Link(
        id="l1", brand="default", a="email:a", b="phone:b", status="linked", agent="ada", at=NOW
    ),
    topics.DEAD.name: DeadLetter(
        id="d1",
        stage="ingest",
        source="email:destek",
        code="mime.empty",
        text="",
        origin=Origin(),
        at=NOW,
    ),
    topics.CURSORS.name: Cursor(source="email:destek", epoch="1", position=1, at=NOW),
}
"""A record of each topic, as this version writes it."""

PARTS: tuple[Record, ...] = (
    Event(kind="edited", of="m0"),
    Automatic(kind="bounce", evidence="x", bounce=Bounce(recipient="a", hard=True)),
)
"""The parts that change the way of a message, which tests replace one by one."""


def future_value(record: Record) -> bytes:
    """Return a record's JSON with another word in every open list, and a new field everywhere."""
    body = msgspec.to_builtins(record)
    return msgspec.json.encode(_future(inspect.type_info(type(record)), body))


def closed_lists(topic: AnyTopic) -> list[str]:
    """Return the fields of a topic's Struct that refuse a word which they do not know."""
    return sorted(set(_closed(inspect.type_info(topic.struct), topic.struct.__name__)))


def _future(kind: inspect.Type, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case inspect.Metadata(type=inner):
            return WORD if _is_open(kind) else _future(inner, value)
        case inspect.UnionType(types=types):
            return _future(next(t for t in types if not isinstance(t, inspect.NoneType)), value)
        case inspect.VarTupleType(item_type=item):
            return [_future(item, each) for each in value]
        case inspect.StructType(fields=fields):
            body: JsonBody = {
                f.encode_name: _future(f.type, value.get(f.encode_name, f.default))
                for f in fields
                if f.encode_name in value or _is_open(f.type)
            }
            return body | {FIELD: {"a": [1, None]}}
        case _:
            return value


def _is_open(kind: inspect.Type) -> bool:
    if not isinstance(kind, inspect.Metadata):
        return False
    return str((kind.extra_json_schema or {}).get("description", "")).startswith(_OPEN)


def _closed(kind: inspect.Type, path: str) -> Iterator[str]:
    match kind:
        case inspect.LiteralType() | inspect.EnumType():
            yield path
        case inspect.Metadata(type=inner) | inspect.VarTupleType(item_type=inner):
            yield from _closed(inner, path)
        case inspect.UnionType(types=types):
            for each in types:
                yield from _closed(each, path)
        case inspect.StructType(fields=fields):
            for f in fields:
                yield from _closed(f.type, f"{path}.{f.encode_name}")
        case _:
            pass
