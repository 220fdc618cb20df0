"""The ledger accounts for every accepted message from its source to its record.

It compares the sources' inventories with the messages that were accepted, refused, decided and
recorded. `unaccounted` counts messages that are nowhere; any number but 0 is a fault. A message
behind an offset that a stage has not read yet is `pending`, not lost.
"""

import time
from collections.abc import Iterable, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Connection, Engine, text

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import KafkaSettings, Settings
from runtime.spool import DiskSpool
from schemas import topics
from schemas.base import Record
from schemas.errors import Unavailable
from workers.store.topic_logs import ADOPT_ADVICE, RECORDED, KafkaLogs, differences, stored_logs

ROUTER_GROUP = "santral-router"
_TIMEOUT_S = 15.0
_MAX_NAMED = 20
"""The positions or messages that the account names, as many as a person looks at."""


class SourceLine(Record, frozen=True, kw_only=True):
    """One source. `held` is null where the source can't tell what it holds."""

    source: str
    held: int | None
    accepted: int
    refused: int
    decided: int
    recorded: int
    pending: int
    unaccounted: int
    missing: tuple[str, ...] = ()


class Ledger(Record, frozen=True, kw_only=True):
    """The account of all sources; `findings` are reasons why the recorder records nothing."""

    sources: tuple[SourceLine, ...]
    unaccounted: int
    pending: int
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class Reach(Record, frozen=True, kw_only=True):
    """The records that router and recorder have not read, at a moment after the store's answer."""

    undecided: int
    unrecorded: int

    @property
    def settled(self) -> bool:
        """Whether both have read everything."""
        return not self.undecided and not self.unrecorded


def _unread(kafka: KafkaSettings, topic: str, positions: Mapping[int, int]) -> int:
    """Return the number of committed records after those positions.

    Markers and aborted records have offsets too, so this reads the records themselves.
    """
    consumer = Consumer(
        rdkafka_settings(
            kafka,
            **{
                "group.id": "santral-ledger",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            },
        )
    )
    try:
        partitions = _partitions(kafka, topic)
        consumer.assign([TopicPartition(topic, p, positions.get(p, 0)) for p in partitions])
        left, unread = set(partitions), 0
        deadline = time.monotonic() + _TIMEOUT_S
        while left:
            records = consumer.consume(5000, 0.1)
            if records:
                deadline = time.monotonic() + _TIMEOUT_S
            elif time.monotonic() > deadline:
                raise Unavailable(f"Kafka at {kafka.bootstrap} does not answer: start it")
            for record in records:
                error = record.error()
                if error is None:
                    unread += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(record.partition())
                elif not error.retriable():
                    raise KafkaException(error)
        return unread
    finally:
        consumer.close()


def _partitions(kafka: KafkaSettings, topic: str) -> list[int]:
    """Return the numbers of a topic's partitions."""
    metadata = AdminClient(rdkafka_settings(kafka)).list_topics(topic, _TIMEOUT_S)
    return list(metadata.topics[topic].partitions)


def _committed(kafka: KafkaSettings, topic: str, group: str) -> dict[int, int]:
    consumer = Consumer(rdkafka_settings(kafka, **{"group.id": group}))
    try:
        partitions = [TopicPartition(topic, p) for p in _partitions(kafka, topic)]
        committed = consumer.committed(partitions, _TIMEOUT_S)
        return {p.partition: max(0, p.offset) for p in committed}
    finally:
        consumer.close()


def _positions(engine: Engine, topic: str) -> dict[int, int]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT partition, next_offset FROM positions WHERE topic = :t"), {"t": topic}
        )
        return {int(p): int(n) for p, n in rows}


def read_reach(engine: Engine, kafka: KafkaSettings) -> Reach:
    """Read how far the router is, and then the recorder, which records the router's decisions."""
    undecided = _unread(
        kafka, topics.MESSAGES.name, _committed(kafka, topics.MESSAGES.name, ROUTER_GROUP)
    )
    unrecorded = sum(
        _unread(kafka, topic.name, _positions(engine, topic.name))
        for topic in (topics.MESSAGES, topics.DECISIONS, topics.DEAD)
    )
    return Reach(undecided=undecided, unrecorded=unrecorded)


def read_ledger(
    engine: Engine,
    settings: Settings,
    inventories: Mapping[str, Iterable[str] | None] | None = None,
) -> Ledger:
    """Return the account of now; `inventories` are the positions that each source holds."""
    # In this order, because a message is lost if it has no decision before and after the reading.
    before = _undecided(engine)
    reach = read_reach(engine, settings.kafka)
    ledger = account(engine, before, reach, inventories or {})
    ledger = msgspec.structs.replace(ledger, findings=_other_logs(engine, settings.kafka))
    waiting = DiskSpool(settings.spool_path).count()
    if not waiting:
        return ledger
    return msgspec.structs.replace(
        ledger,
        pending=ledger.pending + waiting,
        notes=(*ledger.notes, f"{waiting} deliveries wait on disk until Kafka takes them"),
    )


def _other_logs(engine: Engine, kafka: KafkaSettings) -> tuple[str, ...]:
    """Return why the store's positions do not belong to Kafka's logs, by topic."""
    logs = KafkaLogs(kafka).read(topic.name for topic in RECORDED)
    with engine.connect() as connection:
        reasons = differences(stored_logs(connection), logs)
    return tuple(f"{reason}. {ADOPT_ADVICE}" for reason in reasons.values())


_UNDECIDED = (
    "SELECT m.id, m.source FROM messages m WHERE NOT EXISTS "
    "(SELECT 1 FROM decisions d WHERE d.message = m.id) "
    "AND NOT EXISTS (SELECT 1 FROM dead x WHERE x.message = m.id)"
)


def _undecided(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {str(i): str(s) for i, s in connection.execute(text(_UNDECIDED))}


def account(
    engine: Engine,
    before: Mapping[str, str],
    reach: Reach,
    inventories: Mapping[str, Iterable[str] | None],
) -> Ledger:
    """Return the account; `before` are the messages without a decision before `reach`."""
    now = _undecided(engine)
    lost = {i: s for i, s in before.items() if i in now} if reach.settled else {}
    with engine.connect() as connection:
        lines = [
            _source(
                connection,
                name,
                inventories.get(name),
                sum(s == name for s in lost.values()),
                sum(s == name and i not in lost for i, s in now.items()),
            )
            for name in sorted(_sources(connection) | set(inventories))
        ]
    waiting = reach.undecided + reach.unrecorded
    notes = () if reach.settled else (f"{waiting} records are still on their way",)
    return Ledger(
        sources=tuple(lines),
        unaccounted=sum(line.unaccounted for line in lines),
        pending=waiting + sum(line.pending for line in lines),
        undecided=tuple(sorted(lost)[:_MAX_NAMED]),
        notes=notes,
    )


def _sources(connection: Connection) -> set[str]:
    rows = connection.execute(
        text("SELECT DISTINCT source FROM messages UNION SELECT DISTINCT source FROM dead")
    )
    return {str(row[0]) for row in rows}


def _source(
    connection: Connection, name: str, inventory: Iterable[str] | None, lost: int, waiting: int
) -> SourceLine:
    values = {"s": name}

    def count(sql: str) -> int:
        return int(connection.execute(text(sql), values).scalar() or 0)

    recorded = count("SELECT count(*) FROM messages WHERE source = :s")
    refused = count("SELECT count(DISTINCT id) FROM dead WHERE source = :s")
    decided = count(
        "SELECT count(*) FROM messages m WHERE m.source = :s AND EXISTS "
        "(SELECT 1 FROM decisions d WHERE d.message = m.id)"
    )
    positions = None if inventory is None else set(inventory)
    missing = [] if positions is None else sorted(positions - _arrived(connection, name))
    return SourceLine(
        source=name,
        held=None if positions is None else len(positions),
        accepted=recorded,
        refused=refused,
        decided=decided,
        recorded=recorded,
        pending=waiting,
        unaccounted=lost + len(missing),
        missing=tuple(missing[:_MAX_NAMED]),
    )


def _arrived(connection: Connection, source: str) -> set[str]:
    """Return the positions of a source that were accepted or refused."""
    rows = connection.execute(
        text(
            "SELECT position FROM arrivals WHERE source = :s "
            "UNION SELECT position FROM dead WHERE source = :s"
        ),
        {"s": source},
    )
    return {str(row[0]) for row in rows}
