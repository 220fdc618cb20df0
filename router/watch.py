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
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import faust
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor

from router.incidents import Incidents, Options
from router.sighting import sighting
from router.watermark import Watermark
from router.windows import KEPT_MINUTES, Seen, Windows
from runtime import bus, metrics
from runtime import log as logs
from runtime.bus import Publisher
from runtime.clock import SystemClock
from runtime.faults import guard
from runtime.health import Fresh, Health, serve
from runtime.settings import Settings
from runtime.topic_rules import partitions_of
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected, Retry
from schemas.incident import LOOKED_BACK, Incident, Pulse, pulse_id

log = logs.get(__name__)
R = TypeVar("R", bound=Record)

STEP = "watch"
"""The watch in `santral_bugs_caught_total`."""

_STOP_S = 8.0
_SESSION_S = 10.0
_TOLD_EVERY_S = 2.0
_TURN_S = 0.5
_AGAIN_S = 2.0


def _decoded(struct: type[R], value: bytes | None) -> R | None:
    """Return what a record holds; None, and a line in the log, when that can't be told."""
    try:
        return envelope.decode(struct, value)
    except Rejected as error:
        log.warning("record.undecodable", kind=struct.__name__, text=error.text)
        return None


class State:
    """What the watch holds, and where it begins to read after a restart."""

    def __init__(self, settings: Settings) -> None:
        told = settings.watch
        self.windows = Windows()
        self.watermark = Watermark()
        self.incidents = Incidents(
            Options(
                customers=told.customers, score=told.score, learn=told.learn,
                quiet_s=told.quiet.total_seconds(),
            )
        )  # fmt: skip
        self._began_at = time.time()

    async def restore(self, settings: Settings) -> None:
        """Read what was told before: the usual, and the incidents."""
        pulses: list[Pulse] = []
        records: list[Incident] = []
        async for batch in bus.read_to_end(settings.kafka, [topics.PULSES.name]):
            pulses += [p for r in batch if (p := _decoded(Pulse, r.value)) is not None]
        since = int((self._began_at - LOOKED_BACK.total_seconds()) * 1000)
        async for batch in bus.read_to_end(settings.kafka, [topics.INCIDENTS.name], since):
            records += [i for r in batch if (i := _decoded(Incident, r.value)) is not None]
        self.remember(pulses, records)
        log.info("watch.restored", hours=len(pulses), incidents=len(self.incidents.open()))

    def remember(self, pulses: Iterable[Pulse], records: Iterable[Incident]) -> None:
        """Take earlier records; a record that makes the watch fail costs only itself."""
        for pulse in pulses:
            with guard(log, STEP, hour=str(pulse.hour)):
                self.incidents.restore((pulse,), ())
        for record in records:
            with guard(log, STEP, incident=record.id):
                self.incidents.restore((), (record,))

    def count_decision(self, value: bytes | None, partition: int, offset: int) -> None:
        """Count a decision in its minute."""
        decision = _decoded(Seen, value)
        if decision is not None:
            with guard(log, STEP, partition=partition, offset=offset):
                self.windows.take(partition, offset, decision)

    def see_item(self, value: bytes | None, partition: tuple[str, int], now: float) -> None:
        """Take a record of a queue for the incidents."""
        item = _decoded(WorkItem, value)
        if item is None:
            return
        with guard(log, STEP, message=item.message.id):
            self.watermark.note(partition, item.decision.decided_at.timestamp(), now)
            observation = sighting(item)
            if observation is not None:
                self.incidents.see(observation)

    def apply_incident(self, value: bytes | None) -> None:
        """Take a person's verdict on an incident."""
        record = _decoded(Incident, value)
        if record is not None and record.agent:
            with guard(log, STEP, incident=record.id):
                self.incidents.apply(record)

    def since(self, topic: str) -> float:
        """Return from when on a topic is read at an assignment, in seconds."""
        now = time.time()
        if topic == topics.DECISIONS.name:
            return (now // 60 - KEPT_MINUTES + 1) * 60
        if topic == topics.INCIDENTS.name:
            return self._began_at - 60
        return self.incidents.since(now)


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, reading committed records only and from the last minutes on."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        made = super()._create_worker_consumer(transport)
        made._isolation_level = "read_committed"
        return made

    async def seek_to_committed(self) -> Any:
        return await self.call_thread(self._rewind)

    async def _rewind(self) -> Any:
        consumer = self._ensure_consumer()
        parts = list(consumer.assignment())
        if not parts:
            return {}
        since: Callable[[str], float] = self.app.since  # type: ignore[attr-defined]  # it is our _App
        found = await consumer.offsets_for_times({p: int(since(p.topic) * 1000) for p in parts})
        ends = await consumer.end_offsets(parts)
        at = {p: found[p].offset if found.get(p) else ends[p] for p in parts}
        for part, offset in at.items():
            consumer.seek(part, offset)
        return at


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer


class _App(faust.App):
    since: Callable[[str], float]

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


def build(settings: Settings, state: State, fresh: Fresh) -> faust.App:
    """Return the Faust app; it begins to read when it is started."""
    app = _App(
        "santral-watch", broker=f"kafka://{settings.kafka.bootstrap}", id_format="{id}",
        broker_client_id="santral-watch", consumer_group_instance_id=f"watch-{os.uname().nodename}",
        broker_session_timeout=_SESSION_S, broker_heartbeat_interval=3.0,
        broker_request_timeout=15.0, processing_guarantee="at_least_once", store="memory://",
        agent_supervisor=CrashingSupervisor, topic_disable_leader=True, topic_allow_declare=False,
        table_standby_replicas=0, key_serializer="raw", value_serializer="raw", web_enabled=False,
        worker_redirect_stdouts=False, reply_create_topic=False,
    )  # fmt: skip
    app.transport = _Transport(app.conf.broker_consumer, app)
    app.since = state.since

    def source(*names: str) -> Any:
        return app.topic(*names, key_type=bytes, value_type=bytes, acks=False)

    async def rates(stream: Any) -> None:
        async for event in stream.events():
            fresh.succeeded()
            metrics.count("santral_watch_events_total")
            state.count_decision(event.value, event.message.partition, event.message.offset)

    async def work(stream: Any) -> None:
        async for event in stream.events():
            place = (event.message.topic, event.message.partition)
            state.see_item(event.value, place, time.time())

    async def said(stream: Any) -> None:
        async for event in stream.events():
            state.apply_incident(event.value)

    async def revoked(_app: Any, *args: Any, signal: Any = None, **_more: Any) -> None:
        state.windows.drop({p.partition for p in args[0] if p.topic == topics.DECISIONS.name})

    app.agent(source(topics.DECISIONS.name), concurrency=1)(rates)
    app.agent(source(*bus.queues(settings.departments)), concurrency=1)(work)
    app.agent(source(topics.INCIDENTS.name), concurrency=1)(said)
    app.on_partitions_revoked.connect(revoked, weak=False)  # type: ignore[arg-type]  # the stub asks for a name that Faust never passes
    return app


async def _rate(windows: Windows) -> None:
    """Set the gauges to the last full minute, for ever."""
    while True:
        counts = windows.minute(int(time.time()) // 60 - 1)
        metrics.forget("santral_watch_messages_rate")
        for channel, department, intent in counts:
            metrics.gauge(
                "santral_watch_messages_rate", counts[channel, department, intent],
                channel=channel, department=department, intent=intent,
            )  # fmt: skip
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
                except Retry as error:
                    log.warning("watch.later", why=str(error))
                    await asyncio.sleep(_AGAIN_S)
                    continue
            incidents.told.pop(0)
        metrics.forget("santral_incidents_open")
        for brand, number in Counter(i.brand for i in incidents.open()).items():
            metrics.gauge("santral_incidents_open", number, brand=brand)
        await asyncio.sleep(_TURN_S)


async def _publish(record: Incident | Pulse, publisher: Publisher) -> None:
    if isinstance(record, Pulse):
        await publisher.publish(
            topics.PULSES.name, record.brand, record, identifier=pulse_id(record),
            source="santral/watch", time=record.hour,
        )  # fmt: skip
        return
    await publisher.publish(
        topics.INCIDENTS.name, record.id, record,
        identifier=f"{record.id};{record.status};{record.at.isoformat()}",
        source="santral/watch", time=record.at,
    )  # fmt: skip
    metrics.count("santral_incidents_written_total", status=record.status)
    if record.status != "grown":
        log.warning(
            "incident.told", id=record.id, brand=record.brand, status=record.status,
            customers=record.customers,
        )  # fmt: skip


def _alone(app: faust.App, settings: Settings) -> str | None:
    """Say when another watch has a part of what must be seen together."""
    read = [topics.DECISIONS, topics.INCIDENTS, *map(topics.queue, settings.departments)]
    due = sum(partitions_of(t, settings.kafka) for t in read)
    held = len(app.consumer.assignment())
    return None if held >= due else f"has {held} of {due} partitions: run only one watch"


async def _main(settings: Settings, health: Health) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    state = State(settings)
    try:
        await state.restore(settings)
    except bus.AWAY as error:
        mend = "start Kafka; after an upgrade run `santral topics`"
        log.error("watch.not_restored", error=f"{type(error).__name__}: {error}", mend=mend)
        return 1
    publisher = Publisher(settings.kafka, f"santral-watch-{os.getpid()}")
    health.add("kafka", lambda: None if publisher.healthy else "the last publish failed")
    fresh = Fresh(SystemClock(), float("inf"), "decision")
    app = build(settings, state, fresh)
    # start() returns only once partitions are assigned: never await it alone.
    starting: asyncio.Future[Any] = asyncio.ensure_future(app.start())
    health.add("joined", lambda: None if starting.done() else "has not joined its group yet")
    health.add("alone", lambda: _alone(app, settings) if starting.done() else None)
    asked = asyncio.ensure_future(stop.wait())
    died = asyncio.ensure_future(app.wait_until_stopped())
    working = [
        asyncio.ensure_future(_rate(state.windows)),
        asyncio.ensure_future(_tell(state, publisher)),
    ]
    waiting = {starting, asked, died, *working}
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if done != {starting} or starting.exception() is not None:
            break
    failed = [x.exception() for x in (starting, *working) if x.done() and not x.cancelled()]
    crashed = next(filter(None, failed), None) or app.crash_reason
    if crashed:
        log.error("watch.crashed", error=f"{type(crashed).__name__}: {crashed}")
    for task in working:
        task.cancel()
    with contextlib.suppress(Retry):
        await publisher.stop()
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=_STOP_S)
    return 1 if crashed or (died.done() and not stop.is_set()) else 0


def start(settings: Settings) -> None:
    """Run the stage until SIGTERM or SIGINT."""
    logs.configure("watch", settings.log_level)
    health = Health("watch")
    ops = serve(health, settings.ops)
    log.info("stage.started", ops_port=ops.server_port)
    code = asyncio.run(_main(settings, health))
    log.info("stage.stopped", code=code)
    # Faust's own threads may still hold sockets after a crash: leave without them.
    os._exit(code)
