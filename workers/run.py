"""`santral workers` and `santral console`: recorder, desk feed, replies; pages and API.

Before: runtime/cli.py. After: the store, Redis, customers. Each worker may run alone (`--only`),
and any number of each may run side by side.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from runtime import bus, http, stage
from runtime import store as stores
from runtime.backlog import Backlog
from runtime.bus import Publisher
from runtime.clock import Clock
from runtime.faults import is_outage
from runtime.guard import Guard
from runtime.health import Health
from runtime.log import get
from runtime.progress import Progress
from runtime.redis_client import connect
from runtime.settings import Settings
from runtime.watchdog import Watchdog
from workers.acknowledge import Acknowledger
from workers.api import Api, Trial
from workers.bounces import Bounces
from workers.console.app import app
from workers.desk import Desk
from workers.desk_feed import Feed
from workers.desk_redis import Lines
from workers.holding import Holding
from workers.recorder import Recorder
from workers.replies import Replies

log = get(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
WORKERS = ("recorder", "desk", "replies")


async def _record(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
    """The recorder's loop in a thread of its own: SQL and its clients are synchronous."""
    await asyncio.to_thread(stores.migrate, settings.store_url, MIGRATIONS)
    engine = stores.engine(settings.store_url)
    recorder = Recorder(settings, engine, clock, health)
    watchdog = _watchdog(settings, health, clock, recorder.progress)
    ending = threading.Event()

    def loop() -> None:
        recorder.start()
        watchdog.start()
        while not ending.is_set():
            recorder.turn()
        watchdog.stop()
        recorder.stop()
        engine.dispose()

    working: asyncio.Future[Any] = asyncio.get_running_loop().run_in_executor(None, loop)
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    ending.set()
    stopping.cancel()
    await working


def _watchdog(settings: Settings, health: Health, clock: Clock, progress: Progress) -> Watchdog:
    """Return the watchdog of a loop that reads Kafka."""
    look = Backlog(settings.kafka, settings.ops.stall)
    return Watchdog(health, progress, settings.ops, clock, look)


async def work(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, only: tuple[str, ...]
) -> None:
    """Run the workers named in `only` until `stop`."""
    redis = connect(settings.redis)
    publisher = Publisher(settings.kafka, f"santral-workers-{os.getpid()}")
    health.add("kafka", lambda: None if publisher.healthy else "the last publish failed")
    tasks: list[Awaitable[None]] = []
    watched: list[bus.Lag] = []
    engine: Engine | None = None
    if "desk" in only:
        feed = Feed(settings, redis, clock, health)
        watched.append(feed.lag)
        tasks.append(feed.run())
    if "replies" in only:
        replies = Replies(settings, redis, publisher, clock, health)
        watched.append(replies.lag)
        tasks.append(_again("replies", replies.run, replies.lag))
        await asyncio.to_thread(stores.migrate, settings.store_url, MIGRATIONS)
        engine = stores.engine(settings.store_url, read_only=True)
        returned = Bounces(settings, engine, publisher, clock)
        watched.append(returned.lag)
        tasks.append(_again("bounces", returned.run, returned.lag))
        holding = Holding(settings, engine, publisher, clock)
        watched.append(holding.lag)
        tasks.append(_again("holding", holding.run, holding.lag))
        if settings.replies.acknowledge:
            told = Acknowledger(settings, redis, publisher, clock)
            watched.append(told.lag)
            tasks.append(_again("acknowledge", told.run, told.lag))
    dogs = [_watchdog(settings, health, clock, lag) for lag in watched]
    for dog in dogs:
        dog.start()
    recording = [_record(settings, health, clock, stop)] if "recorder" in only else []
    try:
        await stage.until(stop, *tasks, finishing=recording)
    finally:
        for dog in dogs:
            dog.stop()
        if engine is not None:
            engine.dispose()
        await publisher.stop()
        await redis.aclose()


async def _again(name: str, run: Callable[[], Awaitable[None]], lag: bus.Lag) -> None:
    """Run a worker for ever; Kafka or Redis going away is waited out, and told."""
    while True:
        try:
            await run()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("worker.later", worker=name, why=str(error))
            lag.wait_for("its neighbours", 1)
            await asyncio.sleep(1.0)


async def console(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, trial: Trial | None
) -> None:
    """Serve pages, the desk's API and the read API until `stop`."""
    await asyncio.to_thread(stores.migrate, settings.store_url, MIGRATIONS)
    engine = stores.engine(settings.store_url, read_only=True)
    redis = connect(settings.redis)
    publisher = Publisher(settings.kafka, f"santral-console-{os.getpid()}")
    desk = Desk(settings=settings, lines=Lines(redis), publisher=publisher, clock=clock)
    api = Api(settings=settings, desk=desk, store=engine, trial=trial)
    health.add("kafka", lambda: None if publisher.healthy else "the last publish failed")
    sockets = [http.listen(settings.console.host, settings.console.port)]
    server = http.server(app(api, health, stop), Guard(settings.limits))
    try:
        await stage.until(stop, finishing=[http.serve(server, sockets, stop)])
    finally:
        await publisher.stop()
        await redis.aclose()
        engine.dispose()


def start(settings: Settings, only: tuple[str, ...] = WORKERS) -> None:
    """Run workers to their end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await work(settings, health, clock, stop, only)

    stage.run("workers" if len(only) > 1 else only[0], settings, main)


def start_console(settings: Settings, trial: Trial | None = None) -> None:
    """Run the console to its end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await console(settings, health, clock, stop, trial)

    stage.run("console", settings, main)
