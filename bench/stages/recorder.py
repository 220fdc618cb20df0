"""The recorder against bare executemany (SQLite) and COPY (PostgreSQL) of the same rows."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from bench.support import NOW, message, policy
from router.decision.decide import decide_message
from runtime import store
from schemas import envelope, topics
from tests.support.servers.postgres import Postgres
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import copy_rows, write_rows
from workers.run import MIGRATIONS

COUNT = int(os.environ.get("BENCH_RECORDS", "40000"))
BATCH = 5000


def _records() -> list[tuple[str, bytes]]:
    by, made = policy(), []
    for number in range(COUNT // 2):
        sent = message(number, COUNT)
        made.append((topics.MESSAGES.name, envelope.encode(sent)))
        made.append(
            (topics.DECISIONS.name, envelope.encode(decide_message(sent, None, by, NOW).decision))
        )
    return made


def _ours(engine: Engine, records: list[tuple[str, bytes]]) -> float:
    began, offset = time.perf_counter(), 0
    for at in range(0, len(records), BATCH):
        rows = Rows()
        for topic, value in records[at : at + BATCH]:
            add_record(rows, topic, 0, offset, value)
            offset += 1
        with engine.begin() as connection:
            write_rows(connection, rows)
    return len(records) / (time.perf_counter() - began)


def _bare(engine: Engine, records: list[tuple[str, bytes]]) -> float:
    """The same rows, made beforehand, into the same tables without index or look-up."""
    batches = []
    for at in range(0, len(records), BATCH):
        rows = Rows()
        for offset, (topic, value) in enumerate(records[at : at + BATCH]):
            add_record(rows, topic, 0, offset, value)
        batches.append(rows)
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


def run() -> dict[str, Any]:
    """Measure both stores."""
    records, told = _records(), dict[str, Any](records=COUNT)
    with tempfile.TemporaryDirectory() as folder:
        urls = {"sqlite": f"sqlite:///{Path(folder) / 's.db'}"}
        server = Postgres().start() if Postgres.binaries else None
        if server is not None:
            urls["postgresql"] = server.url
        try:
            for name, url in urls.items():
                store.migrate(url, MIGRATIONS)
                engine = store.engine(url)
                bare, ours = _bare(engine, records), _ours(engine, records)
                engine.dispose()
                told |= {
                    f"{name}_bare_per_s": round(bare),
                    f"{name}_recorder_per_s": round(ours),
                    f"{name}_ratio": round(ours / bare, 3),
                }
        finally:
            if server is not None:
                server.stop()
    return told
