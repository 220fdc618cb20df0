"""Turns a record into rows of the store: its own row, and extra rows for look-ups.

Before: recorder.py reads a batch. After: batch_writer.py writes it in one transaction.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Column

from runtime.health.faults import guard
from runtime.log import get
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.errors import Rejected
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.link import Link, node
from workers.store.search_terms import words_of
from workers.store.tables import METADATA

log = get(__name__)

GROUP = "santral-recorder"
VOUCHING = frozenset({"api", "phone", "whatsapp", "twilio", "sikayetvar"})
"""Channels whose source verifies the sender's handles; on others people type their own."""

CLAIMS = frozenset({"email", "phone", "customer_no"})
"""Entities of a text that may identify a customer."""

_SCRUBBED_CHARS = 200
_MOST, _MOST_SMALL = 2**63 - 1, 2**31 - 1
"""The largest numbers of the columns: BigInteger, and PostgreSQL's Integer."""

Row = tuple[Any, ...]

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
    """The rows of one batch by table, and its partitions' next offsets.

    `search_key` hashes personal numbers in `words`; without a key they can't be searched.
    """

    search_key: bytes = b""

    messages: list[Row] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    words: list[Row] = field(default_factory=list)
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


def _ms(instant: Any) -> int:
    return int(instant.timestamp() * 1000)


def _plain(value: str) -> str:
    """Return a text without NUL, which PostgreSQL refuses."""
    return value.replace("\x00", "")


def _message(rows: Rows, m: Message, body: str) -> None:
    handles = m.sender.handles
    sender = handles[0].value if handles else m.sender.name
    rows.messages.append(
        (
            m.id,
            m.brand,
            m.channel,
            m.source,
            m.conversation,
            _plain(sender),
            _plain(m.subject),
            _ms(m.received_at),
            body,
        )
    )
    if m.position:
        rows.arrivals.append((m.source, m.position, m.id))


def _message_extras(rows: Rows, m: Message) -> None:
    handles = m.sender.handles
    sender = handles[0].value if handles else m.sender.name
    rows.words.append((m.id, words_of(m, sender, rows.search_key)))
    said_by = "source" if m.channel in VOUCHING else "sender"
    for handle in handles if m.automatic is None else ():
        rows.handles.append(
            (
                _plain(node(handle)),
                m.id,
                said_by,
                m.brand,
                m.conversation,
                m.channel,
                _ms(m.received_at),
            )
        )


def _decision(rows: Rows, d: Decision, body: str) -> None:
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
            _ms(d.decided_at),
            body,
        )
    )


def _decision_extras(rows: Rows, d: Decision) -> None:
    for entity in d.entities if not d.hops and d.action != "automatic" else ():
        if entity.kind in CLAIMS:
            name = f"{entity.kind}:{entity.value.casefold()}"
            rows.handles.append(
                (name, d.message, "text", d.brand, d.conversation, d.channel, _ms(d.decided_at))
            )


def _outcome(rows: Rows, o: Outcome, body: str) -> None:
    rows.outcomes.append(
        (o.id, o.kind, o.conversation, o.item, o.department, o.agent, _ms(o.at), body)
    )


def _dead(rows: Rows, d: DeadLetter, body: str) -> None:
    rows.dead.append(
        (
            d.id,
            d.attempt,
            d.stage,
            d.source,
            d.code,
            d.origin.position or d.origin.key or "",
            d.message or "",
            _ms(d.at),
            body,
        )
    )


def _incident(rows: Rows, i: Incident, body: str) -> None:
    rows.incidents.append((i.id, _ms(i.at), i.status, i.brand, body))


def _incident_extras(rows: Rows, i: Incident) -> None:
    rows.incident_messages += [(i.id, m) for m in i.messages]


def _link(rows: Rows, link: Link, body: str) -> None:
    rows.links.append((link.id, _ms(link.at), link.a, link.b, body))


def _no_extras(_rows: Rows, _record: Any) -> None:
    """Add nothing: the record has only its own row."""


_TAKE: dict[str, tuple[Any, Callable[[Rows, Any, str], None], Callable[[Rows, Any], None]]] = {
    topics.MESSAGES.name: (Message, _message, _message_extras),
    topics.DECISIONS.name: (Decision, _decision, _decision_extras),
    topics.OUTCOMES.name: (Outcome, _outcome, _no_extras),
    topics.DEAD.name: (DeadLetter, _dead, _no_extras),
    topics.INCIDENTS.name: (Incident, _incident, _incident_extras),
    topics.LINKS.name: (Link, _link, _no_extras),
}
"""For each topic: its Struct, the function for its own row, and the one for its extra rows."""


def take(
    rows: Rows,
    topic: str,
    partition: int,
    offset: int,
    value: bytes | None,
    *,
    extras: bool = True,
) -> None:
    """Add one record to a batch; count an undecodable one, which the router has buried.

    A fault in the extras (words, handles …) costs only them.
    """
    position = (topic, partition)
    skip(rows, topic, partition, offset)
    struct, put, put_extras = _TAKE[topic]
    try:
        decoded = envelope.decode(struct, value)
    except Rejected as error:
        rows.undecodable[position] += 1
        log.warning("record.undecodable", topic=topic, offset=offset, text=error.text)
        return
    assert value is not None
    put(rows, decoded, value.decode())
    if struct is Message:
        rows.places.append(position)
    if extras:
        with guard(log, GROUP, topic=topic, offset=offset):
            put_extras(rows, decoded)


def skip(rows: Rows, topic: str, partition: int, offset: int) -> None:
    """Count a record, and move its partition's next offset past it."""
    partition_key = (topic, partition)
    rows.first.setdefault(partition_key, offset)
    rows.next[partition_key] = offset + 1
    rows.records[partition_key] += 1


def scrub(rows: Rows) -> None:
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
        table[:] = [(*map(_scrubbed, row[:-1], columns), row[-1]) for row in table]


def _scrubbed(value: Any, column: Column[Any]) -> Any:
    if isinstance(value, str):
        return _plain(value.encode("utf-8", "replace").decode())[:_SCRUBBED_CHARS]
    if isinstance(value, int):
        most = _MOST if isinstance(column.type, BigInteger) else _MOST_SMALL
        return max(-most, min(most, value))
    return value
