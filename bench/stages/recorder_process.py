"""Writes records into an empty store, and prints the time and the CPU time that they took as JSON.

recorder.py runs this file by its path, with the recorder of a checkout. Everything that it imports
is therefore in each checkout with which this one is compared.
"""

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from sqlalchemy import Connection, Engine, text

from runtime import store
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import RawRecord, write_records
from workers.run import MIGRATIONS

BATCH = 5000
"""The records of one transaction, which is the recorder's largest batch."""

_SEARCH_KEY = b"k" * 32


def main() -> None:
    """Run the program that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=("bare", "recorder"))
    parser.add_argument("records", type=Path, help="a file with pairs of topic and value")
    parser.add_argument("url", help="the store")
    parser.add_argument("--server", type=int, default=0, help="the process of the store's server")
    arguments = parser.parse_args()
    records = msgspec.msgpack.decode(arguments.records.read_bytes(), type=list[tuple[str, bytes]])
    raw = [(topic, 0, offset, value) for offset, (topic, value) in enumerate(records)]
    store.migrate(arguments.url, MIGRATIONS)
    engine = store.engine(arguments.url)
    write = _bare(engine, raw) if arguments.program == "bare" else _recorder(engine, raw)
    server = psutil.Process(arguments.server) if arguments.server else None
    began, process_s, server_s = time.perf_counter(), time.process_time(), _tree_s(server)
    write()
    result = {
        "seconds": time.perf_counter() - began,
        "process_s": time.process_time() - process_s,
        "server_s": _tree_s(server) - server_s,
    }
    engine.dispose()
    print(json.dumps(result))


def _batches(records: Sequence[RawRecord]) -> Iterator[Sequence[RawRecord]]:
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]


def _recorder(engine: Engine, records: Sequence[RawRecord]) -> Callable[[], None]:
    def write() -> None:
        for batch in _batches(records):
            write_records(engine, batch, _SEARCH_KEY)

    return write


def _bare(engine: Engine, records: Sequence[RawRecord]) -> Callable[[], None]:
    """Return what inserts the same rows, built beforehand, into tables without an index."""
    batches = [_decode(batch) for batch in _batches(records)]
    with engine.begin() as connection:
        for table in ("messages", "decisions"):
            connection.execute(
                text(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 1=0")
            )
    insert = _insert_many if engine.dialect.name == "sqlite" else _copy

    def write() -> None:
        for rows in batches:
            with engine.begin() as connection:
                insert(connection, "bare_messages", rows.messages)
                insert(connection, "bare_decisions", rows.decisions)

    return write


def _decode(records: Sequence[RawRecord]) -> Rows:
    rows = Rows()
    for topic, partition, offset, value in records:
        add_record(rows, topic, partition, offset, value)
    return rows


def _insert_many(connection: Connection, table: str, rows: Sequence[Sequence[object]]) -> None:
    parameters = ", ".join("?" * len(rows[0]))
    connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({parameters})", list(rows))


def _copy(connection: Connection, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Copy rows in psycopg's usual form, which is text."""
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _tree_s(server: psutil.Process | None) -> float:
    """Return the CPU seconds of a server's processes, also of those that ended."""
    if server is None:
        return 0.0
    times = server.cpu_times()
    seconds = times.user + times.system + times.children_user + times.children_system
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            of_child = child.cpu_times()
            seconds += of_child.user + of_child.system
    return float(seconds)


if __name__ == "__main__":
    main()
