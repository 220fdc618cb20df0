"""`santral workers` and `santral console`: recorder, desk feed, replies; pages and API.

Before: cli/main.py. After: the store, Redis, customers. Each worker may run alone (`--only`),
and any number of each may run side by side.
"""

import asyncio
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from runtime import store as stores
from runtime.bus.backlog import Backlog
from runtime.bus.bus import Publisher
from runtime.bus.following import Lag
from runtime.clock import Clock
from runtime.health.faults import is_outage
from runtime.health.health import Health
from runtime.health.neighbour import Backoff, Neighbour
from runtime.health.progress import Progress
from runtime.http import server as http
from runtime.http.guard import Guard
from runtime.redis.client import connect
from runtime.settings.structs import Settings
from runtime.stage import frame, probes
from runtime.stage.watchdog import Watchdog
from workers.console.api import Api, Trial
from workers.console.app import app
from workers.desk.commands import Desk
from workers.desk.outcome_order import KafkaOrder
from workers.desk.queue_bodies import QueueBodyReader
from workers.desk_feed.feed import Feed
from workers.desk_queue.queue import DeskQueue
from workers.recorder.recorder import Recorder
from workers.replies.acknowledge import Acknowledger
from workers.replies.bounces import BounceReporter
from workers.replies.incident_reply import IncidentResponder
from workers.sender.reply_sender import ReplySender

MIGRATIONS = Path(__file__).parent / "store" / "migrations"
WORKERS = ("recorder", "desk", "replies")
_PAGE_LIMIT_S = 15.0  # the store's answer for a page; a person waits no longer


_SETTLED_S = 3.0  # a worker that runs so long after an outage works again


@dataclass(frozen=True)
class _Neighbours:
    """The neighbours of this process; each begins to be probed where it is used."""

    kafka: Neighbour
    redis: Neighbour
    store: Neighbour

    def stop(self) -> None:
        """End the probing."""
        for neighbour in (self.kafka, self.redis, self.store):
            neighbour.stop()


def _neighbours(settings: Settings, clock: Clock) -> _Neighbours:
    return _Neighbours(
        kafka=probes.kafka_neighbour(settings, clock),
        redis=probes.redis_neighbour(settings, clock),
        store=probes.store_neighbour(settings, clock),
    )


async def _record(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, near: _Neighbours
) -> None:
    """The recorder's loop in a thread of its own: SQL and its clients are synchronous."""
    migrating = stores.migrate_when_up(settings.store_url, MIGRATIONS, near.store)
    if not await frame.before(stop, migrating):
        return
    engine = stores.engine(settings.store_url, answer_limit_s=stores.ANSWER_LIMIT_S)
    recorder = Recorder(settings, engine, clock, health, (near.kafka, near.store))
    watchdog = _watchdog(settings, health, clock, recorder.progress)
    health.finish_start()
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
    near = _neighbours(settings, clock)
    redis = connect(settings.redis)
    publisher = Publisher(settings.kafka, f"santral-workers-{os.getpid()}", near.kafka)
    health.add("kafka", near.kafka.problem)
    near.kafka.start()
    if "desk" in only or "replies" in only:
        health.add("redis", near.redis.problem)
        near.redis.start()
    if "recorder" in only or "replies" in only:
        health.add("store", near.store.problem)
    tasks: list[Awaitable[None]] = []
    watched: list[Progress] = []
    engine: Engine | None = None
    if "desk" in only:
        feed = Feed(settings, redis, clock, health)
        watched.append(feed.lag)
        tasks.append(feed.run())
    if "replies" in only:
        replies = ReplySender(settings, redis, publisher, clock, health)
        again = functools.partial(_again, health, clock)
        watched.append(replies.lag)
        tasks.append(again("replies", replies.run, replies.lag))
        migrating = asyncio.ensure_future(
            stores.migrate_when_up(settings.store_url, MIGRATIONS, near.store)
        )
        engine = stores.engine(
            settings.store_url, read_only=True, answer_limit_s=stores.ANSWER_LIMIT_S
        )
        returned = BounceReporter(settings, engine, publisher, clock)
        watched.append(returned.lag)
        tasks.append(_after(migrating, again("bounces", returned.run, returned.lag)))
        holding = IncidentResponder(settings, engine, publisher, clock)
        watched.append(holding.lag)
        tasks.append(_after(migrating, again("holding", holding.run, holding.lag)))
        if settings.replies.acknowledge:
            told = Acknowledger(settings, redis, publisher, clock)
            watched.append(told.lag)
            tasks.append(again("acknowledge", told.run, told.lag))
    dogs = [_watchdog(settings, health, clock, lag) for lag in watched]
    for dog in dogs:
        dog.start()
    recording = []
    if "recorder" in only:
        recording.append(_record(settings, health, clock, stop, near))
    else:
        health.finish_start()
    try:
        await frame.until(stop, *tasks, finishing=recording)
    finally:
        for dog in dogs:
            dog.stop()
        if engine is not None:
            engine.dispose()
        await publisher.stop()
        await redis.aclose()
        near.stop()


async def _after(first: Awaitable[None], work: Coroutine[Any, Any, None]) -> None:
    try:
        await first
    except BaseException:
        work.close()
        raise
    await work


async def _again(
    health: Health, clock: Clock, name: str, run: Callable[[], Awaitable[None]], lag: Lag
) -> None:
    """Run a worker for ever: it waits for the end of an outage, and is not ready until then."""
    attempts = Neighbour(f"the worker {name}", clock, event="worker")
    health.add(f"worker {name}", attempts.problem)
    pauses, loop = Backoff(), asyncio.get_running_loop()

    def settle() -> None:
        pauses.reset()
        attempts.succeeded()

    task = asyncio.current_task()
    while True:
        settling = loop.call_later(_SETTLED_S, settle)
        try:
            await run()
        except asyncio.CancelledError:
            if task is None or task.cancelling():
                raise
            attempts.failed("Kafka's client ended")  # aiokafka lets a cancellation of its own out
        except Exception as error:
            if not is_outage(error):
                raise
            attempts.failed(error)
        finally:
            settling.cancel()
        pause_s = pauses.next()
        lag.wait_for("its neighbours", pause_s)
        await asyncio.sleep(pause_s)


async def console(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, trial: Trial | None
) -> None:
    """Serve pages, the desk's API and the read API until `stop`."""
    near = _neighbours(settings, clock)
    engine = stores.engine(settings.store_url, read_only=True, answer_limit_s=_PAGE_LIMIT_S)
    redis = connect(settings.redis)
    publisher = Publisher(settings.kafka, f"santral-console-{os.getpid()}", near.kafka)
    bodies = QueueBodyReader(settings.kafka)
    desk = Desk(
        settings=settings,
        desk_queue=DeskQueue(redis),
        publisher=publisher,
        clock=clock,
        bodies=bodies,
        outcome_order=KafkaOrder(settings.kafka),
    )
    api = Api(settings=settings, desk=desk, store=engine, trial=trial, neighbour=near.store)
    for name, neighbour in (("kafka", near.kafka), ("redis", near.redis), ("store", near.store)):
        health.add(name, neighbour.problem)
    near.kafka.start()
    near.redis.start()
    migrating = stores.migrate_when_up(settings.store_url, MIGRATIONS, near.store)
    sockets = [http.listen(settings.console.host, settings.console.port)]
    server = http.server(app(api, health, stop), Guard(settings.limits))
    try:
        serving = http.serve(server, sockets, stop)
        health.finish_start()
        await frame.until(stop, _after(migrating, _for_ever()), finishing=[serving])
    finally:
        near.stop()
        await bodies.close()
        await publisher.stop()
        await redis.aclose()
        engine.dispose()


async def _for_ever() -> None:
    await asyncio.Event().wait()


def start(settings: Settings, only: tuple[str, ...] = WORKERS) -> None:
    """Run workers to their end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await work(settings, health, clock, stop, only)

    frame.run("workers" if len(only) > 1 else only[0], settings, main)


def start_console(settings: Settings, trial: Trial | None = None) -> None:
    """Run the console to its end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await console(settings, health, clock, stop, trial)

    frame.run("console", settings, main)
