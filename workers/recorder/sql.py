"""Writes one batch in one transaction of the store, together with its offsets.

The store has all of the batch or nothing. A recorder that writes for a partition which it has lost
finds other offsets there, and raises Fenced.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, text

from runtime import metrics
from runtime.health.faults import guard, is_outage
from runtime.log import get
from schemas import topics
from schemas.errors import Unavailable
from workers.recorder.columns import COLUMNS, Row, column_types
from workers.recorder.postgres_copy import copy_into_staging, copy_new_rows
from workers.recorder.rows import (
    GROUP,
    Rows,
    add_record,
    count_record,
    fit_columns,
)
from workers.recorder.search_index import write_words
from workers.store.topic_logs import adoptions_match

log = get(__name__)


class Fenced(Unavailable):
    """Another recorder has these partitions now, or the store follows another log."""


RawRecord = tuple[str, int, int, bytes | None]
"""The topic, partition, offset and value of a record."""


def write_records(
    engine: Engine,
    records: Sequence[RawRecord],
    search_key: bytes = b"",
    adoptions: Mapping[str, int] | None = None,
) -> list[Rows]:
    """Write records in one transaction and return the written rows; raise Fenced, or an outage.

    `adoptions` are the counts of store/topic_logs.py with which the caller began to read the
    topics. If the store refuses a batch, its halves are tried in order, down to the faulty record.
    Only that record's own row is then written.
    """
    try:
        return [_write_all(engine, records, search_key, adoptions or {}, extras=True)]
    except Exception as error:
        if is_outage(error):
            raise
        if len(records) == 1:
            log.exception("recorder.bare", topic=records[0][0], offset=records[0][2])
    if len(records) > 1:
        middle = len(records) // 2
        halves = (records[:middle], records[middle:])
        return [
            rows for half in halves for rows in write_records(engine, half, search_key, adoptions)
        ]
    metrics.count("santral_bugs_caught_total", step=GROUP)
    with guard(log, GROUP, topic=records[0][0], offset=records[0][2]):
        return [_write_all(engine, records, search_key, adoptions or {}, extras=False)]
    # Even that failed, so only Kafka has the record. The next one must not wait.
    rows = Rows()
    topic, partition, offset, _ = records[0]
    count_record(rows, (topic, partition), offset)
    rows.undecodable[topic, partition] += 1
    _write_batch(engine, rows, adoptions or {})
    return [rows]


def _write_all(
    engine: Engine,
    records: Sequence[RawRecord],
    search_key: bytes,
    adoptions: Mapping[str, int],
    *,
    extras: bool,
) -> Rows:
    rows = Rows(search_key=search_key)
    for topic, partition, offset, value in records:
        add_record(rows, topic, partition, offset, value, extras=extras)
    if not extras:
        fit_columns(rows)
    _write_batch(engine, rows, adoptions)
    return rows


def _write_batch(engine: Engine, rows: Rows, adoptions: Mapping[str, int]) -> None:
    with engine.begin() as connection:
        write_rows(connection, rows)
        # After the writes, because SQLite's transaction has its lock by then.
        if adoptions and not adoptions_match(connection, adoptions):
            raise Fenced("the store follows another log since `santral store adopt`")


def write_rows(connection: Connection, rows: Rows) -> None:
    """Write a batch in the transaction of `connection`; raise Fenced if it is not ours."""
    ids = {str(row[0]) for row in rows.messages}
    repeats = _stored_messages(connection, ids)
    unseen = ids - repeats
    fresh: list[Row] = []
    new: Counter[tuple[str, int]] = Counter()
    for row, partition in zip(rows.messages, rows.partitions, strict=True):
        if row[0] in unseen:
            unseen.discard(row[0])  # the first of equal ids counts
            fresh.append(row)
            new[partition] += 1
    insert(connection, "messages", fresh)
    words = {row[0]: row for row in rows.words if row[0] not in repeats}
    write_words(connection, list(words.values()))
    arrivals = {row[:2]: row for row in rows.arrivals}.values()
    insert(connection, "arrivals", [row for row in arrivals if row[2] not in repeats])
    merge(connection, "arrivals", [row for row in arrivals if row[2] in repeats])
    insert(connection, "decisions", rows.decisions)
    insert(connection, "outcomes", rows.outcomes)
    insert(connection, "dead", rows.dead)
    insert(connection, "incidents", rows.incidents)
    merge(connection, "incident_messages", rows.incident_messages)
    handles = {row[:3]: row for row in rows.handles}.values()
    insert(connection, "handles", [row for row in handles if row[1] not in repeats])
    merge(connection, "handles", [row for row in handles if row[1] in repeats])
    insert(connection, "links", rows.links)
    for partition in rows.next:
        _advance(connection, partition, rows, new[partition])


def _stored_messages(connection: Connection, ids: set[str]) -> set[str]:
    """Return those of the ids that the store has already."""
    if not ids:
        return set()
    # One parameter for all ids, since the database would compile thousands again for every batch.
    if connection.dialect.name == "sqlite":
        stored = connection.exec_driver_sql(
            "SELECT id FROM messages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ids)),),
        )
    else:
        stored = connection.exec_driver_sql(
            "SELECT id FROM messages WHERE id = ANY(%s)", (list(ids),)
        )
    return {str(row[0]) for row in stored}


def insert(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Insert rows that are most likely new, and skip existing keys."""
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        target = f"{table} ({', '.join(COLUMNS[table])})"
        if copy_new_rows(connection, target, column_types(table), rows):
            return
    merge(connection, table, rows)


def merge(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Insert rows and skip existing keys, of which there may be many."""
    if not rows:
        return
    columns = ", ".join(COLUMNS[table])
    if connection.dialect.name == "sqlite":
        parameters = ", ".join("?" * len(COLUMNS[table]))
        connection.exec_driver_sql(
            f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({parameters})", list(rows)
        )
        return
    staging = f"new_{table}"
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table}) ON COMMIT DELETE ROWS"
    )
    copy_into_staging(connection, f"{staging} ({columns})", column_types(table), rows)
    connection.exec_driver_sql(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {staging} ON CONFLICT DO NOTHING"
    )


def _advance(connection: Connection, position: tuple[str, int], rows: Rows, fresh: int) -> None:
    """Advance a partition's position, which must be exactly where this batch began."""
    topic, partition = position
    new_rows = fresh if topic == topics.MESSAGES.name else rows.records[position]
    values = {
        "topic": topic,
        "partition": partition,
        "next": rows.next[position],
        "first": rows.first[position],
        "records": rows.records[position],
        "kept": new_rows,
        "undecodable": rows.undecodable[position],
    }
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
    updated = connection.execute(
        text(
            "INSERT INTO positions (topic, partition, next_offset, records, kept, undecodable) "
            "VALUES (:topic, :partition, :next, :records, :kept, :undecodable) "
            "ON CONFLICT DO NOTHING"
        ),
        values,
    )
    if not updated.rowcount:
        raise Fenced(f"{topic}/{partition}: the store is ahead of offset {rows.first[position]}")
