"""The time from Kafka's acknowledgement of a message until its queue item can be read.

Messages come at 500 a second. The baseline is a bare producer and consumer. The time depends on the
number of partitions that a transaction writes, so each number has a broker of its own.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, Message, Producer

from bench.comparison.builds import describe_builds
from bench.comparison.figures import Round, Row
from bench.comparison.programs import (
    Program,
    router_programs,
    router_references,
    running,
)
from bench.comparison.rounds import run_rounds
from bench.comparison.tables import format_report
from bench.comparison.warm_broker import WarmBroker, warm_broker
from bench.options import Options
from bench.support import message, percentile
from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics

RATE = 500
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
PARTITIONS = (1, 4)
"""Partitions of the topics by conversation; each queue has one."""

BARE = "bare"
P50, P99 = "p50 ms", "p99 ms"
_MEASURED = "measured"

_CONVERSATIONS = 5000
_WARM_UP_MESSAGES = 2 * RATE
_LATE_S = 30
"""Messages may arrive this long after the last was sent; missing ones are not measured."""

_ID_KEY = b'"id":"'
_ID_CHARS = 36


def run(options: Options) -> dict[str, object]:
    """Measure with each number of partitions; print the tables."""
    results: dict[str, object] = {"rate_per_s": RATE, "seconds": SECONDS}
    for partitions in PARTITIONS:
        with warm_broker(partitions) as broker:
            print(describe_builds(broker.process()), flush=True)
            rounds = _run_partitions(options, broker)
        print(f"Partitions: {partitions}\n")
        print(format_report(rounds, (P50, P99), router_references(options)), flush=True)
        results[f"partitions_{partitions}"] = rounds
    return results


def _run_partitions(options: Options, broker: WarmBroker) -> list[Round]:
    programs = {program.name: program for program in router_programs(options)}
    return run_rounds(
        options.rounds, (BARE, *programs), lambda name: _measure(programs.get(name), broker.empty())
    )


def _measure(program: Program | None, settings: Settings) -> Row:
    """Return the latencies through a router, or without a program those of Kafka alone."""
    if program is None:
        latencies = _latencies(settings, topics.REPLIES.name, [topics.REPLIES.name])
    else:
        with running(program, settings):
            queues = queue_topics(DEFAULT)
            latencies = _latencies(settings, topics.MESSAGES.name, queues)
    return {
        P50: percentile(latencies, 0.5),
        P99: percentile(latencies, 0.99),
        _MEASURED: len(latencies),
    }


def _latencies(settings: Settings, source: str, targets: Sequence[str]) -> list[float]:
    """Send at RATE for SECONDS; return the seconds from acknowledgement to receipt of each.

    Messages before them warm up, and all of those arrive before the first that is measured.
    """
    with _consumer(settings, targets) as consumer:
        _exchange(settings, source, consumer, range(_WARM_UP_MESSAGES))
        last = _WARM_UP_MESSAGES + RATE * SECONDS
        return _exchange(settings, source, consumer, range(_WARM_UP_MESSAGES, last))


def _exchange(settings: Settings, source: str, consumer: Consumer, numbers: range) -> list[float]:
    """Send messages and receive them; return the latency of each that arrived."""
    received: dict[str, float] = {}
    thread = threading.Thread(target=_receive, args=(consumer, len(numbers), received))
    thread.start()
    acked = _send(settings, source, numbers)
    thread.join()
    return [received[name] - acked[name] for name in acked if name in received]


@contextmanager
def _consumer(settings: Settings, targets: Sequence[str]) -> Iterator[Consumer]:
    """Yield a consumer that has its partitions."""
    consumer = Consumer(
        rdkafka_settings(
            settings.kafka,
            **{
                "group.id": "latency",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 10,
            },
        )
    )
    try:
        consumer.subscribe(list(targets))
        while not consumer.assignment():
            consumer.poll(0.1)
        yield consumer
    finally:
        consumer.close()


def _receive(consumer: Consumer, count: int, received: dict[str, float]) -> None:
    """Note the time of each message id, until all have come or are late."""
    until = time.monotonic() + count / RATE + _LATE_S
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
