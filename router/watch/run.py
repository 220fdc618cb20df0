"""`santral watch`: live rates, and incidents (many customers, one cause, now), on Faust.

It reads decisions.v1, the queues and the verdicts in incidents.v1, and writes metrics, incidents.v1
and pulses.v1. No message waits for this process. It commits nothing and keeps no table. At every
assignment it reads the last minutes again by their time, and the queues from the last hour that it
counted, so it is exact after any crash (docs/decisions/0004-watch.md, 0012-incidents.md). Only one
watch may run, because it has to see every message.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter

import faust

from router.watch.app import build_app
from router.watch.minute_rates import MinuteRates
from router.watch.state import STEP, WatchState
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

_STOP_LIMIT_S = 8.0
"""Faust has this long to leave its group; then the process ends without it."""

_RATES_INTERVAL_S = 2.0
_TURN_S = 0.5
_PUBLISH_RETRY_S = 2.0
_SETTLED_AFTER_S = 30.0
"""A run of at least this length was healthy, so the next restart is quick again."""


async def _export_rates(rates: MinuteRates) -> None:
    """Set the gauges to the last full minute, until cancelled."""
    while True:
        counts = rates.sum_minute(int(time.time()) // 60 - 1)
        metrics.forget("santral_watch_messages_rate")
        for channel, department, intent in counts:
            metrics.gauge(
                "santral_watch_messages_rate",
                counts[channel, department, intent],
                channel=channel,
                department=department,
                intent=intent,
            )
        await asyncio.sleep(_RATES_INTERVAL_S)


async def _advance_incidents(state: WatchState, publisher: Publisher) -> None:
    """Let time pass for the incidents, and publish their records in order, until cancelled."""
    incidents = state.incidents
    while True:
        with guard(log, STEP):
            incidents.advance(state.watermark.reached(time.time()))
        while incidents.unpublished:
            record = incidents.unpublished[0]
            with guard(log, STEP):
                try:
                    await _publish(record, publisher)
                except Retry:
                    await asyncio.sleep(_PUBLISH_RETRY_S)
                    continue
            incidents.unpublished.popleft()
        metrics.forget("santral_incidents_open")
        open_by_brand = Counter(incident.brand for incident in incidents.open_incidents())
        for brand, count in open_by_brand.items():
            metrics.gauge("santral_incidents_open", count, brand=brand)
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


def _missing_partitions(app: faust.App, settings: Settings) -> str | None:
    """Return why the watch does not see every message, None if it does."""
    queues = map(topics.queue, settings.departments)
    read: list[topics.AnyTopic] = [topics.DECISIONS, topics.INCIDENTS, *queues]
    needed = sum(partitions_of(topic, settings.kafka) for topic in read)
    assigned = len(app.consumer.assignment())
    if assigned >= needed:
        return None
    return f"has {assigned} of {needed} partitions: run only one watch"


class _FaustRun:
    """One run of the Faust app, which ends after a crash or with `stop`."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._settings, self._publisher = settings, publisher
        self._state = WatchState(settings)
        self._app: faust.App | None = None
        self._starting: asyncio.Future[None] | None = None

    def check_joined(self) -> str | None:
        """Return why the app does not read yet, or None."""
        is_reading = self._starting is not None and self._starting.done()
        return None if is_reading else "has not joined its group yet"

    def check_alone(self) -> str | None:
        """Return why the app does not see every message, or None."""
        if self._app is None or self.check_joined() is not None:
            return None
        return _missing_partitions(self._app, self._settings)

    async def run_until(self, stop: asyncio.Event) -> BaseException | None:
        """Read and count until `stop`; return the error that ended the app before that."""
        if not await before(stop, self._state.restore(self._settings)):
            return None
        last_decision = LastSuccess(SystemClock(), float("inf"), "decision")
        app = build_app(self._settings, self._state, last_decision)
        # start() returns only after the assignment of partitions, so nothing may await it alone.
        self._app, self._starting = app, asyncio.ensure_future(app.start())
        stopping = asyncio.ensure_future(stop.wait())
        ended = asyncio.ensure_future(app.wait_until_stopped())
        loops = [
            asyncio.ensure_future(_export_rates(self._state.rates)),
            asyncio.ensure_future(_advance_incidents(self._state, self._publisher)),
        ]
        waiting = {self._starting, stopping, ended, *loops}
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if done != {self._starting} or self._starting.exception() is not None:
                break
        tasks = (self._starting, *loops)
        errors = [t.exception() for t in tasks if t.done() and not t.cancelled()]
        crash = next(filter(None, errors), None) or app.crash_reason
        for task in (stopping, *loops):
            task.cancel()
        closing = asyncio.ensure_future(app.stop())
        await asyncio.wait({closing}, timeout=_STOP_LIMIT_S)
        if stop.is_set():
            return crash
        return crash or RuntimeError("Faust ended without a reason")


async def _main(settings: Settings, health: Health) -> int:
    """Run the app, and restart it after a crash, until a signal; return the exit code."""
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
        run = _FaustRun(settings, publisher)
        health.add("joined", run.check_joined)
        health.add("alone", run.check_alone)
        health.finish_start()
        began = loop.time()
        crash: BaseException | None
        try:
            crash = await run.run_until(stop)
        except Exception as error:
            if not is_outage(error):
                raise
            crash = error
        if stop.is_set():
            break
        kafka.failed(f"the watch begins again: {type(crash).__name__}: {crash}")
        if loop.time() - began > _SETTLED_AFTER_S:
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
    # After a crash Faust's threads may still hold sockets, and would keep the process alive.
    os._exit(code)
