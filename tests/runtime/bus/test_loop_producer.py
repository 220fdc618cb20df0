"""A producer of an event loop: its records end in time, with their position or with an error."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import KafkaException

from cli.up.ports import free_port
from runtime.bus.client_settings import aiokafka_settings, rdkafka_settings
from runtime.bus.loop_producer import LoopProducer
from runtime.settings.structs import KafkaSettings, Settings
from schemas import topics
from tests.support.brokers.scripted_broker import scripted_broker
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection

TOPIC = topics.MESSAGES.name
PARTITIONER = {"partitioner": "murmur2_random", "linger.ms": 0}


@contextlib.asynccontextmanager
async def _producing(kafka: KafkaSettings, limit_s: float = 10) -> AsyncIterator[LoopProducer]:
    producer = LoopProducer(rdkafka_settings(kafka, **PARTITIONER), limit_s)
    try:
        await producer.connect()
        yield producer
    finally:
        await producer.end()


async def test_each_record_gets_its_own_position(kafka: Settings) -> None:
    async with _producing(kafka.kafka) as producer:
        sent = [producer.send(TOPIC, b"v", b"k", 1, []) for _ in range(300)]
        assert await asyncio.gather(*sent) == [(1, offset) for offset in range(300)]


async def test_a_key_has_the_partition_that_it_has_with_aiokafka(kafka: Settings) -> None:
    keys = [b"", b"k", "müşteri-ç".encode(), *(b"conversation-%d" % n for n in range(200))]
    other = AIOKafkaProducer(**aiokafka_settings(kafka.kafka))
    await other.start()
    try:
        expected = [(await other.send_and_wait(TOPIC, b"v", key)).partition for key in keys]
    finally:
        await other.stop()
    async with _producing(kafka.kafka) as producer:
        sent = await asyncio.gather(*(producer.send(TOPIC, b"v", key, None, []) for key in keys))
    assert [partition for partition, _ in sent] == expected
    assert len(set(expected)) > 1


async def test_a_refused_address_is_known_long_before_the_limit() -> None:
    began = time.monotonic()
    with pytest.raises(KafkaException):
        async with _producing(KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"), limit_s=60):
            pass
    assert time.monotonic() - began < 30


async def test_a_record_without_an_answer_fails_at_the_limit_and_the_later_one_after_it() -> None:
    async with (
        scripted_broker("produce") as broker,
        _producing(KafkaSettings(bootstrap=broker.address), limit_s=1) as producer,
    ):
        first = producer.send(TOPIC, b"v", b"k", 0, [])
        await until("it is on its way", lambda: "produce" in broker.requests)
        second = producer.send(TOPIC, b"v", b"k", 0, [])
        assert not first.done()
        with pytest.raises(TimeoutError):
            await first
        with pytest.raises(TimeoutError):
            await second


async def test_the_end_fails_what_is_unsent_and_takes_nothing_more() -> None:
    async with (
        scripted_broker("produce") as broker,
        _producing(KafkaSettings(bootstrap=broker.address), limit_s=60) as producer,
    ):
        sent = producer.send(TOPIC, b"v", b"k", 0, [])
        ended = producer.end()
        with pytest.raises(ConnectionError):
            await sent
        with pytest.raises(ConnectionError):
            producer.send(TOPIC, b"v", b"k", 0, [])
        await ended
        await until("it is closed", lambda: not broker.open)


async def test_a_caller_that_leaves_harms_no_other_record(kafka: Settings) -> None:
    async with _producing(kafka.kafka) as producer:
        left, stayed = (producer.send(TOPIC, b"v", b"k", 0, []) for _ in range(2))
        left.cancel()
        assert await stayed == (0, 1)


async def test_a_flush_returns_when_all_records_are_acknowledged(kafka: Settings) -> None:
    async with _producing(kafka.kafka) as producer:
        sent = [producer.send(TOPIC, b"v", b"k", 0, []) for _ in range(20)]
        await producer.flush()
        assert all(record.done() for record in sent)
