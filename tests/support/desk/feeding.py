"""Records for the topics of the desk feed, and a feed that runs as a task or a process."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import IO

from confluent_kafka import Producer

from bench.support import NOW, message
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.redis.client import connect
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.decision import Decision, Due, WorkItem
from schemas.outcome import Outcome
from tests.support.paths import ROOT
from workers.desk_feed.feed import Feed


def work_item(
    number: int, *, department: str = "orders", priority: int = 0, hops: int = 0
) -> WorkItem:
    """Return an invented work item; every number has a conversation of its own."""
    customer_message = message(number, 10**9)
    return WorkItem(
        message=customer_message,
        decision=Decision(
            message=customer_message.id,
            brand=customer_message.brand,
            channel=customer_message.channel,
            conversation=customer_message.conversation,
            department=department,
            intent="request",
            priority=priority,
            hops=hops,
            action="queue",
            decided_at=NOW,
        ),
        due=Due(first_response=NOW + timedelta(hours=1), resolution=NOW + timedelta(hours=8)),
    )


def resolved(work: WorkItem, *, word: str = "resolved") -> Outcome:
    """Return the outcome that closes a work item."""
    return Outcome(
        id=f"{word}-{work.message.id}",
        kind="resolved",
        brand=work.message.brand,
        conversation=work.message.conversation,
        item=work.message.id,
        department=work.decision.department,
        messages=(work.message.id,),
        hops=work.decision.hops,
        at=NOW,
    )


def produce(
    settings: Settings, works: Iterable[WorkItem], outcomes: Iterable[Outcome] = ()
) -> None:
    """Put records on the queues, then on outcomes.v1, and wait until Kafka has them."""
    producer = Producer(
        rdkafka_settings(
            settings.kafka,
            **{
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            },
        )
    )
    for n, work in enumerate(works):
        topic = topics.queue_topic(work.decision.department)
        producer.produce(topic, envelope.encode(work), work.message.conversation.encode())
        if n % 1000 == 0:
            producer.poll(0)
    producer.flush(120)
    for n, outcome in enumerate(outcomes):
        producer.produce(
            topics.OUTCOMES.name, envelope.encode(outcome), outcome.conversation.encode()
        )
        if n % 1000 == 0:
            producer.poll(0)
    producer.flush(120)


def feed_process(settings: Settings, redis_port: int, out: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start a desk feed as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", "workers", "--only", "desk"],
        cwd=ROOT,
        env={
            **os.environ,
            "SANTRAL_HOME": settings.home,
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "SANTRAL_REDIS__URL": f"redis://127.0.0.1:{redis_port}/0",
            "SANTRAL_TOKENS__SIGNING": "s" * 32,
            "SANTRAL_TOKENS__DESK": "d" * 32,
            "SANTRAL_TOKENS__CONSOLE": "c" * 32,
        },
        stdout=out,
        stderr=out,
        stdin=subprocess.DEVNULL,
    )


class RunningFeed:
    """A feed that runs as a task while the context is open."""

    def __init__(self, settings: Settings, kind: type[Feed] = Feed) -> None:
        self._redis = connect(settings.redis)
        self.health = Health("desk")
        self.feed = kind(settings, self._redis, SystemClock(), self.health)
        self._task: asyncio.Future[None] | None = None

    async def run_to_end(self) -> None:
        """Run it until it ends by itself, and raise what it raised."""
        try:
            await asyncio.wait_for(self.feed.run(), 30)
        finally:
            await self._redis.aclose()

    async def __aenter__(self) -> Feed:
        self._task = asyncio.ensure_future(self.feed.run())
        return self.feed

    async def __aexit__(self, *_error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        finally:
            await self._redis.aclose()
