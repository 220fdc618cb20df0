"""The recorder against bare inserts of the same rows.

The baseline is executemany in SQLite and COPY in PostgreSQL.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from bench.policy import policy
from bench.support import NOW, message
from router.decision.decide import decide_message
from runtime import store
from schemas import envelope, topics
from tests.support.servers.postgres import Postgres
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import copy_rows, write_rows
from workers.run import MIGRATIONS

COUNT = int(os.environ.get("BENCH_RECORDS", "40000"))
BATCH = 5000

Record = tuple[str, bytes]
"""The topic and the value of a record."""


def run() -> dict[str, float]:
    """Measure both stores."""
    records = _invent_records()
    result: dict[str, float] = {"records": COUNT}
    with tempfile.TemporaryDirectory() as folder:
        urls = {"sqlite": f"sqlite:///{Path(folder) / 's.db'}"}
        server = Postgres().start() if Postgres.binaries else None
        if server is not None:
            urls["postgresql"] = server.url
        try:
            for name, url in urls.items():
                bare, ours = _measure(url, records)
                result |= {
                    f"{name}_bare_per_s": round(bare),
                    f"{name}_recorder_per_s": round(ours),
                    f"{name}_ratio": round(ours / bare, 3),
                }
        finally:
            if server is not None:
                server.stop()
    return result


def _invent_records() -> list[Record]:
    """Return messages, each followed by its decision."""
    rules = policy()
    records = []
    for number in range(COUNT // 2):
        sent = message(number, COUNT)
        decision = decide_message(sent, None, rules, NOW).decision
        records.append((topics.MESSAGES.name, envelope.encode(sent)))
        records.append((topics.DECISIONS.name, envelope.encode(decision)))
    return records


def _measure(url: str, records: Sequence[Record]) -> tuple[float, float]:
    """Return the records a second of bare inserts, and those of the recorder."""
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    try:
        return _insert_bare(engine, records), _record(engine, records)
    finally:
        engine.dispose()


def _batches(records: Sequence[Record]) -> Iterator[Rows]:
    """Yield the rows of each batch."""
    for start in range(0, len(records), BATCH):
        rows = Rows()
        for offset, (topic, value) in enumerate(records[start : start + BATCH], start):
            add_record(rows, topic, 0, offset, value)
        yield rows


def _record(engine: Engine, records: Sequence[Record]) -> float:
    began = time.perf_counter()
    for rows in _batches(records):
        with engine.begin() as connection:
            write_rows(connection, rows)
    return len(records) / (time.perf_counter() - began)


def _insert_bare(engine: Engine, records: Sequence[Record]) -> float:
    """Insert the same rows, built beforehand, into tables without an index."""
    batches = list(_batches(records))
    with engine.begin() as connection:
        for table in ("messages", "decisions"):
            connection.execute(
                text(f"CREATE TABLE bare_{table} AS SELECT * FROM {table} WHERE 1=0")
            )
    began = time.perf_counter()
    for rows in batches:
        with engine.begin() as connection:
            for table, values in (("messages", rows.messages), ("decisions", rows.decisions)):
                if engine.dialect.name == "sqlite":
                    marks = ", ".join("?" * len(values[0]))
                    connection.exec_driver_sql(f"INSERT INTO bare_{table} VALUES ({marks})", values)
                else:
                    copy_rows(connection, f"bare_{table}", values)
    return len(records) / (time.perf_counter() - began)
