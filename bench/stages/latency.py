"""The time from Kafka's acknowledgement of a message until its queue item can be read.

Messages come at 500 a second. The baseline is a bare producer and consumer.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, Message, Producer

from bench.support import message, percentile
from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.servers.broker import start_broker

RATE = 500
SECONDS = int(os.environ.get("BENCH_SECONDS", "15"))

_CONVERSATIONS = 5000
_WARM_UP_MESSAGES = 2 * RATE
_LATE_S = 30
"""Messages may arrive this long after the last was sent; missing ones are not measured."""

_ID_KEY = b'"id":"'
_ID_CHARS = 36


def run() -> dict[str, float]:
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


def _measure(settings: Settings, source: str, targets: list[str], first: int) -> list[float]:
    """Send at RATE for SECONDS; return the seconds from acknowledgement to receipt of each."""
    received: dict[str, float] = {}
    consumer = _start_consumer(settings, targets, f"latency-{first}")
    thread = threading.Thread(target=_receive, args=(consumer, RATE * SECONDS, received))
    thread.start()
    acked = _send(settings, source, range(first, first + RATE * SECONDS))
    thread.join()
    consumer.close()
    latencies = [received[name] - acked[name] for name in acked if name in received]
    return latencies[_WARM_UP_MESSAGES:]


def _start_consumer(settings: Settings, targets: Sequence[str], group: str) -> Consumer:
    """Return a consumer that has its partitions."""
    consumer = Consumer(
        rdkafka_settings(
            settings.kafka,
            **{
                "group.id": group,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            },
        )
    )
    consumer.subscribe(list(targets))
    while not consumer.assignment():
        consumer.poll(0.1)
    return consumer


def _receive(consumer: Consumer, count: int, received: dict[str, float]) -> None:
    """Note the time of each message id, until all have come or are late."""
    until = time.monotonic() + SECONDS + _LATE_S
    while len(received) < count and time.monotonic() < until:
        record = consumer.poll(0.1)
        if record is not None and record.error() is None:
            value = record.value()
            start = value.find(_ID_KEY) + len(_ID_KEY)
            received[value[start : start + _ID_CHARS].decode()] = time.perf_counter()


def _send(settings: Settings, topic: str, numbers: range) -> dict[str, float]:
    """Send messages at RATE; return the time of each acknowledgement by message id."""
    acked: dict[str, float] = {}

    def note_ack(identifier: str) -> Callable[[KafkaError | None, Message], None]:
        def note(_error: KafkaError | None, _record: Message) -> None:
            acked[identifier] = time.perf_counter()

        return note

    producer = Producer(
        rdkafka_settings(
            settings.kafka, **{"linger.ms": 0, "acks": "all", "partitioner": "murmur2_random"}
        )
    )
    began = time.perf_counter()
    for count, number in enumerate(numbers):
        sent = message(number, _CONVERSATIONS)
        producer.produce(
            topic,
            envelope.encode(sent),
            sent.conversation.encode(),
            on_delivery=note_ack(sent.id),
        )
        producer.poll(0)
        while (left := began + count / RATE - time.perf_counter()) > 0:
            producer.poll(max(0.001, left))  # under a millisecond it would not wait, but spin
    producer.flush(10)
    return acked
