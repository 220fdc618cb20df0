"""The ledger: what each source holds against what was accepted, refused, decided and recorded.

Before: the store, Kafka's offsets, the sources' inventories. After: `santral ledger`, the console.
`unaccounted` counts what should be somewhere and is nowhere; it is 0, or something is wrong.
What is still on its way (behind an offset that has not been read yet) is `pending`, not lost.
"""

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Connection, Engine, text

from runtime.bus import rdkafka
from runtime.settings import Kafka, Settings
from schemas import topics
from schemas.base import Record

ROUTER_GROUP = "santral-router"
RECORDER_GROUP = "santral-recorder"
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
    """The whole account."""

    sources: tuple[SourceLine, ...]
    unaccounted: int
    pending: int
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Ends(Record, frozen=True, kw_only=True):
    """Where the partitions of a topic end, and how far a group has committed."""

    ends: dict[int, int]
    committed: dict[int, int]


def ends(kafka: Kafka, topic: str, group: str) -> Ends:
    """Ask Kafka for a topic's committed ends and a group's offsets."""
    consumer = Consumer(rdkafka(kafka, **{"group.id": group, "isolation.level": "read_committed"}))
    try:
        known = AdminClient(rdkafka(kafka)).list_topics(topic, _TIMEOUT_S).topics[topic].partitions
        parts = [TopicPartition(topic, p) for p in known]
        committed = consumer.committed(parts, _TIMEOUT_S)
        return Ends(
            ends={p.partition: consumer.get_watermark_offsets(p, _TIMEOUT_S)[1] for p in parts},
            committed={p.partition: max(0, p.offset) for p in committed},
        )
    finally:
        consumer.close()


def take(
    engine: Engine, settings: Settings, inventories: Mapping[str, Iterable[str]] | None = None
) -> Ledger:
    """Return the account of now; `inventories` are the positions each source holds."""
    told = ends(settings.kafka, topics.MESSAGES.name, ROUTER_GROUP)
    decided = ends(settings.kafka, topics.DECISIONS.name, RECORDER_GROUP)
    with engine.connect() as connection:
        return _account(connection, told, decided, inventories or {})


def _account(
    connection: Connection, told: Ends, decided: Ends, inventories: Mapping[str, Iterable[str]]
) -> Ledger:
    recorded_to = {
        int(p): int(n) for p, n in connection.execute(
            text("SELECT partition, next_offset FROM positions WHERE topic = :t"),
            {"t": topics.MESSAGES.name},
        )
    }  # fmt: skip
    unrecorded = sum(max(0, end - recorded_to.get(p, 0)) for p, end in told.ends.items())
    undecided_behind = sum(max(0, end - told.committed.get(p, 0)) for p, end in told.ends.items())
    decisions_lag = unrecorded + undecided_behind
    notes: list[str] = []
    undecided = [
        str(row[0]) for row in connection.execute(
            text(
                "SELECT m.id FROM messages m LEFT JOIN decisions d ON d.message = m.id "
                "WHERE d.message IS NULL LIMIT 1000"
            )
        )
    ]  # fmt: skip
    settled = decisions_lag == 0 and _decisions_recorded(connection, decided)
    if undecided and not settled:
        notes.append(f"{len(undecided)} messages are still on their way to a decision")
    lines = [
        _source(connection, name, inventories.get(name), settled)
        for name in sorted(_sources(connection) | set(inventories))
    ]
    total = sum(line.unaccounted for line in lines)
    return Ledger(
        sources=tuple(lines), unaccounted=total, pending=unrecorded + sum(
            line.pending for line in lines
        ), undecided=tuple(undecided[:20]) if settled else (), notes=tuple(notes),
    )  # fmt: skip


def _decisions_recorded(connection: Connection, told: Ends) -> bool:
    """Whether the store has decisions.v1 to its end; each transaction ends in a marker that is
    no record, so one offset behind the end is the end."""
    at = {
        int(p): int(n) for p, n in connection.execute(
            text("SELECT partition, next_offset FROM positions WHERE topic = :t"),
            {"t": topics.DECISIONS.name},
        )
    }  # fmt: skip
    return all(end - at.get(p, 0) <= 1 for p, end in told.ends.items())


def _sources(connection: Connection) -> set[str]:
    found = connection.execute(
        text("SELECT DISTINCT source FROM messages UNION SELECT DISTINCT source FROM dead")
    )
    return {str(row[0]) for row in found}


def _source(
    connection: Connection, name: str, inventory: Iterable[str] | None, settled: bool
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
            str(r[0]) for r in connection.execute(
                text("SELECT position FROM arrivals WHERE source = :s "
                     "UNION SELECT position FROM dead WHERE source = :s"), values)
        }  # fmt: skip
        missing = sorted(positions - known)
    undecided = recorded - decided
    return SourceLine(
        source=name, held=held, accepted=recorded, refused=refused, decided=decided,
        recorded=recorded, pending=0 if settled else undecided,
        unaccounted=(undecided if settled else 0) + len(missing), missing=tuple(missing[:20]),
    )  # fmt: skip
