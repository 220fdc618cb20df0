"""The recorder: Kafka's records -> the store, each once, with the offsets in the same transaction.

Before: messages.v1, decisions.v1, outcomes.v1, incidents.v1, dead.v1. After: reading.py, ledger.py,
console. A crash anywhere leaves the store as after its last transaction, and reading goes on from
there. A second recorder that still writes for a partition it lost finds other offsets and gives up.
"""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from sqlalchemy import BigInteger, Column, Connection, Engine, text

from runtime import metrics
from runtime.bus import rdkafka
from runtime.clock import Clock
from runtime.faults import guard, is_outage
from runtime.health import Fresh, Health
from runtime.log import get
from runtime.settings import Settings
from schemas import envelope, topics
from schemas.dead import DeadLetter
from schemas.decision import Decision
from schemas.errors import Rejected, Unavailable
from schemas.incident import Incident
from schemas.link import Link, node
from schemas.message import Message
from schemas.outcome import Outcome
from workers.search_index import Rebuild, write_words
from workers.search_terms import words_of
from workers.tables import METADATA

log = get(__name__)

GROUP = "santral-recorder"
INPUTS = (
    topics.MESSAGES,
    topics.DECISIONS,
    topics.OUTCOMES,
    topics.DEAD,
    topics.INCIDENTS,
    topics.LINKS,
)
_BATCH = 5000
_WAIT_S = 0.3
VOUCHING = frozenset({"api", "phone", "whatsapp", "twilio", "sikayetvar"})
"""Channels whose source knows who its sender is, all handles of theirs; elsewhere people type."""

CLAIMS = frozenset({"email", "phone", "customer_no"})
"""Entities of a text by which a customer may be known."""

_SCRUBBED_CHARS = 200
_MOST, _MOST_SMALL = 2**63 - 1, 2**31 - 1
"""The largest numbers that a column takes: of BigInteger, and of Integer in PostgreSQL."""

Row = tuple[Any, ...]


@dataclass
class Rows:
    """The rows of one batch by table, and how far its partitions were read.

    `search_key` hashes personal numbers in `words`; without one they can't be searched.
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
    """PostgreSQL keeps no NUL in a text."""
    return value.replace("\x00", "")


def _message(rows: Rows, m: Message, body: str) -> None:
    handles = m.sender.handles
    sender = handles[0].value if handles else m.sender.name
    rows.messages.append(
        (m.id, m.brand, m.channel, m.source, m.conversation, _plain(sender), _plain(m.subject),
         _ms(m.received_at), body)
    )  # fmt: skip
    if m.position:
        rows.arrivals.append((m.source, m.position, m.id))


def _message_extras(rows: Rows, m: Message) -> None:
    handles = m.sender.handles
    sender = handles[0].value if handles else m.sender.name
    rows.words.append((m.id, words_of(m, sender, rows.search_key)))
    said_by = "source" if m.channel in VOUCHING else "sender"
    for handle in handles if m.automatic is None else ():
        rows.handles.append(
            (_plain(node(handle)), m.id, said_by, m.brand, m.conversation, m.channel,
             _ms(m.received_at))
        )  # fmt: skip


def _decision(rows: Rows, d: Decision, body: str) -> None:
    rows.decisions.append(
        (d.message, d.hops, d.conversation, d.channel, d.department, d.intent, d.language,
         d.action, d.priority, d.confidence, _ms(d.decided_at), body)
    )  # fmt: skip


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
            d.origin.position or "",
            d.message or "",
            _ms(d.at),
            body,
        )
    )


def _incident(rows: Rows, i: Incident, body: str) -> None:
    rows.incidents.append((i.id, _ms(i.at), i.status, i.brand, body))


def _incident_extras(rows: Rows, i: Incident) -> None:
    rows.incident_messages += [(i.id, m) for m in i.messages]


def _link(rows: Rows, told: Link, body: str) -> None:
    rows.links.append((told.id, _ms(told.at), told.a, told.b, body))


def _no_extras(_rows: Rows, _record: Any) -> None:
    """Its own row is all there is of it."""


_TAKE: dict[str, tuple[Any, Callable[[Rows, Any, str], None], Callable[[Rows, Any], None]]] = {
    topics.MESSAGES.name: (Message, _message, _message_extras),
    topics.DECISIONS.name: (Decision, _decision, _decision_extras),
    topics.OUTCOMES.name: (Outcome, _outcome, _no_extras),
    topics.DEAD.name: (DeadLetter, _dead, _no_extras),
    topics.INCIDENTS.name: (Incident, _incident, _incident_extras),
    topics.LINKS.name: (Link, _link, _no_extras),
}
"""Of each topic: its Struct, what adds the record's own row, and what adds rows made of it."""


def take(
    rows: Rows, topic: str, partition: int, offset: int, value: bytes | None, *,
    extras: bool = True,
) -> None:  # fmt: skip
    """Add one record to a batch; what can't be decoded was buried by the router, and is counted.

    A fault in making the extras (words, handles …) costs those alone.
    """
    place = (topic, partition)
    skip(rows, topic, partition, offset)
    struct, put, put_extras = _TAKE[topic]
    try:
        decoded = envelope.decode(struct, value)
    except Rejected as error:
        rows.undecodable[place] += 1
        log.warning("record.undecodable", topic=topic, offset=offset, text=error.text)
        return
    assert value is not None
    put(rows, decoded, value.decode())
    if struct is Message:
        rows.places.append(place)
    if extras:
        with guard(log, GROUP, topic=topic, offset=offset):
            put_extras(rows, decoded)


def skip(rows: Rows, topic: str, partition: int, offset: int) -> None:
    """Count a record, and move its partition on behind it."""
    place = (topic, partition)
    rows.first.setdefault(place, offset)
    rows.next[place] = offset + 1
    rows.records[place] += 1


def scrub(rows: Rows) -> None:
    """Make the columns of the records' own rows such as any store takes; the bodies stay whole."""
    by_table = {
        "messages": rows.messages, "decisions": rows.decisions, "outcomes": rows.outcomes,
        "dead": rows.dead, "incidents": rows.incidents, "links": rows.links,
    }  # fmt: skip
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


class Fenced(Unavailable):
    """Another recorder has these partitions now."""


Raw = tuple[str, int, int, bytes | None]
"""Topic, partition, offset and value of a record."""


def store(engine: Engine, records: Sequence[Raw], search_key: bytes = b"") -> list[Rows]:
    """Write records in one transaction and return what was written; raise Fenced, or an outage.

    Where the store does not take a batch, its halves are tried in order, down to the record that
    a fault of ours is in: of that one its own row alone is written.
    """
    try:
        return [_store(engine, records, search_key, extras=True)]
    except Exception as error:
        if is_outage(error):
            raise
        if len(records) == 1:
            log.exception("recorder.bare", topic=records[0][0], offset=records[0][2])
    if len(records) > 1:
        half = len(records) // 2
        halves = (records[:half], records[half:])
        return [rows for part in halves for rows in store(engine, part, search_key)]
    metrics.count("santral_bugs_caught_total", step=GROUP)
    with guard(log, GROUP, topic=records[0][0], offset=records[0][2]):
        return [_store(engine, records, search_key, extras=False)]
    # Not even that: the record stays in Kafka alone, and the next one is not kept waiting.
    rows = Rows()
    topic, partition, offset, _ = records[0]
    skip(rows, topic, partition, offset)
    rows.undecodable[topic, partition] += 1
    with engine.begin() as connection:
        write(connection, rows)
    return [rows]


def _store(engine: Engine, records: Sequence[Raw], search_key: bytes, *, extras: bool) -> Rows:
    rows = Rows(search_key=search_key)
    for topic, partition, offset, value in records:
        take(rows, topic, partition, offset, value, extras=extras)
    if not extras:
        scrub(rows)
    with engine.begin() as connection:
        write(connection, rows)
    return rows


def write(connection: Connection, rows: Rows) -> None:
    """Write a batch in the transaction of `connection`; raise Fenced when it is not ours."""
    unseen = _new_messages(connection, rows.messages)
    kept = set(unseen)
    fresh: list[Row] = []
    new: Counter[tuple[str, int]] = Counter()
    for row, place in zip(rows.messages, rows.places, strict=True):
        if row[0] in unseen:
            unseen.discard(row[0])
            fresh.append(row)
            new[place] += 1
    insert(connection, "messages", fresh)
    words = {row[0]: row for row in rows.words if row[0] in kept}
    write_words(connection, list(words.values()), _copy)
    insert(connection, "arrivals", list({row[:2]: row for row in rows.arrivals}.values()))
    insert(connection, "decisions", rows.decisions)
    insert(connection, "outcomes", rows.outcomes)
    insert(connection, "dead", rows.dead)
    insert(connection, "incidents", rows.incidents)
    insert(connection, "incident_messages", rows.incident_messages)
    insert(connection, "handles", list({row[:3]: row for row in rows.handles}.values()))
    insert(connection, "links", rows.links)
    for place in rows.next:
        _advance(connection, place, rows, new[place])


def _new_messages(connection: Connection, rows: list[Row]) -> set[str]:
    """Return the ids that are not in the store yet; the first of several in the batch counts."""
    ids = {row[0] for row in rows}
    # One parameter for all of them: thousands would be compiled anew with every batch.
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(
            "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
    else:
        found = connection.exec_driver_sql(
            "SELECT id FROM messages WHERE id = ANY(%s)", (list(ids),)
        )
    return ids - {row[0] for row in found}


_COLUMNS = {
    "messages": 9, "arrivals": 3, "decisions": 12, "outcomes": 8, "dead": 9, "incidents": 5,
    "incident_messages": 2, "handles": 7, "links": 5,
}  # fmt: skip


def insert(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Insert rows, passing over those whose key is there: executemany in SQLite, COPY elsewhere."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * _COLUMNS[table])
        connection.exec_driver_sql(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", list(rows))
        return
    stage = f"new_{table}"
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {table}) ON COMMIT DELETE ROWS"
    )
    _copy(connection, stage, rows)
    connection.exec_driver_sql(f"INSERT INTO {table} SELECT * FROM {stage} ON CONFLICT DO NOTHING")


def _copy(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            # PostgreSQL keeps no NUL in a text.
            copy.write_row([v.replace("\x00", "") if isinstance(v, str) else v for v in row])


def _advance(connection: Connection, place: tuple[str, int], rows: Rows, fresh: int) -> None:
    """Move a partition's position on, from exactly where this batch began."""
    topic, partition = place
    kept = fresh if topic == topics.MESSAGES.name else rows.records[place]
    values = {
        "topic": topic, "partition": partition, "next": rows.next[place],
        "first": rows.first[place], "records": rows.records[place],
        "kept": kept, "undecodable": rows.undecodable[place],
    }  # fmt: skip
    moved = connection.execute(
        text(
            "UPDATE positions SET next_offset = :next, records = records + :records, "
            "kept = kept + :kept, undecodable = undecodable + :undecodable "
            "WHERE topic = :topic AND partition = :partition AND next_offset <= :first"
        ),
        values,
    )
    if moved.rowcount:
        return
    made = connection.execute(
        text(
            "INSERT INTO positions (topic, partition, next_offset, records, kept, undecodable) "
            "VALUES (:topic, :partition, :next, :records, :kept, :undecodable) "
            "ON CONFLICT DO NOTHING"
        ),
        values,
    )
    if not made.rowcount:
        raise Fenced(f"{topic}/{partition}: the store is ahead of offset {rows.first[place]}")


class Recorder:
    """The loop: a batch from Kafka, one transaction in the store."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock, health: Health) -> None:
        self._engine, self._clock = engine, clock
        self._key = settings.tokens.signing.encode()
        self._search = Rebuild(engine, self._key, _copy)
        self.fresh = Fresh(clock, 60, "turn of the recorder")
        health.add("recorder", self.fresh)
        self._consumer = Consumer(
            rdkafka(
                settings.kafka,
                **{
                    "group.id": GROUP, "client.id": f"santral-recorder-{os.getpid()}",
                    "enable.auto.commit": False, "enable.auto.offset.store": False,
                    "isolation.level": "read_committed", "auto.offset.reset": "earliest",
                    "session.timeout.ms": 10_000, "heartbeat.interval.ms": 2_000,
                    "fetch.wait.max.ms": 50, "queued.max.messages.kbytes": 32 * 1024,
                    "max.partition.fetch.bytes": 1024 * 1024, "fetch.max.bytes": 8 * 1024 * 1024,
                },
            )
        )  # fmt: skip

    def start(self) -> None:
        """Join the group; reading begins where the store says."""
        self._search.begin()
        self._consumer.subscribe([t.name for t in INPUTS], on_assign=self._assigned)

    def turn(self) -> int:
        """Record one batch; return how many records it had."""
        first = self._consumer.poll(0 if self._fill_search() else _WAIT_S)
        self.fresh.succeeded()
        if first is None:
            return 0
        records: list[Raw] = []
        began = self._clock.monotonic()
        for record in (first, *self._consumer.consume(_BATCH - 1, 0.02)):
            error = record.error()
            if error is None:
                place = record.topic(), record.partition()
                records.append((*place, record.offset(), record.value()))
            elif error.fatal():
                raise KafkaException(error)
            elif error.code() != KafkaError._PARTITION_EOF:
                log.warning("consume.error", error=error.str())
        if not records:
            return 0
        try:
            written = store(self._engine, records, self._key)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("recorder.back", why=str(error).splitlines()[0])
            self._rewind({(topic, partition) for topic, partition, _, _ in records})
            return 0
        for rows in written:
            self._count(rows, began)
        return len(records)

    def stop(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _fill_search(self) -> bool:
        """Index some messages of an old store; return True while there is more to do at once."""
        try:
            return self._search.pending and self._search.step()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("search.later", why=str(error).splitlines()[0])
            return False

    def _rewind(self, places: set[tuple[str, int]]) -> None:
        """Read on from where the store is, for partitions still ours."""
        held = {(p.topic, p.partition) for p in self._consumer.assignment()}
        for part in self._places([TopicPartition(t, p) for t, p in places & held]):
            self._consumer.seek(part)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(self._places(partitions))
        log.info("partitions.assigned", count=len(partitions))

    def _places(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        with self._engine.connect() as connection:
            found = connection.execute(
                text("SELECT topic, partition, next_offset FROM positions")
            ).all()
        at = {(topic, partition): offset for topic, partition, offset in found}
        return [
            TopicPartition(p.topic, p.partition, at.get((p.topic, p.partition), OFFSET_BEGINNING))
            for p in partitions
        ]

    def _count(self, rows: Rows, began: float) -> None:
        by_topic: defaultdict[str, int] = defaultdict(int)
        for (topic, _), number in rows.records.items():
            by_topic[topic] += number
        for topic, number in by_topic.items():
            metrics.count("santral_records_recorded_total", number, topic=topic)
        metrics.observe(
            "santral_batch_duration_seconds", self._clock.monotonic() - began, stage="recorder"
        )
        # For whoever watches the group's lag; the store's own positions are what counts.
        offsets = [TopicPartition(t, p, o) for (t, p), o in rows.next.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            log.warning("recorder.commit", error=str(error))

    def look(self) -> tuple[int, int]:
        """Return (position, lag) over the partitions owned, for the watchdog."""
        position = lag = 0
        held = [p for p in self._consumer.assignment() if p.topic == topics.MESSAGES.name]
        for part in self._consumer.position(held) if held else ():
            _, end = self._consumer.get_watermark_offsets(part, 5)
            position += max(0, part.offset)
            lag += max(0, end - part.offset) if part.offset >= 0 else 0
        return position, lag
