"""`santral workers` and `santral console`, which run the loops and serve the pages with the API.

cli/stages.py starts them. Each worker may run alone (`--only`), and any number of each may run side
by side.
"""

import asyncio
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis
from sqlalchemy import Engine

from runtime import store
from runtime.bus.backlog import Backlog
from runtime.bus.following import Lag
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.health.checks import Health
from runtime.health.faults import is_outage
from runtime.health.neighbour import Backoff, Neighbour
from runtime.health.progress import Progress
from runtime.http.guard import Guard
from runtime.http.server import build_server, open_listener, serve
from runtime.redis.client import connect
from runtime.settings.structs import Settings
from runtime.stage import frame, probes
from runtime.stage.watchdog import Watchdog
from workers.console.api import ConsoleApi, Trial
from workers.console.app import app
from workers.desk.commands import Desk
from workers.desk.expired_leases import ExpiredLeases
from workers.desk.outcome_order import KafkaOrder
from workers.desk.queue_bodies import QueueBodyReader
from workers.desk_feed.feed import Feed
from workers.desk_queue.queue import DeskQueue
from workers.recorder.loop import Recorder
from workers.replies.acknowledge import Acknowledger
from workers.replies.bounces import BounceReporter
from workers.replies.incident_reply import IncidentResponder
from workers.sender.reply_sender import ReplySender

MIGRATIONS = Path(__file__).parent / "store" / "migrations"
WORKERS = ("recorder", "desk", "replies")
_PAGE_LIMIT_S = 15.0
"""The store must answer a page in this time, because a person waits no longer."""
_SETTLED_AFTER_S = 3.0
"""A worker that runs this long after an outage works again."""


@dataclass(frozen=True)
class _Neighbours:
    """The neighbours of this process; their users start the probes."""

    kafka: Neighbour
    redis: Neighbour
    store: Neighbour

    def stop(self) -> None:
        """End the probes."""
        for neighbour in (self.kafka, self.redis, self.store):
            neighbour.stop()


def _create_neighbours(settings: Settings, clock: Clock) -> _Neighbours:
    return _Neighbours(
        kafka=probes.kafka_neighbour(settings, clock),
        redis=probes.redis_neighbour(settings, clock),
        store=probes.store_neighbour(settings, clock),
    )


async def _run_recorder(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, neighbours: _Neighbours
) -> None:
    """Run the recorder in a thread of its own, because SQL and its clients are synchronous."""
    migrating = store.migrate_when_up(settings.store_url, MIGRATIONS, neighbours.store)
    if not await frame.before(stop, migrating):
        return
    engine = store.engine(settings.store_url, answer_limit_s=store.ANSWER_LIMIT_S)
    recorder = Recorder(settings, engine, clock, health, (neighbours.kafka, neighbours.store))
    watchdog = _create_watchdog(settings, health, clock, recorder.progress)
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

    working: asyncio.Future[None] = asyncio.get_running_loop().run_in_executor(None, loop)
    stopping = asyncio.ensure_future(frame.wait_for_stop(stop))
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    ending.set()
    stopping.cancel()
    await working


def _create_watchdog(
    settings: Settings, health: Health, clock: Clock, progress: Progress
) -> Watchdog:
    """Return the watchdog of a loop that reads Kafka."""
    backlog = Backlog(settings.kafka, settings.ops.stall)
    return Watchdog(health, progress, settings.ops, clock, backlog)


@dataclass(frozen=True, kw_only=True)
class _WorkerProcess:
    """The settings and the clients that the loops of this process share."""

    settings: Settings
    health: Health
    clock: Clock
    neighbours: _Neighbours
    redis: "Redis[bytes]"
    publisher: Publisher

    async def close(self) -> None:
        """Disconnect."""
        await self.publisher.stop()
        await self.redis.aclose()
        self.neighbours.stop()


class _Loop(NamedTuple):
    """A running loop, and the notes that its watchdog reads."""

    progress: Progress
    running: Awaitable[None]


async def run_workers(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, only: tuple[str, ...]
) -> None:
    """Run the workers named in `only` until `stop`."""
    neighbours = _create_neighbours(settings, clock)
    process = _WorkerProcess(
        settings=settings,
        health=health,
        clock=clock,
        neighbours=neighbours,
        redis=connect(settings.redis),
        publisher=Publisher(settings.kafka, f"santral-workers-{os.getpid()}", neighbours.kafka),
    )
    _check_neighbours(process, only)
    loops: list[_Loop] = []
    engine: Engine | None = None
    bodies: QueueBodyReader | None = None
    if "desk" in only:
        feed = Feed(settings, process.redis, clock, health)
        loops.append(_Loop(feed.lag, feed.run()))
        bodies = QueueBodyReader(settings.kafka)
        expired = ExpiredLeases(
            settings=settings,
            desk_queue=DeskQueue(process.redis),
            bodies=bodies,
            publisher=process.publisher,
        )
        loops.append(_Loop(expired.lag, expired.run()))
    if "replies" in only:
        engine = store.engine(
            settings.store_url, read_only=True, answer_limit_s=store.ANSWER_LIMIT_S
        )
        loops += _reply_loops(process, engine)
    watchdogs = [_create_watchdog(settings, health, clock, loop.progress) for loop in loops]
    for watchdog in watchdogs:
        watchdog.start()
    recording = []
    if "recorder" in only:
        recording.append(_run_recorder(settings, health, clock, stop, neighbours))
    else:
        health.finish_start()
    try:
        await frame.until(stop, *(loop.running for loop in loops), finishing=recording)
    finally:
        for watchdog in watchdogs:
            watchdog.stop()
        if engine is not None:
            engine.dispose()
        if bodies is not None:
            await bodies.close()
        await process.close()


def _check_neighbours(process: _WorkerProcess, only: tuple[str, ...]) -> None:
    """Make the workers' neighbours part of this process's readiness."""
    health, neighbours = process.health, process.neighbours
    health.add("kafka", neighbours.kafka.problem)
    neighbours.kafka.start()
    if "desk" in only or "replies" in only:
        health.add("redis", neighbours.redis.problem)
        neighbours.redis.start()
    if "recorder" in only or "replies" in only:
        health.add("store", neighbours.store.problem)


def _reply_loops(process: _WorkerProcess, engine: Engine) -> list[_Loop]:
    """Return the loops that write and send replies; some wait for the store's tables."""
    settings, publisher, clock = process.settings, process.publisher, process.clock
    restarting = functools.partial(_restart_after_outages, process.health, clock)
    sender = ReplySender(settings, process.redis, publisher, clock, process.health)
    bounces = BounceReporter(settings, engine, publisher, clock)
    responder = IncidentResponder(settings, engine, publisher, clock)
    migrating = asyncio.ensure_future(
        store.migrate_when_up(settings.store_url, MIGRATIONS, process.neighbours.store)
    )
    loops = [
        _Loop(sender.lag, restarting("replies", sender.run, sender.lag)),
        _Loop(bounces.lag, _run_after(migrating, restarting("bounces", bounces.run, bounces.lag))),
        _Loop(
            responder.lag,
            _run_after(migrating, restarting("holding", responder.run, responder.lag)),
        ),
    ]
    if settings.replies.acknowledge:
        acknowledger = Acknowledger(settings, process.redis, publisher, clock)
        loops.append(
            _Loop(acknowledger.lag, restarting("acknowledge", acknowledger.run, acknowledger.lag))
        )
    return loops


async def _run_after(first: Awaitable[None], work: Coroutine[None, None, None]) -> None:
    """Run `work` after `first`, or close it if `first` fails."""
    try:
        await first
    except BaseException:
        work.close()
        raise
    await work


async def _restart_after_outages(
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
        settling = loop.call_later(_SETTLED_AFTER_S, settle)
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


async def run_console(
    settings: Settings, health: Health, clock: Clock, stop: asyncio.Event, trial: Trial | None
) -> None:
    """Serve pages, the desk's API and the read API until `stop`."""
    neighbours = _create_neighbours(settings, clock)
    engine = store.engine(settings.store_url, read_only=True, answer_limit_s=_PAGE_LIMIT_S)
    redis = connect(settings.redis)
    publisher = Publisher(settings.kafka, f"santral-console-{os.getpid()}", neighbours.kafka)
    bodies = QueueBodyReader(settings.kafka)
    desk = Desk(
        settings=settings,
        desk_queue=DeskQueue(redis),
        publisher=publisher,
        clock=clock,
        bodies=bodies,
        outcome_order=KafkaOrder(settings.kafka),
    )
    api = ConsoleApi(
        settings=settings, desk=desk, store=engine, trial=trial, neighbour=neighbours.store
    )
    for name, neighbour in (
        ("kafka", neighbours.kafka),
        ("redis", neighbours.redis),
        ("store", neighbours.store),
    ):
        health.add(name, neighbour.problem)
    neighbours.kafka.start()
    neighbours.redis.start()
    migrating = store.migrate_when_up(settings.store_url, MIGRATIONS, neighbours.store)
    sockets = [open_listener(settings.console.host, settings.console.port)]
    server = build_server(app(api, health, stop), Guard(settings.limits))
    try:
        serving = serve(server, sockets, stop)
        health.finish_start()
        await frame.until(stop, _run_after(migrating, _wait_for_ever()), finishing=[serving])
    finally:
        neighbours.stop()
        await bodies.close()
        await publisher.stop()
        await redis.aclose()
        engine.dispose()


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def start(settings: Settings, only: tuple[str, ...] = WORKERS) -> None:
    """Run workers to their end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await run_workers(settings, health, clock, stop, only)

    frame.run("workers" if len(only) > 1 else only[0], settings, main)


def start_console(settings: Settings, trial: Trial | None = None) -> None:
    """Run the console to its end."""

    async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
        await run_console(settings, health, clock, stop, trial)

    frame.run("console", settings, main)
