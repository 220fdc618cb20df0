"""A frozen broker: every call of a reader ends in time, and the same readers read on afterwards."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import timedelta

import psutil
import pytest
from aiokafka import TopicPartition

from runtime.bus.client_settings import BROKER_ERRORS
from runtime.bus.following import Lag
from runtime.bus.kafka_reader import CALL_LIMIT_S, STOP_LIMIT_S
from runtime.bus.readers import create_reader, fetch_group_offset
from runtime.clock import SystemClock
from schemas import topics
from schemas.errors import Retry
from tests.support.servers.broker import broker_process, start_broker
from tests.support.waiting import until
from workers.replies.sent_acknowledgements import SentAcknowledgements

_SLACK_S = 3.0
TOPIC = topics.REPLIES.name


async def _duration(call: Awaitable[object]) -> float:
    """Return after how many seconds a call failed because Kafka was away."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(3 * CALL_LIMIT_S):
            await call
    except (*BROKER_ERRORS, Retry):
        return time.monotonic() - began
    raise AssertionError("the call succeeded without a broker")


@pytest.mark.certify
async def test_no_call_of_a_reader_outlasts_a_frozen_broker() -> None:
    with start_broker() as settings:
        kafka = settings.kafka
        partition = TopicPartition(TOPIC, 0)
        member = create_reader(kafka, TOPIC, group="test", client_id="test")
        await member.start()
        await member.commit({partition: 0})
        now = SystemClock().now()
        sent = SentAcknowledgements(kafka, timedelta(days=1), Lag("test"))
        await sent.catch_up(now, now)

        frozen = broker_process(settings)
        frozen.suspend()
        try:
            await until("it is frozen", lambda: frozen.status() == psutil.STATUS_STOPPED)
            calls = {
                "commit": member.commit({partition: 0}),
                "ends": member.end_offsets([partition]),
                "acknowledgements": sent.catch_up(now, now),
                "group": fetch_group_offset(kafka, "test", partition),
            }
            took = dict(
                zip(calls, await asyncio.gather(*map(_duration, calls.values())), strict=True)
            )
            assert {name: s for name, s in took.items() if s > CALL_LIMIT_S + _SLACK_S} == {}
            began = time.monotonic()
            await asyncio.gather(member.stop(), sent.stop())
            assert time.monotonic() - began < STOP_LIMIT_S + 2 * _SLACK_S
        finally:
            frozen.resume()
        again = SentAcknowledgements(kafka, timedelta(days=1), Lag("test"))
        await again.catch_up(now, now)
        await again.stop()
