"""Turns a record into rows of the store: its own row, and extra rows for look-ups.

loop.py reads a batch, and sql.py writes its rows in one transaction.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from runtime.health.faults import is_outage, report_fault
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
from workers.recorder.columns import Row, fit_row, without_nul
from workers.recorder.search_index import Words
from workers.store.search_terms import words_of

log = get(__name__)

GROUP = "santral-recorder"
VERIFYING_CHANNELS = frozenset({"api", "phone", "whatsapp", "twilio", "sikayetvar"})
"""Channels that verify every handle of a sender; on the others people declare their own."""

IDENTIFYING_ENTITIES = frozenset({"email", "phone", "customer_no"})
"""Kinds of entities in a text that may identify a customer."""

R = TypeVar("R", bound=Record)


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


def _sender(message: Message) -> str:
    """Return the identifier of a message's sender, or the name without one."""
    handles = message.sender.handles
    return handles[0].value if handles else message.sender.name


def _add_message(rows: Rows, message: Message, body: str) -> None:
    rows.messages.append(
        (
            message.id,
            message.brand,
            message.channel,
            message.source,
            message.conversation,
            without_nul(_sender(message)),
            without_nul(message.subject),
            _milliseconds(message.received_at),
            body,
        )
    )
    if message.position:
        rows.arrivals.append((message.source, message.position, message.id))


def _add_message_extras(rows: Rows, message: Message) -> None:
    rows.words.append((message.id, words_of(message, _sender(message), rows.search_key)))
    if message.automatic is not None:
        return
    said_by = "source" if message.channel in VERIFYING_CHANNELS else "sender"
    for handle in message.sender.handles:
        rows.handles.append(
            (
                without_nul(node(handle)),
                message.id,
                said_by,
                message.brand,
                message.conversation,
                message.channel,
                _milliseconds(message.received_at),
            )
        )


def _add_decision(rows: Rows, decision: Decision, body: str) -> None:
    rows.decisions.append(
        (
            decision.message,
            decision.hops,
            decision.conversation,
            decision.channel,
            decision.department,
            decision.intent,
            decision.language,
            decision.action,
            decision.priority,
            decision.confidence,
            _milliseconds(decision.decided_at),
            body,
        )
    )


def _add_decision_extras(rows: Rows, decision: Decision) -> None:
    if decision.hops or decision.action == "automatic":
        return
    for entity in decision.entities:
        if entity.kind in IDENTIFYING_ENTITIES:
            rows.handles.append(
                (
                    f"{entity.kind}:{entity.value.casefold()}",
                    decision.message,
                    "text",
                    decision.brand,
                    decision.conversation,
                    decision.channel,
                    _milliseconds(decision.decided_at),
                )
            )


def _add_outcome(rows: Rows, outcome: Outcome, body: str) -> None:
    rows.outcomes.append(
        (
            outcome.id,
            outcome.kind,
            outcome.conversation,
            outcome.item,
            outcome.department,
            outcome.agent,
            _milliseconds(outcome.at),
            body,
        )
    )


def _add_dead_letter(rows: Rows, letter: DeadLetter, body: str) -> None:
    rows.dead.append(
        (
            letter.id,
            letter.attempt,
            letter.stage,
            letter.source,
            letter.code,
            letter.origin.position or letter.origin.key or "",
            letter.message or "",
            _milliseconds(letter.at),
            body,
        )
    )


def _add_incident(rows: Rows, incident: Incident, body: str) -> None:
    rows.incidents.append(
        (incident.id, _milliseconds(incident.at), incident.status, incident.brand, body)
    )


def _add_incident_extras(rows: Rows, incident: Incident) -> None:
    rows.incident_messages += [(incident.id, message) for message in incident.messages]


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
    count_record(rows, partition_key, offset)
    try:
        add_extras = _ROW_MAKERS[topic](rows, value)
    except Rejected as error:
        rows.undecodable[partition_key] += 1
        log.warning("record.undecodable", topic=topic, offset=offset, text=error.text)
        return
    if topic == topics.MESSAGES.name:
        rows.partitions.append(partition_key)
    if extras:
        try:
            add_extras()
        except Exception as error:
            if is_outage(error):
                raise
            report_fault(log, GROUP, error, topic=topic, offset=offset)


def count_record(rows: Rows, partition_key: tuple[str, int], offset: int) -> None:
    """Count a record of a topic's partition, and move the partition's next offset past it."""
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
        table[:] = [fit_row(name, row) for row in table]
