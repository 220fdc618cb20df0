"""Stages without their neighbours: each waits, says so, and works again when they are back."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import msgspec
import psutil
import pytest
from confluent_kafka.admin import AdminClient
from sqlalchemy import inspect, text

from cli.up.ports import free_port
from runtime import store as stores
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.publisher import Publisher
from runtime.settings.structs import (
    ArchiveSettings,
    DoorSettings,
    KafkaSettings,
    OpsSettings,
    RedisSettings,
    Settings,
    StoreSettings,
)
from runtime.topics.creation import create_topics
from schemas import topics
from schemas.errors import Retry
from schemas.message import Message
from tests.support.messages import message
from tests.support.programs import require_program
from tests.support.servers.postgres import Postgres
from tests.support.stages import (
    BACK_S,
    TOKENS,
    Servers,
    environment,
    page,
    post,
    process,
    readiness,
    staged,
    until_recorded,
)
from tests.support.waiting import stays, until, wait
from workers.store import ledger

STAGES = ("ingest", "recorder", "desk", "replies", "console")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers for the tests of this file, which begin without them."""
    require_program(Postgres.binaries, "PostgreSQL")
    home = Path(tempfile.mkdtemp(prefix="stages-"))
    started = Servers(home)
    yield started
    started.stop()
    shutil.rmtree(home, ignore_errors=True)


async def test_stages_start_without_neighbours_and_survive_the_stores_crash(
    servers: Servers,
) -> None:
    settings = servers.settings
    names = ("ingest", "recorder", "replies", "console")
    with process(settings, "watch"):
        async with staged(settings, *names) as stages:
            await stages.until_missed("kafka", *names)
            await stages.until_missed("store", "recorder", "replies", "console")
            await stages.until_missed("redis", "replies", "console")
            await until("a reason", lambda: "refused" in stages.problems("console")["store"])
            assert str(servers.postgres.port) in stages.problems("console")["store"]
            listing = await page(settings, "/messages", "text/html")
            assert listing.status_code == 503
            assert listing.headers["retry-after"] == "5"
            assert "Kayıt veritabanı yanıt vermiyor" in listing.text
            record = await page(settings, "/v1/incidents", "application/json")
            assert (record.status_code, record.json()["code"]) == (503, "try_again")
            await until(
                "the watch waits", lambda: "kafka" in readiness(settings).get("problems", "")
            )

            await asyncio.to_thread(servers.start)
            await stages.until_ready(BACK_S)
            await until("the watch is ready", lambda: readiness(settings).get("ready"), BACK_S)
            first = await post(settings, "1")
            assert first.status_code == 202
            await until_recorded(settings, first)

            servers.postgres.kill()
            second = await post(settings, "2")
            assert second.status_code == 202
            await stages.until_missed("store", "recorder", "console")
            await asyncio.to_thread(servers.postgres.run)
            await until_recorded(settings, second)


@pytest.mark.certify
async def test_a_store_ahead_of_kafka_waits_until_the_new_log_is_adopted(
    own_kafka: Settings, tmp_path: Path
) -> None:
    # It replaces the topics: the store of the other tests would find another log, too.
    settings = msgspec.structs.replace(
        own_kafka,
        home=str(tmp_path),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/ahead.db"),
        tokens=TOKENS,
    )

    def count() -> int:
        engine = stores.engine(settings.store_url)
        try:
            with engine.connect() as connection:
                if not inspect(connection).has_table("messages"):
                    return 0
                return int(connection.execute(text("SELECT count(*) FROM messages")).scalar() or 0)
        finally:
            engine.dispose()

    _make_again(settings)
    await _publish(settings, "old", 8)
    async with staged(settings, "recorder") as stages:
        await until("recorded", lambda: count() == 8)
        await stages.until_ready()

    # Longer than the old log: only its id tells that it is another one.
    _make_again(settings)
    await _publish(settings, "old", 3)
    await _publish(settings, "new", 9)
    async with staged(settings, "recorder") as stages:
        await stages.until_missed("position", "recorder")
        problem = stages.problems("recorder")["position"]
        assert "messages.v1 is another log" in problem
        assert "santral store adopt" in problem
        assert count() == 8
        books = _command(settings, "ledger", "--json")
        assert books.returncode == 1
        assert "messages.v1" in json.loads(books.stdout)["findings"][0]
        dry = _command(settings, "store", "adopt", answer="n\n")
        assert dry.returncode == 1
        assert "recorded up to" in dry.stdout
        assert stages.problems("recorder")
        adopted = _command(settings, "store", "adopt", "--yes")
        assert adopted.returncode == 0, adopted.stderr
        await until("recorded again", lambda: count() == 17, BACK_S)
        await stages.until_ready()
    engine = stores.engine(settings.store_url)
    assert ledger.read_ledger(engine, settings).findings == ()
    engine.dispose()


def _make_again(settings: Settings) -> None:
    """Delete messages.v1 and create it again."""
    admin = AdminClient(rdkafka_settings(settings.kafka))
    admin.delete_topics([topics.MESSAGES.name])[topics.MESSAGES.name].result(20)
    # The broker deletes in the background, and refuses the name until then.
    wait("messages.v1 is created", lambda: create_topics(settings.kafka, [topics.MESSAGES])[0])


async def _publish(settings: Settings, word: str, number: int) -> None:
    publisher = Publisher(settings.kafka, "test")
    for n in range(number):
        sent = message("Kargom nerede?", native=f"{word}{n}", root=f"{word}{n}")
        await _publish_one(publisher, sent)
    await publisher.stop()


async def _publish_one(publisher: Publisher, sent: Message) -> None:
    async def publish() -> bool:
        with contextlib.suppress(Retry):  # a new topic has no leader at first
            await publisher.publish(topics.MESSAGES, sent, source=sent.source)
            return True
        return False

    published: bool = await until("published", publish)
    assert published


def _command(
    settings: Settings, *words: str, answer: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words],
        env=environment(settings),
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
        input=answer,
    )


def test_a_full_disk_makes_ingest_unready_and_room_makes_it_ready(tmp_path: Path) -> None:
    away = f"127.0.0.1:{free_port()}"
    settings = msgspec.structs.replace(
        Settings(),
        home=str(tmp_path),
        kafka=KafkaSettings(bootstrap=away),
        redis=RedisSettings(url=f"redis://{away}/0"),
        ops=OpsSettings(port=free_port()),
        archive=ArchiveSettings(url=str(tmp_path / "archive")),
        door=DoorSettings(port=free_port()),
    )

    def problems() -> dict[str, str]:
        names: dict[str, str] = readiness(settings)["problems"]
        return names

    with process(settings, "ingest") as stage:
        wait("it starts", lambda: "archive" not in problems())
        # A limit on the size of a file acts as the disk: no longer write succeeds.
        ingest = psutil.Process(stage.pid)
        _, hard = ingest.rlimit(resource.RLIMIT_FSIZE)
        ingest.rlimit(resource.RLIMIT_FSIZE, (48 * 1024, hard))
        refusal = httpx2.post(
            f"http://127.0.0.1:{settings.door.port}/v1/messages",
            json={"native_id": "1", "text": "a" * 60_000, "sender": {"handle": "ada"}},
            headers={"Authorization": f"Bearer {TOKENS.door}"},
        )
        assert refusal.status_code == 503
        assert "can't be written" in refusal.text
        wait("it is not ready", lambda: "can't be written" in problems().get("archive", ""), 20)
        ingest.rlimit(resource.RLIMIT_FSIZE, (hard, hard))
        wait("it is ready", lambda: "archive" not in problems(), BACK_S)


@pytest.mark.certify
async def test_a_frozen_store_is_noticed_and_stops_no_other_work(servers: Servers) -> None:
    await asyncio.to_thread(servers.start)
    settings = servers.settings
    async with staged(settings, "ingest", "recorder", "replies", "console") as stages:
        await stages.until_ready()
        assert servers.postgres.process is not None
        os.killpg(servers.postgres.process.pid, signal.SIGSTOP)
        try:
            await stages.until_missed("store", "recorder", "console", "replies", seconds=BACK_S)
            sent = await post(settings, "frozen")
            assert sent.status_code == 202
            listing = await page(settings, "/messages", "text/html")
            assert listing.status_code == 503
            desk = await page(settings, "/desk", "text/html")
            assert desk.status_code == 200
        finally:
            os.killpg(servers.postgres.process.pid, signal.SIGCONT)
        await until_recorded(settings, sent)
        await stages.until_ready(BACK_S)


@pytest.mark.certify
@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_kafka_away_for_forty_seconds_ends_no_stage(servers: Servers, harm: str) -> None:
    await asyncio.to_thread(servers.start)
    settings = servers.settings
    with process(settings, "watch") as watch:
        async with staged(settings, *STAGES) as stages:
            await stages.until_ready()
            await until("the watch is ready", lambda: readiness(settings).get("ready"), 30)
            servers.signal_kafka(signal.SIGSTOP) if harm == "freeze" else servers.kill_kafka()
            await stages.until_missed("kafka", *stages.health)
            await until("the watch misses it", lambda: not readiness(settings)["ready"])
            await stays("the watch runs", lambda: watch.poll() is None, 40)
            if harm == "freeze":
                await asyncio.to_thread(servers.thaw_kafka)
            else:
                await asyncio.to_thread(servers.start_kafka)
            await stages.until_ready(BACK_S)
            sent = await post(settings, f"away-{harm}")
            await until_recorded(settings, sent)
            await until("the watch is ready", lambda: readiness(settings).get("ready"), BACK_S)


@pytest.mark.certify
@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_an_outage_longer_than_the_watchdogs_patience_ends_no_stage(
    servers: Servers, harm: str
) -> None:
    await asyncio.to_thread(servers.start)
    away_s, stall = 30, timedelta(seconds=15)
    own = {
        name: msgspec.structs.replace(
            servers.settings, ops=OpsSettings(port=free_port(), stall=stall)
        )
        for name in ("desk", "replies", "recorder")
    }
    with contextlib.ExitStack() as stack:
        stages = [
            stack.enter_context(process(settings, "workers", "--only", name))
            for name, settings in own.items()
        ]

        def unready() -> list[str]:
            return [name for name, settings in own.items() if not readiness(settings).get("ready")]

        await until("all are ready", lambda: not unready(), 40)
        servers.signal_kafka(signal.SIGSTOP) if harm == "freeze" else servers.kill_kafka()
        ended = time.monotonic() + away_s
        await until(
            "all miss Kafka",
            lambda: all("kafka" in readiness(s).get("problems", {}) for s in own.values()),
        )
        await until("it was away for long", lambda: time.monotonic() > ended, away_s + 1)
        assert [stage.poll() for stage in stages] == [None] * len(stages)
        if harm == "freeze":
            await asyncio.to_thread(servers.thaw_kafka)
        else:
            await asyncio.to_thread(servers.start_kafka)
        await until("all are ready again", lambda: not unready(), BACK_S)
        assert [stage.poll() for stage in stages] == [None] * len(stages)
