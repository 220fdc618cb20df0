"""The ledger: what each source holds against what was accepted, refused, decided and recorded.

Before: the store, Kafka's offsets, the sources' inventories. After: `santral ledger`, the console.
`unaccounted` counts what should be somewhere and is nowhere; it is 0, or something is wrong.
What is still on its way (behind an offset that has not been read yet) is `pending`, not lost.
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
    """The whole account; `findings` are reasons why nothing is recorded, whatever the counts."""

    sources: tuple[SourceLine, ...]
    unaccounted: int
    pending: int
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class Reach(Record, frozen=True, kw_only=True):
    """How much is still on its way, at one moment after the store was asked."""

    undecided: int
    unrecorded: int

    @property
    def settled(self) -> bool:
        """Whether nothing is."""
        return not self.undecided and not self.unrecorded


def _unread(kafka: KafkaSettings, topic: str, positions: Mapping[int, int]) -> int:
    """Return how many committed records lie behind those positions: markers and aborted ones
    do not count, so it is the records themselves that are looked for."""
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
        known = (
            AdminClient(rdkafka_settings(kafka))
            .list_topics(topic, _TIMEOUT_S)
            .topics[topic]
            .partitions
        )
        consumer.assign([TopicPartition(topic, p, positions.get(p, 0)) for p in known])
        left, found = set(known), 0
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
                    found += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(record.partition())
                elif not error.retriable():
                    raise KafkaException(error)
        return found
    finally:
        consumer.close()


def _committed(kafka: KafkaSettings, topic: str, group: str) -> dict[int, int]:
    consumer = Consumer(rdkafka_settings(kafka, **{"group.id": group}))
    try:
        known = (
            AdminClient(rdkafka_settings(kafka))
            .list_topics(topic, _TIMEOUT_S)
            .topics[topic]
            .partitions
        )
        told = consumer.committed([TopicPartition(topic, p) for p in known], _TIMEOUT_S)
        return {p.partition: max(0, p.offset) for p in told}
    finally:
        consumer.close()


def _positions(engine: Engine, topic: str) -> dict[int, int]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT partition, next_offset FROM positions WHERE topic = :t"), {"t": topic}
        )
        return {int(p): int(n) for p, n in rows}


def reach(engine: Engine, kafka: KafkaSettings) -> Reach:
    """Ask how far router and recorder are; first the router, then what it must have written."""
    undecided = _unread(
        kafka, topics.MESSAGES.name, _committed(kafka, topics.MESSAGES.name, ROUTER_GROUP)
    )
    unrecorded = sum(
        _unread(kafka, topic.name, _positions(engine, topic.name))
        for topic in (topics.MESSAGES, topics.DECISIONS, topics.DEAD)
    )
    return Reach(undecided=undecided, unrecorded=unrecorded)


def take(
    engine: Engine,
    settings: Settings,
    inventories: Mapping[str, Iterable[str] | None] | None = None,
) -> Ledger:
    """Return the account of now; `inventories` are the positions each source holds."""
    # In this order: what is without a decision before, and still after everything was read.
    before = _undecided(engine)
    told = reach(engine, settings.kafka)
    made = account(engine, before, told, inventories or {})
    made = msgspec.structs.replace(made, findings=_other_logs(engine, settings.kafka))
    waiting = DiskSpool(settings.spool_path).count()
    if not waiting:
        return made
    return msgspec.structs.replace(
        made,
        pending=made.pending + waiting,
        notes=(*made.notes, f"{waiting} deliveries wait on disk until Kafka takes them"),
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
    told: Reach,
    inventories: Mapping[str, Iterable[str] | None],
) -> Ledger:
    """Return the account; `before` are the messages that had no decision before `told`."""
    now = _undecided(engine)
    lost = {i: s for i, s in before.items() if i in now} if told.settled else {}
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
    waiting = told.undecided + told.unrecorded
    notes = () if told.settled else (f"{waiting} records are still on their way",)
    return Ledger(
        sources=tuple(lines),
        unaccounted=sum(line.unaccounted for line in lines),
        pending=waiting + sum(line.pending for line in lines),
        undecided=tuple(sorted(lost)[:20]),
        notes=notes,
    )


def _sources(connection: Connection) -> set[str]:
    found = connection.execute(
        text("SELECT DISTINCT source FROM messages UNION SELECT DISTINCT source FROM dead")
    )
    return {str(row[0]) for row in found}


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
    missing: list[str] = []
    held = None
    if inventory is not None:
        positions = set(inventory)
        held = len(positions)
        known = {
            str(r[0])
            for r in connection.execute(
                text(
                    "SELECT position FROM arrivals WHERE source = :s "
                    "UNION SELECT position FROM dead WHERE source = :s"
                ),
                values,
            )
        }
        missing = sorted(positions - known)
    return SourceLine(
        source=name,
        held=held,
        accepted=recorded,
        refused=refused,
        decided=decided,
        recorded=recorded,
        pending=waiting,
        unaccounted=lost + len(missing),
        missing=tuple(missing[:20]),
    )
