"""`santral watch`: live rates per channel, department and intent, in one-minute windows, on Faust.

Before: decisions.v1. After: Prometheus gauges and the console's plot. A process of its own, off
the road: killing it disturbs nothing. It commits nothing and keeps no table: at every assignment
it reads the last minutes again by their time, so its windows are exact after any crash
(docs/decisions/0004-watch.md). Gauges, not counters, for that reason.
"""

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from typing import Any

import faust
import msgspec
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor

from runtime import log as logs
from runtime import metrics
from runtime.clock import SystemClock
from runtime.health import Fresh, Health, serve
from runtime.settings import Settings
from schemas import topics
from schemas.base import Record, Time

log = logs.get(__name__)

KEPT_MINUTES = 10
_STOP_S = 8.0
_SESSION_S = 10.0
_TOLD_EVERY_S = 2.0

Key = tuple[str, str, str]


class Seen(Record, frozen=True, kw_only=True):
    """What the watch needs of a Decision."""

    message: str
    channel: str
    department: str
    intent: str
    decided_at: Time
    hops: int = 0


class Windows:
    """Distinct messages per minute and key, by partition, for the last minutes."""

    def __init__(self) -> None:
        self._counts: dict[int, dict[int, Counter[Key]]] = {}
        self._next: dict[int, int] = {}

    def take(self, partition: int, offset: int, seen: Seen) -> None:
        """Count one decision; what was read before, or moved by people, is not a new message."""
        if offset < self._next.get(partition, 0):
            return
        self._next[partition] = offset + 1
        if seen.hops:
            return
        minute = int(seen.decided_at.timestamp()) // 60
        minutes = self._counts.setdefault(partition, {})
        minutes.setdefault(minute, Counter())[seen.channel, seen.department, seen.intent] += 1
        for old in [m for m in minutes if m <= max(minutes) - KEPT_MINUTES]:
            del minutes[old]

    def drop(self, partitions: set[int]) -> None:
        """Forget partitions: who owns them next reads their last minutes again."""
        for partition in partitions:
            self._counts.pop(partition, None)
            self._next.pop(partition, None)

    def minute(self, minute: int) -> Counter[Key]:
        """Return the counts of one minute over all partitions."""
        total: Counter[Key] = Counter()
        for minutes in self._counts.values():
            total.update(minutes.get(minute, {}))
        return total


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
        since = (int(time.time()) // 60 - KEPT_MINUTES + 1) * 60_000
        found = await consumer.offsets_for_times(dict.fromkeys(parts, since))
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
    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


def build(settings: Settings, windows: Windows, fresh: Fresh) -> faust.App:
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
    source = app.topic(topics.DECISIONS.name, key_type=bytes, value_type=bytes, acks=False)
    decoder = msgspec.json.Decoder(Seen)

    async def read(stream: Any) -> None:
        async for event in stream.events():
            fresh.succeeded()
            metrics.count("santral_watch_events_total")
            try:
                seen = decoder.decode(event.value)
            except (msgspec.DecodeError, TypeError) as error:
                log.warning("record.undecodable", text=str(error))
                continue
            windows.take(event.message.partition, event.message.offset, seen)

    async def revoked(_app: Any, *args: Any, signal: Any = None, **_more: Any) -> None:
        windows.drop({p.partition for p in args[0]})

    app.agent(source, concurrency=1)(read)
    app.on_partitions_revoked.connect(revoked, weak=False)  # type: ignore[arg-type]  # the stub asks for a name that Faust never passes
    return app


async def _tell(windows: Windows) -> None:
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


async def _main(settings: Settings, health: Health) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    windows = Windows()
    fresh = Fresh(SystemClock(), float("inf"), "decision")
    app = build(settings, windows, fresh)
    # start() returns only once partitions are assigned: never await it alone.
    starting: asyncio.Future[Any] = asyncio.ensure_future(app.start())
    health.add("joined", lambda: None if starting.done() else "has not joined its group yet")
    asked = asyncio.ensure_future(stop.wait())
    died = asyncio.ensure_future(app.wait_until_stopped())
    telling = asyncio.ensure_future(_tell(windows))
    waiting = {starting, asked, died}
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if done != {starting} or starting.exception() is not None:
            break
    failed = starting.exception() if starting.done() else None
    crashed = failed or app.crash_reason
    if crashed:
        log.error("watch.crashed", error=str(crashed))
    telling.cancel()
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=_STOP_S)
    return 1 if crashed or (died.done() and not stop.is_set()) else 0


def start(settings: Settings) -> None:
    """Run the stage until SIGTERM or SIGINT."""
    logs.configure("watch", settings.log_level)
    for name in ("faust", "mode", "aiokafka"):
        # An outage of the broker makes hundreds of lines a minute; ours say enough.
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "aiokafka" else "WARNING")
    health = Health("watch")
    ops = serve(health, settings.ops)
    log.info("stage.started", ops_port=ops.server_port)
    code = asyncio.run(_main(settings, health))
    log.info("stage.stopped", code=code)
    # Faust's own threads may still hold sockets after a crash: leave without them.
    os._exit(code)
