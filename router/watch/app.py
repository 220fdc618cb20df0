"""The Faust app of the watch: it reads committed records only, and commits nothing.

Before: decisions.v1, the queues, incidents.v1. After: state.py takes each record. At every
assignment it reads the last minutes again by their time.
"""

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from mode import CrashingSupervisor
from mode.threads import WorkerThread

from router.watch.state import State
from runtime import metrics
from runtime.client_log import take_over_logger
from runtime.health.checks import LastSuccess
from runtime.health.faults import is_outage
from runtime.settings.structs import Settings
from schemas import topics
from schemas.topics import queue_topics

_faust = logging.getLogger(__name__)
"""Faust's classes log by the module of ours that extends them; `build` sends it to our log."""
_SESSION_S = 10.0


class _Worker(WorkerThread):
    """The consumer's thread, whose end by an error is an event of ours."""

    def run(self) -> None:
        """Run the consumer; Python would print the traceback of what ends its thread."""
        try:
            super().run()
        except Exception as error:  # noqa: BLE001 - whatever ends the thread, it is in our log
            _faust.exception("Crashed reason=%r", error)


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, reading committed records only and from the last minutes on."""

    Worker = _Worker

    def on_crash(self, msg: str, *fmt: Any, **_more: Any) -> None:
        """Print nothing: Faust logs the same crash, and hands it to the app that it ends."""

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


def build(settings: Settings, state: State, fresh: LastSuccess) -> faust.App:
    """Return the Faust app; it begins to read when it is started."""
    take_over_logger(__name__, "faust", is_outage)
    app = _App(
        "santral-watch",
        broker=f"kafka://{settings.kafka.bootstrap}",
        id_format="{id}",
        broker_client_id="santral-watch",
        consumer_group_instance_id=f"watch-{os.uname().nodename}",
        broker_session_timeout=_SESSION_S,
        broker_heartbeat_interval=3.0,
        broker_request_timeout=15.0,
        processing_guarantee="at_least_once",
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
        worker_redirect_stdouts=False,
        reply_create_topic=False,
    )
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
    app.agent(source(*queue_topics(settings.departments)), concurrency=1)(work)
    app.agent(source(topics.INCIDENTS.name), concurrency=1)(said)
    app.on_partitions_revoked.connect(revoked, weak=False)  # type: ignore[arg-type]  # the stub asks for a name that Faust never passes
    return app
