"""The Faust app of the watch reads committed records, commits nothing and keeps no table.

state.py takes each record of decisions.v1, the queues and incidents.v1. At every assignment the app
reads each topic again from the time that the state names.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping
from typing import cast

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ChannelT, StreamT
from mode import CrashingSupervisor
from mode.threads import WorkerThread
from mode.types.signals import BaseSignalT

from router.watch.state import WatchState
from runtime import metrics
from runtime.client_log import take_over_logger
from runtime.health.checks import LastSuccess
from runtime.health.faults import is_outage
from runtime.settings.structs import Settings
from schemas import topics
from schemas.topics import queue_topics

_faust = logging.getLogger(__name__)
"""Faust's classes log by the module of ours that extends them; `build_app` sends it to our log."""

_SESSION_TIMEOUT_S = 10.0
"""A killed watch keeps its partitions this long; the next one waits for them."""


class _ConsumerWorker(WorkerThread):
    """The thread of the consumer; an error that ends it becomes an event of our log."""

    def run(self) -> None:
        """Run the consumer; Python would print the traceback of an error that ends its thread."""
        try:
            super().run()
        except Exception as error:  # noqa: BLE001 - every error that ends the thread is logged
            _faust.exception("Crashed reason=%r", error)


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer, which here reads committed records from the last minutes on."""

    Worker = _ConsumerWorker

    async def crash(self, exc: BaseException) -> None:
        """Crash the app, and read the error of a thread that ends before its start is awaited."""
        starting = self._thread_running
        if starting is not None:
            self.parent_loop.call_soon_threadsafe(starting.add_done_callback, _read_error)
        await super().crash(exc)

    def on_crash(self, msg: str, *fmt: object, **kwargs: object) -> None:
        """Print nothing, because Faust also logs the crash and passes it to the app."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek to the times of the state, because the group has no committed offsets."""
        offsets: Mapping[TP, int] = await self.call_thread(self._seek_to_times)
        return offsets

    async def _seek_to_times(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        partitions = list(consumer.assignment())
        if not partitions:
            return {}
        read_since = cast("_WatchApp", self.app).read_since
        times = {p: int(read_since(p.topic) * 1000) for p in partitions}
        starts = await consumer.offsets_for_times(times)
        ends = await consumer.end_offsets(partitions)
        offsets = {p: starts[p].offset if starts.get(p) else ends[p] for p in partitions}
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)
        return offsets


def _read_error(starting: "asyncio.Future[None]") -> None:
    """Read the error of a start; asyncio would log an error that nobody has read."""
    if not starting.cancelled():
        starting.exception()


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _Consumer


class _WatchApp(faust.App):
    read_since: Callable[[str], float]
    """Returns the time, in seconds, from which a topic is read at an assignment."""

    def _create_directories(self) -> None:
        """Create none, because nothing is kept on disk."""


def build_app(settings: Settings, state: WatchState, last_decision: LastSuccess) -> faust.App:
    """Return the Faust app, which starts to read in `start`."""
    take_over_logger(__name__, "faust", is_outage)
    app = _WatchApp(
        "santral-watch",
        broker=f"kafka://{settings.kafka.bootstrap}",
        id_format="{id}",
        broker_client_id="santral-watch",
        consumer_group_instance_id=f"watch-{os.uname().nodename}",
        broker_session_timeout=_SESSION_TIMEOUT_S,
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
    app.read_since = state.read_since
    _add_agents(app, settings, state, last_decision)
    return app


def _add_agents(
    app: faust.App, settings: Settings, state: WatchState, last_decision: LastSuccess
) -> None:
    """Give each record of the topics to the state."""

    def source(*names: str) -> ChannelT[bytes]:
        return app.topic(*names, key_type=bytes, value_type=bytes, acks=False)

    async def count_decisions(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            last_decision.succeeded()
            metrics.count("santral_watch_events_total")
            state.count_decision(event.value, event.message.partition, event.message.offset)

    async def see_items(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            partition = (event.message.topic, event.message.partition)
            state.see_item(event.value, partition, time.time())

    async def apply_incidents(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            state.apply_incident(event.value)

    async def drop_rates(
        _app: faust.App,
        /,
        *arguments: Collection[TP],
        signal: BaseSignalT[AppT] | None = None,
        **_options: object,
    ) -> None:
        revoked = arguments[0]
        state.rates.drop({p.partition for p in revoked if p.topic == topics.DECISIONS.name})

    app.agent(source(topics.DECISIONS.name), concurrency=1)(count_decisions)
    app.agent(source(*queue_topics(settings.departments)), concurrency=1)(see_items)
    app.agent(source(topics.INCIDENTS.name), concurrency=1)(apply_incidents)
    app.on_partitions_revoked.connect(drop_rates, weak=False)
