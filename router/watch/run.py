"""`santral watch`: live rates, and incidents (many customers, one cause, now), on Faust.

Before: decisions.v1 for the rates; the queues for incidents; incidents.v1 for what people say of
them. After: Prometheus gauges; incidents.v1 and pulses.v1. A process of its own, off the road:
killing it disturbs nothing. It commits nothing and keeps no table: at every assignment it reads
the last minutes again by their time, and the queues from the last hour that it counted, so it is
exact after any crash (docs/decisions/0004-watch.md, 0012-incidents.md). One process sees all of it.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from typing import Any

import faust

from router.watch.app import build
from router.watch.minute_rates import Windows
from router.watch.state import STEP, State
from runtime import log as logs
from runtime import metrics
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.health.checks import Health, LastSuccess
from runtime.health.faults import guard, is_outage
from runtime.health.neighbour import Backoff
from runtime.health.ops_server import serve_ops
from runtime.settings.structs import Settings
from runtime.stage import probes
from runtime.stage.frame import before, watch_event_loop
from runtime.topics.rules import partitions_of
from schemas import topics
from schemas.errors import Retry
from schemas.incident import Incident, Pulse

log = logs.get(__name__)

_STOP_S = 8.0
_TOLD_EVERY_S = 2.0
_TURN_S = 0.5
_AGAIN_S = 2.0
_SETTLED_S = 30.0  # a run so long was a good one: the next pause is short again


async def _rate(windows: Windows) -> None:
    """Set the gauges to the last full minute, for ever."""
    while True:
        counts = windows.minute(int(time.time()) // 60 - 1)
        metrics.forget("santral_watch_messages_rate")
        for channel, department, intent in counts:
            metrics.gauge(
                "santral_watch_messages_rate",
                counts[channel, department, intent],
                channel=channel,
                department=department,
                intent=intent,
            )
        await asyncio.sleep(_TOLD_EVERY_S)


async def _tell(state: State, publisher: Publisher) -> None:
    """Let time pass for the incidents, and publish what they tell in its order, for ever."""
    incidents = state.incidents
    while True:
        with guard(log, STEP):
            incidents.tick(state.watermark.at(time.time()))
        while incidents.told:
            record = incidents.told[0]
            with guard(log, STEP):
                try:
                    await _publish(record, publisher)
                except Retry:
                    await asyncio.sleep(_AGAIN_S)
                    continue
            incidents.told.pop(0)
        metrics.forget("santral_incidents_open")
        for brand, number in Counter(i.brand for i in incidents.open()).items():
            metrics.gauge("santral_incidents_open", number, brand=brand)
        await asyncio.sleep(_TURN_S)


async def _publish(record: Incident | Pulse, publisher: Publisher) -> None:
    if isinstance(record, Pulse):
        await publisher.publish(topics.PULSES, record, source="santral/watch")
        return
    await publisher.publish(topics.INCIDENTS, record, source="santral/watch")
    metrics.count("santral_incidents_written_total", status=record.status)
    if record.status != "grown":
        log.warning(
            "incident.told",
            id=record.id,
            brand=record.brand,
            status=record.status,
            customers=record.customers,
        )


def _alone(app: faust.App, settings: Settings) -> str | None:
    """Say when another watch has a part of what must be seen together."""
    queues = map(topics.queue, settings.departments)
    read: list[topics.AnyTopic] = [topics.DECISIONS, topics.INCIDENTS, *queues]
    due = sum(partitions_of(t, settings.kafka) for t in read)
    held = len(app.consumer.assignment())
    return None if held >= due else f"has {held} of {due} partitions: run only one watch"


class _Run:
    """One run of the Faust app: it ends by itself after a crash, or with `stop`."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._settings, self._publisher = settings, publisher
        self._state = State(settings)
        self._app: faust.App | None = None
        self._starting: asyncio.Future[Any] | None = None

    def joined(self) -> str | None:
        """Return why the app does not read yet, or None."""
        is_reading = self._starting is not None and self._starting.done()
        return None if is_reading else "has not joined its group yet"

    def alone(self) -> str | None:
        """Say when another watch has a part of what must be seen together."""
        if self._app is None or self.joined() is not None:
            return None
        return _alone(self._app, self._settings)

    async def until(self, stop: asyncio.Event) -> BaseException | None:
        """Read and count until `stop`; return what ended the app before that."""
        if not await before(stop, self._state.restore(self._settings)):
            return None
        app = build(
            self._settings, self._state, LastSuccess(SystemClock(), float("inf"), "decision")
        )
        # start() returns only once partitions are assigned: never await it alone.
        self._app, self._starting = app, asyncio.ensure_future(app.start())
        stopping = asyncio.ensure_future(stop.wait())
        ended = asyncio.ensure_future(app.wait_until_stopped())
        working = [
            asyncio.ensure_future(_rate(self._state.windows)),
            asyncio.ensure_future(_tell(self._state, self._publisher)),
        ]
        waiting = {self._starting, stopping, ended, *working}
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if done != {self._starting} or self._starting.exception() is not None:
                break
        tasks = (self._starting, *working)
        failures = [t.exception() for t in tasks if t.done() and not t.cancelled()]
        crash = next(filter(None, failures), None) or app.crash_reason
        for task in (stopping, *working):
            task.cancel()
        closing = asyncio.ensure_future(app.stop())
        await asyncio.wait({closing}, timeout=_STOP_S)
        if stop.is_set():
            return crash
        return crash or RuntimeError("Faust ended without a reason")


async def _main(settings: Settings, health: Health) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch_event_loop(health, settings)
    kafka = probes.kafka_neighbour(settings, SystemClock())
    health.add("kafka", kafka.problem)
    kafka.start()
    publisher = Publisher(settings.kafka, f"santral-watch-{os.getpid()}", kafka)
    pauses = Backoff()
    while True:
        run = _Run(settings, publisher)
        health.add("joined", run.joined)
        health.add("alone", run.alone)
        health.finish_start()
        began = loop.time()
        crash: BaseException | None
        try:
            crash = await run.until(stop)
        except Exception as error:
            if not is_outage(error):
                raise
            crash = error
        if stop.is_set():
            break
        kafka.failed(f"the watch begins again: {type(crash).__name__}: {crash}")
        if loop.time() - began > _SETTLED_S:
            pauses.reset()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pauses.next())
    kafka.stop()
    with contextlib.suppress(Retry):
        await publisher.stop()
    return 1 if crash else 0


def start(settings: Settings) -> None:
    """Run the stage until SIGTERM or SIGINT."""
    logs.configure("watch", settings.log_level)
    health = Health("watch")
    health.begin_start()
    ops = serve_ops(health, settings.ops)
    log.info("stage.started", ops_port=ops.server_port)
    code = asyncio.run(_main(settings, health))
    log.info("stage.stopped", code=code)
    # Faust's own threads may still hold sockets after a crash: leave without them.
    os._exit(code)
