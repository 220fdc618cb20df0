"""From Kafka's ack of a message to its queue item readable, at 500/s, against bare produce-consume."""

import os
import subprocess
import sys
import threading
import time
from typing import Any

from confluent_kafka import Consumer, Producer

from bench.support import message, percentile
from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.servers.broker import start_broker

RATE, SECONDS = 500, int(os.environ.get("BENCH_SECONDS", "15"))


def _measure(settings: Settings, source: str, targets: list[str], first: int) -> list[float]:
    """Send at RATE for SECONDS; return seconds from ack to receipt of each."""
    acked: dict[str, float] = {}
    found: dict[str, float] = {}
    count = RATE * SECONDS
    consumer = Consumer(
        rdkafka_settings(
            settings.kafka,
            **{
                "group.id": f"latency-{first}",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            },
        )
    )
    consumer.subscribe(targets)
    while not consumer.assignment():
        consumer.poll(0.1)
    ready = threading.Event()

    def receive() -> None:
        ready.set()
        until = time.monotonic() + SECONDS + 30
        while len(found) < count and time.monotonic() < until:
            record = consumer.poll(0.1)
            if record is not None and record.error() is None:
                value = record.value()
                at = value.find(b'"id":"') + 6
                found[value[at : at + 36].decode()] = time.perf_counter()

    thread = threading.Thread(target=receive)
    thread.start()
    ready.wait()
    producer = Producer(
        rdkafka_settings(
            settings.kafka, **{"linger.ms": 0, "acks": "all", "partitioner": "murmur2_random"}
        )
    )
    began = time.perf_counter()
    for number in range(count):
        made = message(first + number, 5000)

        def ack(_error: Any, _record: Any, identifier: str = made.id) -> None:
            acked[identifier] = time.perf_counter()

        producer.produce(source, envelope.encode(made), made.conversation.encode(), on_delivery=ack)
        producer.poll(0)
        while (left := began + number / RATE - time.perf_counter()) > 0:
            producer.poll(max(0.001, left))  # under a millisecond it would not wait, but spin
    producer.flush(10)
    thread.join()
    consumer.close()
    return [found[i] - acked[i] for i in acked if i in found][RATE * 2 :]


def run() -> dict[str, Any]:
    """Measure bare, then through the router."""
    with start_broker() as settings:
        environ = {
            **os.environ,
            "SANTRAL_HOME": settings.home,
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        }
        bare = _measure(settings, topics.REPLIES.name, [topics.REPLIES.name], 0)
        router = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "router"], env=environ, stderr=subprocess.DEVNULL
        )
        try:
            routed = _measure(
                settings, topics.MESSAGES.name, list(queue_topics(DEFAULT)), 1_000_000
            )
        finally:
            router.terminate()
            router.wait(20)
    return {
        "rate_per_s": RATE,
        "bare_p50_ms": percentile(bare, 0.5),
        "bare_p99_ms": percentile(bare, 0.99),
        "router_p50_ms": percentile(routed, 0.5),
        "router_p99_ms": percentile(routed, 0.99),
        "measured": len(routed),
    }
