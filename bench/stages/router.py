"""The router (rules, state, decisions, transactions) against a bare consume-produce loop."""

import os
import time
from typing import Any

import msgspec
import psutil
from confluent_kafka import Consumer, Producer

from bench.support import fill, policy
from router.run import Router
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import Settings
from schemas import topics
from schemas.message import Message
from tests.support.servers.broker import start_broker

COUNT = int(os.environ.get("BENCH_MESSAGES", "100000"))


def bare(settings: Settings, count: int) -> float:
    """Decode and encode each message with nothing in between; return messages a second."""
    consumer = Consumer(
        rdkafka_settings(
            settings.kafka,
            **{
                "group.id": f"bare-{time.time_ns()}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            },
        )
    )
    producer = Producer(
        rdkafka_settings(
            settings.kafka,
            **{
                "linger.ms": 2,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000,
            },
        )
    )
    consumer.subscribe([topics.MESSAGES.name])
    decoder, encoder = msgspec.json.Decoder(Message), msgspec.json.Encoder()
    done, began = 0, 0.0
    while done < count:
        records = consumer.consume(2000, 0.05)
        if records and not began:
            began = time.perf_counter()
        for record in records:
            if record.error() is None:
                made = decoder.decode(record.value())
                producer.produce(topics.REPLIES.name, encoder.encode(made), record.key())
                done += 1
        producer.flush()
        if records:
            consumer.commit(asynchronous=False)
    seconds = time.perf_counter() - began
    consumer.close()
    return count / seconds


def routed(settings: Settings, count: int) -> tuple[float, float, Router]:
    """Route what waits; return messages a second, and the growth of memory in MB."""
    router = Router(
        settings, policy(), SystemClock(), FolderArchive(settings.archive_path), Health("bench")
    )
    router.start()
    done, began = 0, 0.0
    memory = 0.0
    while done < count:
        if not began and router.loop and router.loop.membership.numbers():
            began = time.perf_counter()
            memory = psutil.Process().memory_info().rss / 1e6
        done += router.turn()
    seconds = time.perf_counter() - began
    return done / seconds, psutil.Process().memory_info().rss / 1e6 - memory, router


def run() -> dict[str, Any]:
    """Measure both on the same messages."""
    with start_broker() as settings:
        fill(settings, COUNT, COUNT // 5)
        plain = bare(settings, COUNT)
        ours, _, router = routed(settings, COUNT)
        router.stop()
        again = bare(settings, COUNT)
    baseline = (plain + again) / 2
    return {
        "messages": COUNT,
        "bare_per_s": round(baseline),
        "router_per_s": round(ours),
        "ratio": round(ours / baseline, 3),
    }


def _behind(
    settings: Settings, router: Router, count: int, conversations: int, first: int
) -> tuple[float, float]:
    """Let so many wait, then route them; return messages a second, and the memory after in MB."""
    # Without the pause the client fetches while the backlog grows: a small one would be half done.
    assert router.loop is not None
    consumer = router.loop.membership.consumer
    held = consumer.assignment()
    consumer.pause(held)
    fill(settings, count, conversations, first)
    began, done = time.perf_counter(), 0
    consumer.resume(held)
    while done < count:
        done += router.turn()
    seconds = time.perf_counter() - began
    return count / seconds, psutil.Process().memory_info().rss / 1e6


def backlog() -> dict[str, Any]:
    """Throughput with a backlog of a million against one of ten thousand."""
    large = int(os.environ.get("BENCH_BACKLOG", "1000000"))
    small, conversations = 10_000, 50_000
    with start_broker() as settings:
        fill(settings, small * 10, conversations)
        _, _, router = routed(settings, small * 10)
        rates = [
            _behind(settings, router, small, conversations, (part + 1) * 10_000_000)[0]
            for part in range(3)
        ]
        before = psutil.Process().memory_info().rss / 1e6
        rate, after = _behind(settings, router, large, conversations, 100_000_000)
        router.stop()
    typical = sorted(rates)[1]
    return {
        "backlog": large,
        "small_per_s": round(typical),
        "large_per_s": round(rate),
        "ratio": round(rate / typical, 3),
        "memory_before_mb": round(before),
        "memory_after_mb": round(after),
    }
