"""Stages as tasks of a test, with servers that start and end when the test says so."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import msgspec

from cli.up.kafka import Broker
from cli.up.ports import free_port
from ingest import run as ingest_run
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import (
    ConsoleSettings,
    DoorSettings,
    KafkaSettings,
    OpsSettings,
    RedisSettings,
    Settings,
    StoreSettings,
    TokensSettings,
)
from runtime.topics.creation import check_topics, create_topics
from schemas import topics
from schemas.errors import Unavailable
from schemas.routing.departments import DEFAULT
from tests.support import http_clients
from tests.support.http_clients import NO_CERTIFICATES
from tests.support.json_body import JsonBody
from tests.support.paths import JARS, ROOT
from tests.support.redis.servers import start_valkey
from tests.support.servers.postgres import Postgres
from tests.support.waiting import until, wait
from workers import run as workers_run

BACK_S = 10.0
"""The flow is back within this time of its neighbour."""
TOKENS = TokensSettings(
    door="d" * 24, desk="e" * 24, console="c" * 24, signing="s" * 32, personal="p" * 24
)


class Servers:
    """Kafka, PostgreSQL and Valkey at known addresses, which start when a test says so."""

    def __init__(self, home: Path) -> None:
        self._broker = Broker(home / "kafka", JARS, free_port(), free_port())
        self._postgres, self._redis_port = Postgres(), free_port()
        self._valkey = contextlib.ExitStack()
        self._kafka: subprocess.Popen[bytes] | None = None
        self.settings = msgspec.structs.replace(
            Settings(),
            home=str(home / "var"),
            kafka=KafkaSettings(bootstrap=self._broker.bootstrap),
            redis=RedisSettings(url=f"redis://127.0.0.1:{self._redis_port}/0"),
            store=StoreSettings(url=self._postgres.url),
            tokens=TOKENS,
            door=DoorSettings(port=free_port()),
            console=ConsoleSettings(port=free_port()),
            ops=OpsSettings(port=free_port()),
        )

    @property
    def postgres(self) -> Postgres:
        """The store's server."""
        return self._postgres

    def start_kafka(self) -> None:
        """Start the broker, again after `stop_kafka`, and create what topics are missing."""
        self._broker.prepare()
        process = subprocess.Popen(
            self._broker.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._kafka = process
        self._broker.wait(lambda: process.poll() is None)
        create_topics(self.settings.kafka, topics.all_topics(tuple(DEFAULT)))

    def start(self) -> None:
        """Start all that does not run."""
        if self._kafka is None:
            self.start_kafka()
        if self._postgres.process is None:
            self._postgres.start()
            self._valkey.enter_context(start_valkey(self._redis_port))

    def kill_kafka(self) -> None:
        """End the broker at once."""
        assert self._kafka is not None
        self._kafka.kill()
        self._kafka.wait()
        self._kafka = None

    def signal_kafka(self, number: int) -> None:
        """Send the broker a signal."""
        assert self._kafka is not None
        self._kafka.send_signal(number)

    def thaw_kafka(self) -> None:
        """Let a frozen broker run on; return once it serves its topics, as `start_kafka` does."""
        self.signal_kafka(signal.SIGCONT)
        wait("the broker serves its topics", self._serves)

    def _serves(self) -> bool:
        try:
            return not check_topics(self.settings.kafka, topics.all_topics(tuple(DEFAULT)))
        except Unavailable:
            return False

    def stop(self) -> None:
        """Stop all."""
        self._valkey.close()
        self._postgres.stop()
        if self._kafka is not None:
            self._kafka.terminate()
            self._kafka.wait(30)


class Stages:
    """Stages that run as tasks of the test, each with its health."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self._stop = settings, asyncio.Event()
        self.health: dict[str, Health] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, *names: str) -> None:
        """Start `ingest`, `console`, or a worker."""
        for name in names:
            health = self.health[name] = Health(name)
            settings, clock, stop = self.settings, SystemClock(), self._stop
            if name == "ingest":
                stage = ingest_run.main(settings, health, clock, stop)
            elif name == "console":
                stage = workers_run.run_console(settings, health, clock, stop, None)
            else:
                stage = workers_run.run_workers(settings, health, clock, stop, (name,))
            self._tasks[name] = asyncio.create_task(stage)

    def problems(self, name: str) -> dict[str, str]:
        """Return what a stage's /readyz names; fail when the stage has ended."""
        task = self._tasks[name]
        assert not task.done(), task.exception()
        return self.health[name].problems()

    async def until_ready(self, seconds: float = 20) -> None:
        """Wait until all are ready."""
        for name in self.health:

            def ready(name: str = name) -> bool:
                # A stage that has not begun has no checks yet.
                return bool(self.health[name]._checks) and not self.problems(name)

            try:
                await until(f"{name} is ready", ready, seconds)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.problems(name)}") from None

    async def until_missed(self, neighbour: str, *names: str, seconds: float = 20) -> None:
        """Wait until these stages name a neighbour as their problem."""
        for name in names:

            def missed(name: str = name) -> bool:
                return neighbour in self.problems(name)

            await until(f"{name} misses {neighbour}", missed, seconds)

    async def stop(self) -> None:
        """Stop all, and raise what ended one of them."""
        self._stop.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks.values()), 30)


@contextlib.asynccontextmanager
async def staged(settings: Settings, *names: str) -> AsyncIterator[Stages]:
    """Run these stages until the end of the block."""
    stages = Stages(settings)
    stages.start(*names)
    try:
        yield stages
    finally:
        await stages.stop()


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a process with these settings."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")}
    tokens = msgspec.structs.asdict(TOKENS)
    return (
        clean
        | {f"SANTRAL_TOKENS__{name.upper()}": token for name, token in tokens.items()}
        | {
            "PYTHONPATH": str(ROOT),
            "SANTRAL_HOME": settings.home,
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "SANTRAL_REDIS__URL": settings.redis.url,
            "SANTRAL_STORE__URL": settings.store.url,
            "SANTRAL_OPS__PORT": str(settings.ops.port),
            "SANTRAL_OPS__STALL": f"{settings.ops.stall.total_seconds():g}s",
            "SANTRAL_DOOR__PORT": str(settings.door.port),
            "SANTRAL_DOOR__SHARE_PORT": str(settings.door.share_port).lower(),
        }
    )


@contextlib.contextmanager
def process(settings: Settings, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a stage as a process of its own; its log is in the home."""
    log = Path(settings.home) / f"{words[-1]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        stage = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env=environment(settings),
        )
    try:
        wait(f"{words[0]} listens", lambda: readiness(settings))
        yield stage
    finally:
        stage.terminate()
        # Some tests kill it; any other end by itself is a failure.
        assert stage.wait(30) in (0, -signal.SIGKILL), log.read_text()[-3000:]


def readiness(settings: Settings) -> JsonBody:
    """Return the body of /readyz of a process, empty while it does not listen."""
    try:
        answer = http_clients.get(f"http://127.0.0.1:{settings.ops.port}/readyz", timeout_s=3)
    except httpx2.HTTPError:
        return {}
    body: JsonBody = answer.json()
    assert answer.status_code == (200 if body["ready"] else 503)
    return body


async def post(settings: Settings, native: str) -> httpx2.Response:
    """Hand a message to the door."""
    body = {"native_id": native, "text": "Kargom nerede?", "sender": {"email": "a@ornek.example"}}
    url = f"http://127.0.0.1:{settings.door.port}"
    async with httpx2.AsyncClient(base_url=url, verify=NO_CERTIFICATES) as door:
        headers = {"Authorization": f"Bearer {TOKENS.door}"}
        return await door.post("/v1/messages", json=body, headers=headers, timeout=15)


async def page(settings: Settings, path: str, accept: str) -> httpx2.Response:
    """Open a page of the console, or an answer of its API."""
    url = f"http://127.0.0.1:{settings.console.port}"
    async with httpx2.AsyncClient(base_url=url, timeout=20, verify=NO_CERTIFICATES) as console:
        if accept == "text/html":
            await console.get("/", params={"token": TOKENS.console})
        headers = {
            "Accept": accept,
            "Accept-Language": "tr",
            "Authorization": f"Bearer {TOKENS.console}",
        }
        return await console.get(path, headers=headers)


async def until_recorded(settings: Settings, sent: httpx2.Response) -> None:
    """Wait until the store has an accepted message."""

    async def is_recorded() -> bool:
        answer = await page(settings, f"/v1/messages/{sent.json()['id']}", "application/json")
        return answer.status_code == 200

    recorded: bool = await until("recorded", is_recorded, BACK_S)
    assert recorded
