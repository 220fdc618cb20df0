"""The recorder after a SIGKILL: another process has its partitions within seconds."""

import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from runtime import store
from runtime.settings.structs import Settings
from tests.support.router.routing import RecorderProcess, RouterTraffic
from tests.support.waiting import wait
from workers.run import MIGRATIONS


@pytest.mark.certify
@pytest.mark.parametrize("restart", (True, False), ids=("restarted", "gone"))
def test_a_killed_recorders_partitions_stand_for_less_than_12_seconds(
    own_kafka: Settings, tmp_path: Path, *, restart: bool
) -> None:
    store.migrate(own_kafka.store_url, MIGRATIONS)
    engine = store.engine(own_kafka.store_url)
    first = RecorderProcess(own_kafka, tmp_path / "first.log", restart=restart)
    second = RecorderProcess(own_kafka, tmp_path / "second.log", restart=False)
    traffic = RouterTraffic(own_kafka, 60).start()

    def recorded() -> set[str]:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT id FROM messages")).scalars())

    try:
        for process in (first, second):
            wait("it records", lambda p=process: "partitions.assigned" in p.log(), 60)  # type: ignore[misc]
        wait("both record", lambda: len(recorded()) > 300, 60)
        killed_at = time.monotonic()
        first.send(signal.SIGKILL)
        wait("a second is over", lambda: time.monotonic() - killed_at > 1)
        wanted = set(traffic.accepted)
        wait("the store has them", lambda: wanted <= recorded(), 11)
        traffic.stop()
        wait("the store has all", lambda: set(traffic.accepted) == recorded())
    finally:
        for process in (first, second):
            process.stop()
        engine.dispose()
