"""A stage that can't run says why in one line, without a traceback."""

import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException
from redis.exceptions import ResponseError
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from cli.up.ports import free_port
from runtime.health.endings import describe_outage
from runtime.store import migrate
from schemas.errors import ConfigError
from tests.support.commands import stage_tokens
from tests.support.paths import ROOT
from workers.run import MIGRATIONS


def end_of(stage: str, folder: Path, text: str = "", **environ: str) -> str:
    """Run a stage that ends by itself; return its one line."""
    config = folder / "santral.toml"
    config.write_text(f'[kafka]\nbootstrap = "127.0.0.1:{free_port()}"\n{text}')
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")}
    result = subprocess.run(
        [sys.executable, "-m", "cli.main", "--config", str(config), stage],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**clean, **stage_tokens(), "SANTRAL_HOME": str(folder / "var"), **environ},
        check=False,
        timeout=60,
    )
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.slow
def test_a_taken_port_is_named_with_its_table(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = end_of("ingest", tmp_path, SANTRAL_OPS__PORT=str(port))
    assert line.startswith(f"error: the ops port 127.0.0.1:{port} can't be opened")
    assert "[ops]" in line


@pytest.mark.slow
def test_a_home_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    line = end_of("ingest", tmp_path, SANTRAL_DOOR__PORT="0")
    assert line.startswith(f"error: {tmp_path}/var")
    assert "SANTRAL_HOME" in line


def test_an_unknown_key_of_kafkas_security_is_named(tmp_path: Path) -> None:
    line = end_of("router", tmp_path, '[kafka.security]\n"sasl.mechansm" = "PLAIN"\n')
    assert "sasl.mechansm" in line
    assert "[kafka.security]" in line


def test_a_store_of_a_newer_version_is_named_with_the_way_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    migrate(url, MIGRATIONS)
    with sqlite3.connect(tmp_path / "s.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"revision 9999 .* restore the store from a backup"):
        migrate(url, MIGRATIONS)


def test_a_neighbour_that_goes_away_during_a_command_is_named_without_a_traceback() -> None:
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{free_port()}", "group.id": "g"})
    with pytest.raises(KafkaException) as kafka:
        consumer.list_topics(timeout=0.2)
    consumer.close()
    sentence = describe_outage(kafka.value)
    assert sentence is not None
    assert sentence.startswith("Kafka gives no answer now (")
    assert sentence.endswith("Repeat the command when it is back.")
    with pytest.raises(OperationalError) as store:
        create_engine("sqlite:////nowhere/at/all.db").connect()
    assert str(describe_outage(store.value)).startswith("the store gives no answer now (")
    redis = str(describe_outage(ResponseError("OOM command not allowed: SET secret")))
    assert redis.startswith("Redis gives no answer now (OOM: its memory is full")
    assert "secret" not in redis
    assert describe_outage(ValueError("a bug keeps its traceback")) is None
