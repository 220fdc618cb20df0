"""Feed processes that are killed, stopped and started while records flow and Redis is emptied."""

import asyncio
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runtime.settings.structs import RedisSettings, Settings
from schemas.decision import WorkItem
from tests.support.desk.feeding import RunningFeed, feed_process, produce, resolved, work_item
from tests.support.redis.servers import Valkey
from tests.support.servers.broker import broker_process
from tests.support.waiting import until, wait
from workers.desk_queue.queue import P

_ROUNDS = 12
_ITEMS_A_ROUND = 200
_DEPARTMENTS = ("orders", "billing", "technical")


class _Feeds:
    """Two desk feeds as processes."""

    def __init__(self, settings: Settings, server: Valkey, folder: Path) -> None:
        self._settings, self._port = settings, server.port
        self.log = folder / "feeds.log"
        self._processes = [self._start(), self._start()]

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as out:
            return feed_process(self._settings, self._port, out)

    def harm(self, kind: str) -> None:
        """Kill, stop or wake one of them."""
        victim = self._processes.pop(0)
        if kind == "kill":
            victim.kill()
            victim.wait()
            victim = self._start()
        elif kind == "stop":
            victim.send_signal(signal.SIGSTOP)
        else:
            victim.send_signal(signal.SIGCONT)
        self._processes.append(victim)

    def wake(self) -> None:
        """Wake all that were stopped, and start all that ended."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
        assert all(p.poll() is None for p in self._processes), self.log.read_text()[-4000:]

    def end(self) -> None:
        """End all."""
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def server() -> Iterator[Valkey]:
    """A Valkey of its own."""
    running = Valkey().start()
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.certify
def test_no_harm_to_feeds_or_redis_revives_or_loses_an_item(
    own_kafka: Settings, server: Valkey, tmp_path: Path
) -> None:
    chance = random.Random(18)
    feeds = _Feeds(own_kafka, server, tmp_path)
    open_items: dict[str, WorkItem] = {}
    number = 0
    try:
        for turn in range(_ROUNDS):
            works = [
                work_item(n, department=_DEPARTMENTS[n % 3])
                for n in range(number, number + _ITEMS_A_ROUND)
            ]
            number += _ITEMS_A_ROUND
            open_items |= {w.message.id: w for w in works}
            closed = chance.sample(sorted(open_items), len(open_items) // 2)
            produce(own_kafka, works, [resolved(open_items.pop(m)) for m in closed])
            feeds.harm(chance.choice(("kill", "kill", "stop", "wake")))
            if turn % 4 == 3:
                server.run("FLUSHALL")
        feeds.wake()
        expected = sorted(w.message.conversation for w in open_items.values())

        def desk_queue() -> list[str]:
            stored = [server.run("ZRANGE", f"{P}ready:{d}", 0, -1) for d in _DEPARTMENTS]
            return sorted(c.decode() for line in stored for c in line)

        wait("the lines have what waits", lambda: desk_queue() == expected, 90)
        server.run("FLUSHALL")
        wait("the rebuilt lines have it too", lambda: desk_queue() == expected, 60)
    finally:
        feeds.end()


@pytest.mark.certify
async def test_a_feed_waits_for_kafka_and_is_back_within_ten_seconds(
    own_kafka: Settings, server: Valkey
) -> None:
    settings = msgspec.structs.replace(
        own_kafka, redis=RedisSettings(url=f"redis://127.0.0.1:{server.port}/0")
    )
    running, broker = RunningFeed(settings), broker_process(own_kafka)
    async with running as feed:
        await until("it reads", lambda: feed.owned)
        broker.suspend()
        try:
            await until("readiness names Kafka", lambda: "Kafka" in (feed.problem() or ""), 30)
        finally:
            broker.resume()
        work = work_item(1)
        await asyncio.to_thread(produce, settings, [work])

        def waits() -> bool:
            return bool(server.run("ZCARD", f"{P}ready:orders"))

        await until("an item comes through", waits, 10)
        await until("readiness is back", lambda: feed.problem() is None)


@pytest.mark.certify
async def test_a_feed_waits_for_a_neighbour_that_is_away_at_its_start(
    own_kafka: Settings, server: Valkey
) -> None:
    settings = msgspec.structs.replace(
        own_kafka, redis=RedisSettings(url=f"redis://127.0.0.1:{server.port}/0")
    )
    server.kill()
    async with RunningFeed(settings) as feed:
        await until("readiness names Redis", lambda: "Redis" in (feed.problem() or ""), 30)
        server.start()
        produce(settings, [work_item(1)])

        def waits() -> bool:
            return bool(server.run("ZCARD", f"{P}ready:orders"))

        await until("an item comes through", waits, 10)
