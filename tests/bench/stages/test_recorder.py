"""The recorder and the bare inserts write the same messages, each in a process of its own."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from bench.checkouts import HERE
from bench.stages.recorder import StoreKind, invent_records, measure_program
from runtime import store

MESSAGES = 40


@pytest.mark.parametrize(
    ("program", "table"), [("bare", "bare_messages"), ("recorder", "messages")]
)
def test_a_run_gives_the_rate_and_the_cpu_time_of_the_records_it_wrote(
    program: str, table: str, tmp_path: Path
) -> None:
    records = tmp_path / "records"
    records.write_bytes(msgspec.msgpack.encode(invent_records(MESSAGES)))
    url = f"sqlite:///{tmp_path / 's.db'}"
    row = measure_program(program, HERE, StoreKind("executemany", lambda: url), records)
    assert row["records/s"] > 10
    assert row["total µs"] == row["process µs"] > 0
    engine = store.engine(url)
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == MESSAGES
    engine.dispose()
