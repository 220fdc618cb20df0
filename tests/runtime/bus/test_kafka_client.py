"""Clients of a silent broker: they find another address, leave nothing open and end together."""

import asyncio
import contextlib
import time
from datetime import timedelta

import pytest

from runtime.bus.kafka_client import KafkaClient
from runtime.bus.kafka_reader import STOP_LIMIT_S, KafkaReader
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.settings.structs import KafkaSettings
from schemas.errors import Retry
from tests.support.brokers.scripted_broker import scripted_broker
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection

TOPIC = "messages.v1"


def _left(before: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    """Return the tasks that began since, without those of the broker."""
    since = asyncio.all_tasks() - before
    return {task for task in since if "ScriptedBroker" not in repr(task)}


@pytest.mark.parametrize("request_name", ["versions", "metadata"])
async def test_a_cancelled_start_leaves_no_connection_open(request_name: str) -> None:
    unclosed: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unclosed.append(context))
    async with scripted_broker(request_name) as broker:
        reader = create_reader(
            KafkaSettings(bootstrap=broker.address), group=None, client_id="test"
        )
        starting = asyncio.create_task(reader.start())
        await until("it asks", lambda: request_name in broker.requests)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await until("it is closed", lambda: not broker.open)
    assert unclosed == []


async def test_silent_addresses_delay_a_client_by_half_a_second_each() -> None:
    async with contextlib.AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(scripted_broker("versions")) for _ in range(4)]
        good = await stack.enter_async_context(scripted_broker())
        addresses = ",".join(broker.address for broker in [*silent, good])
        kafka = KafkaSettings(bootstrap=addresses, ack_timeout=timedelta(seconds=4))
        publisher = Publisher(kafka, "test")
        began = time.monotonic()
        await publisher.start()
        assert time.monotonic() - began < 3
        await publisher.stop()
        await until("the others are closed", lambda: not any(b.open for b in silent))


async def test_publishes_of_a_discarded_producer_end_with_it() -> None:
    async with scripted_broker("produce") as broker:
        kafka = KafkaSettings(bootstrap=broker.address, ack_timeout=timedelta(seconds=2))
        publisher = Publisher(kafka, "test")

        async def publish(after: int) -> float:
            await until("its turn", lambda: broker.requests.count("produce") >= after)
            began = time.monotonic()
            with pytest.raises(Retry):
                await publisher.send(TOPIC, b"key", b"value", [], 0)
            return time.monotonic() - began

        async def later() -> float:
            await until("the first waits for long", lambda: time.monotonic() > half)
            return await publish(1)

        half = time.monotonic() + 1
        first, second = await asyncio.gather(publish(0), later())
        assert first > 1.5
        assert second < 1.5
        await publisher.stop()


@pytest.mark.parametrize("request_name", ["versions", "producer", "produce"])
async def test_a_stopped_publisher_leaves_no_task_and_no_connection(request_name: str) -> None:
    before = asyncio.all_tasks()
    async with scripted_broker(request_name) as broker:
        kafka = KafkaSettings(bootstrap=broker.address, ack_timeout=timedelta(seconds=2))
        publisher = Publisher(kafka, "test")
        sending = asyncio.create_task(publisher.send(TOPIC, b"key", b"value", [], 0))
        await until("it asks", lambda: request_name in broker.requests)
        await publisher.stop()
        with pytest.raises(Retry):
            await sending
        await until("it is closed", lambda: not broker.open)
        assert _left(before) == set()


async def test_a_group_gives_up_a_dead_reader_soon() -> None:
    async with scripted_broker() as broker:
        kafka = KafkaSettings(bootstrap=broker.address)
        reader = create_reader(kafka, TOPIC, group="test", client_id="test")
        await reader.start()
        assert broker.sessions_ms == [6000]
        await reader.stop()


async def test_a_reader_whose_stop_hangs_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with scripted_broker() as broker:
        reader = KafkaReader(
            bootstrap_servers=broker.address,
            group_id="test",
            session_timeout_ms=600,
            heartbeat_interval_ms=100,
            request_timeout_ms=4 * int(STOP_LIMIT_S * 1000),
        )
        reader.subscribe([TOPIC])
        await reader.start()
        await until("a heartbeat", lambda: "heartbeat" in broker.requests)
        broker.fall_silent()
        # It looks for another coordinator, which is as silent.
        reader._coordinator.coordinator_dead()
        broker.requests.clear()
        await until("it looks", lambda: "coordinator" in broker.requests)
        await reader.stop()
        await until("it is closed", lambda: not broker.open)
        assert _left(before) == set()


async def test_a_closed_client_neither_opens_nor_keeps_a_connection() -> None:
    async with scripted_broker() as broker:
        client = KafkaClient(bootstrap_servers=broker.address)
        await client.bootstrap()
        broker.freeze()
        broker.requests.clear()
        connecting = asyncio.create_task(client.ready(1))
        await until("it connects", lambda: "versions" in broker.requests)
        await client.close()
        broker.running.set()
        assert not await connecting
        assert not await client.ready(1)
        await until("it is closed", lambda: not broker.open)


@pytest.mark.parametrize("task_name", ["coordination", "fetch"])
async def test_a_stop_that_a_task_of_aiokafka_cancels_closes_all_the_same(task_name: str) -> None:
    before = asyncio.all_tasks()
    async with scripted_broker() as broker:
        reader = create_reader(
            KafkaSettings(bootstrap=broker.address), TOPIC, group="test", client_id="test"
        )
        await reader.start()
        if task_name == "coordination":
            reader._coordinator._coordination_task.cancel()
        else:
            reader._fetcher._pending_tasks.add(asyncio.create_task(asyncio.Event().wait()))
        await reader.stop()
        await until("it is closed", lambda: not broker.open)
        assert _left(before) == set()
