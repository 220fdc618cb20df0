"""Turns a record into rows of the store: its own row, and extra rows for look-ups.

loop.py reads a batch, and sql.py writes its rows in one transaction.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import BigInteger, Column

from runtime.health.faults import guard
from runtime.log import get
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.base import Record
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.errors import Rejected
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.link import Link, node
from schemas.topics import Topic
from workers.recorder.search_index import Words
from workers.store.search_terms import words_of
from workers.store.tables import METADATA

log = get(__name__)

GROUP = "santral-recorder"
VERIFYING_CHANNELS = frozenset({"api", "phone", "whatsapp", "twilio", "sikayetvar"})
"""Channels that verify every handle of a sender; on the others people declare their own."""

IDENTIFYING_ENTITIES = frozenset({"email", "phone", "customer_no"})
"""Kinds of entities in a text that may identify a customer."""

_MAX_COLUMN_CHARS = 200
"""A text that the store refused is cut to this length; the body keeps it."""
_MAX_BIG_INTEGER, _MAX_INTEGER = 2**63 - 1, 2**31 - 1
"""The largest numbers of the columns, a BigInteger and PostgreSQL's Integer."""

R = TypeVar("R", bound=Record)
Row = tuple[str | int | float | None, ...]
"""The values of a row in the order of COLUMNS."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": (
        "id",
        "brand",
        "channel",
        "source",
        "conversation",
        "sender",
        "subject",
        "received_ms",
        "body",
    ),
    "arrivals": ("source", "position", "message"),
    "decisions": (
        "message",
        "hops",
        "conversation",
        "channel",
        "department",
        "intent",
        "language",
        "action",
        "priority",
        "confidence",
        "decided_ms",
        "body",
    ),
    "outcomes": ("id", "kind", "conversation", "item", "department", "agent", "at_ms", "body"),
    "dead": (
        "id",
        "attempt",
        "stage",
        "source",
        "code",
        "position",
        "message",
        "at_ms",
        "body",
    ),
    "incidents": ("id", "at_ms", "status", "brand", "body"),
    "incident_messages": ("incident", "message"),
    "handles": ("node", "message", "said_by", "brand", "conversation", "channel", "at_ms"),
    "links": ("id", "at_ms", "a", "b", "body"),
}
"""The columns of each table's rows, in the order of the rows below."""


@dataclass
class Rows:
    """The rows of one batch by table, and its partitions' first and next offsets.

    `partitions` has the partition of each of the `messages`. `search_key` hashes personal numbers
    in `words`; without a key they can't be searched.
    """

    search_key: bytes = b""

    messages: list[Row] = field(default_factory=list)
    partitions: list[tuple[str, int]] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    arrivals: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    dead: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    incident_messages: list[Row] = field(default_factory=list)
    handles: list[Row] = field(default_factory=list)
    links: list[Row] = field(default_factory=list)
    first: dict[tuple[str, int], int] = field(default_factory=dict)
    next: dict[tuple[str, int], int] = field(default_factory=dict)
    records: Counter[tuple[str, int]] = field(default_factory=Counter)
    undecodable: Counter[tuple[str, int]] = field(default_factory=Counter)


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _without_nul(value: str) -> str:
    """Return a text without NUL, which PostgreSQL refuses."""
    return value.replace("\x00", "")


def _sender(message: Message) -> str:
    """Return the identifier of a message's sender, or the name without one."""
    handles = message.sender.handles
    return handles[0].value if handles else message.sender.name


def _add_message(rows: Rows, m: Message, body: str) -> None:
    rows.messages.append(
        (
            m.id,
            m.brand,
            m.channel,
            m.source,
            m.conversation,
            _without_nul(_sender(m)),
            _without_nul(m.subject),
            _milliseconds(m.received_at),
            body,
        )
    )
    if m.position:
        rows.arrivals.append((m.source, m.position, m.id))


def _add_message_extras(rows: Rows, m: Message) -> None:
    rows.words.append((m.id, words_of(m, _sender(m), rows.search_key)))
    said_by = "source" if m.channel in VERIFYING_CHANNELS else "sender"
    for handle in m.sender.handles if m.automatic is None else ():
        rows.handles.append(
            (
                _without_nul(node(handle)),
                m.id,
                said_by,
                m.brand,
                m.conversation,
                m.channel,
                _milliseconds(m.received_at),
            )
        )


def _add_decision(rows: Rows, d: Decision, body: str) -> None:
    rows.decisions.append(
        (
            d.message,
            d.hops,
            d.conversation,
            d.channel,
            d.department,
            d.intent,
            d.language,
            d.action,
            d.priority,
            d.confidence,
            _milliseconds(d.decided_at),
            body,
        )
    )


def _add_decision_extras(rows: Rows, d: Decision) -> None:
    for entity in d.entities if not d.hops and d.action != "automatic" else ():
        if entity.kind in IDENTIFYING_ENTITIES:
            name = f"{entity.kind}:{entity.value.casefold()}"
            rows.handles.append(
                (
                    name,
                    d.message,
                    "text",
                    d.brand,
                    d.conversation,
                    d.channel,
                    _milliseconds(d.decided_at),
                )
            )


def _add_outcome(rows: Rows, o: Outcome, body: str) -> None:
    rows.outcomes.append(
        (o.id, o.kind, o.conversation, o.item, o.department, o.agent, _milliseconds(o.at), body)
    )


def _add_dead_letter(rows: Rows, d: DeadLetter, body: str) -> None:
    rows.dead.append(
        (
            d.id,
            d.attempt,
            d.stage,
            d.source,
            d.code,
            d.origin.position or d.origin.key or "",
            d.message or "",
            _milliseconds(d.at),
            body,
        )
    )


def _add_incident(rows: Rows, i: Incident, body: str) -> None:
    rows.incidents.append((i.id, _milliseconds(i.at), i.status, i.brand, body))


def _add_incident_extras(rows: Rows, i: Incident) -> None:
    rows.incident_messages += [(i.id, m) for m in i.messages]


def _add_link(rows: Rows, link: Link, body: str) -> None:
    rows.links.append((link.id, _milliseconds(link.at), link.a, link.b, body))


def _add_no_extras(_rows: Rows, _record: Record) -> None:
    """Add nothing, because the record has only its own row."""


RowMaker = Callable[[Rows, bytes | None], Callable[[], None]]
"""Adds a record's own row, and returns the step that adds its extra rows; raises Rejected."""


def _row_maker(
    topic: Topic[R],
    add_row: Callable[[Rows, R, str], None],
    add_extras: Callable[[Rows, R], None] = _add_no_extras,
) -> RowMaker:
    def add(rows: Rows, value: bytes | None) -> Callable[[], None]:
        record = envelope.decode(topic.struct, value)
        assert value is not None
        is_known(topic, record)  # the store has records with other words, too
        add_row(rows, record, value.decode())
        return partial(add_extras, rows, record)

    return add


_ROW_MAKERS: dict[str, RowMaker] = {
    topics.MESSAGES.name: _row_maker(topics.MESSAGES, _add_message, _add_message_extras),
    topics.DECISIONS.name: _row_maker(topics.DECISIONS, _add_decision, _add_decision_extras),
    topics.OUTCOMES.name: _row_maker(topics.OUTCOMES, _add_outcome),
    topics.DEAD.name: _row_maker(topics.DEAD, _add_dead_letter),
    topics.INCIDENTS.name: _row_maker(topics.INCIDENTS, _add_incident, _add_incident_extras),
    topics.LINKS.name: _row_maker(topics.LINKS, _add_link),
}


def add_record(
    rows: Rows,
    topic: str,
    partition: int,
    offset: int,
    value: bytes | None,
    *,
    extras: bool = True,
) -> None:
    """Add one record to a batch.

    An undecodable one is only counted, since the router has made it a dead letter. A fault in the
    extras (words, handles …) costs only them.
    """
    partition_key = (topic, partition)
    count_record(rows, topic, partition, offset)
    try:
        add_extras = _ROW_MAKERS[topic](rows, value)
    except Rejected as error:
        rows.undecodable[partition_key] += 1
        log.warning("record.undecodable", topic=topic, offset=offset, text=error.text)
        return
    if topic == topics.MESSAGES.name:
        rows.partitions.append(partition_key)
    if extras:
        with guard(log, GROUP, topic=topic, offset=offset):
            add_extras()


def count_record(rows: Rows, topic: str, partition: int, offset: int) -> None:
    """Count a record, and move its partition's next offset past it."""
    partition_key = (topic, partition)
    rows.first.setdefault(partition_key, offset)
    rows.next[partition_key] = offset + 1
    rows.records[partition_key] += 1


def fit_columns(rows: Rows) -> None:
    """Fit the columns of the records' own rows to every store; the bodies stay unchanged."""
    by_table = {
        "messages": rows.messages,
        "decisions": rows.decisions,
        "outcomes": rows.outcomes,
        "dead": rows.dead,
        "incidents": rows.incidents,
        "links": rows.links,
    }
    for name, table in by_table.items():
        columns = list(METADATA.tables[name].columns)[:-1]
        table[:] = [(*map(_fitted, row[:-1], columns), row[-1]) for row in table]


def _fitted(
    value: str | int | float | None, column: Column[str | int | float | None]
) -> str | int | float | None:
    if isinstance(value, str):
        return _without_nul(value.encode("utf-8", "replace").decode())[:_MAX_COLUMN_CHARS]
    if not isinstance(value, int):
        return value
    limit = _MAX_BIG_INTEGER if isinstance(column.type, BigInteger) else _MAX_INTEGER
    return max(-limit, min(limit, value))
