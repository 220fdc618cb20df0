"""The store at a stage's start: absent, newer than the stage, or of another Kafka."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, text

from cli.up.ports import free_port
from runtime import store
from runtime.clock import SystemClock
from runtime.health.neighbour import Neighbour
from schemas.errors import ConfigError
from tests.support.commands import run_command
from tests.support.stages import TOKENS
from tests.support.waiting import until
from workers.run import MIGRATIONS
from workers.store.topic_logs import (
    Log,
    StoredLog,
    adopt,
    adoptions_match,
    differences,
    note_ids,
    stored_logs,
)

MESSAGES = "messages.v1"


async def test_a_stage_waits_for_a_store_that_is_absent_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("the disk is not mounted yet")
    url = f"sqlite:///{tmp_path}/disk/santral.db"
    near = Neighbour("the store", SystemClock(), lambda: None)
    waiting = asyncio.create_task(store.migrate_when_up(url, MIGRATIONS, near))
    await until("it says why", lambda: "File exists" in (near.problem() or ""))
    assert not waiting.done()
    (tmp_path / "disk").unlink()
    await asyncio.wait_for(waiting, 5)
    assert near.problem() is None
    near.stop()


def _make_newer(url: str) -> None:
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE store_state SET value = '7.1' WHERE name = 'santral'"))
    engine.dispose()


def test_an_older_version_refuses_a_newer_store_and_names_the_version(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/newer.db"
    _make_newer(url)
    with pytest.raises(ConfigError, match=r"revision 9999 .* Start Santral 7\.1 or newer"):
        store.migrate(url, MIGRATIONS)


@pytest.mark.slow
def test_the_refusal_is_one_line_with_exit_code_2(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/newer.db"
    _make_newer(url)
    away = f"127.0.0.1:{free_port()}"
    tokens = {f"SANTRAL_TOKENS__{n.upper()}": t for n, t in msgspec.structs.asdict(TOKENS).items()}
    result = run_command(
        tmp_path,
        "workers",
        "--only",
        "recorder",
        SANTRAL_HOME=str(tmp_path / "var"),
        SANTRAL_STORE__URL=url,
        SANTRAL_KAFKA__BOOTSTRAP=away,
        **tokens,
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: the store has revision 9999")


def test_a_log_is_another_one_by_its_id_or_by_an_end_before_the_position() -> None:
    stored = {MESSAGES: StoredLog(topic_id="a", positions={0: 5, 1: 9})}
    same = {MESSAGES: Log(topic_id="a", ranges={0: (0, 5), 1: (3, 12)})}
    assert differences(stored, same) == {}
    longer = {MESSAGES: Log(topic_id="b", ranges={0: (0, 100), 1: (0, 100)})}
    assert "is another log" in differences(stored, longer)[MESSAGES]
    shorter = {MESSAGES: Log(topic_id="a", ranges={0: (0, 5), 1: (0, 8)})}
    assert differences(stored, shorter) == {
        MESSAGES: "messages.v1/1 ends at 8, and the store is ahead of it at 9"
    }
    fewer = {MESSAGES: Log(topic_id="a", ranges={0: (0, 5)})}
    assert MESSAGES in differences(stored, fewer)
    assert differences({}, same) == {}


def test_an_adoption_moves_the_positions_and_fences_who_reads_the_old_log(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO positions (topic, partition, next_offset, records, kept, undecodable) "
                "VALUES ('messages.v1', 0, 50, 50, 50, 0), ('messages.v1', 7, 9, 9, 9, 0)"
            )
        )
        old = {MESSAGES: Log(topic_id="a", ranges={0: (0, 60)})}
        note_ids(connection, stored_logs(connection), old)
    with engine.begin() as connection:
        assert adoptions_match(connection, {MESSAGES: 0})
        new = {MESSAGES: Log(topic_id="b", ranges={0: (3, 20)})}
        adopt(connection, new)
        assert not adoptions_match(connection, {MESSAGES: 0})
        stored = stored_logs(connection)
        assert stored == {MESSAGES: StoredLog(topic_id="b", adoptions=1, positions={0: 3})}
        assert differences(stored, new) == {}
