"""The desk's lines: the feed's throughput and latency, and a rebuild of an emptied Redis.

The rebuild has `BENCH_WAITING` waiting messages, and as many finished ones, in a Redis with 512 MB
that evicts nothing.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from bench.support import percentile
from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import conversation_id, message_id
from schemas.state.waiting import WaitingMessage, waiting_key
from tests.support.desk.feeding import feed_process, produce, work_item
from tests.support.redis.servers import start_valkey
from tests.support.servers.broker import start_broker
from workers.desk_feed.log import GROUP
from workers.desk_feed.partitions import (
    list_outcome_partitions,
    list_queue_partitions,
    waiting_partition,
)
from workers.desk_queue.queue import P

WAITING = int(os.environ.get("BENCH_WAITING", "1000000"))
FED = int(os.environ.get("BENCH_FED", "100000"))
RATE, SECONDS = 50, 10
REDIS_MEMORY_MB = 512


@contextmanager
def _feed(settings: Settings, port: int) -> Iterator[None]:
    """Run the desk feed as a process."""
    Path(settings.home).mkdir(parents=True, exist_ok=True)
    with Path(settings.home, "feed.log").open("ab") as out:
        process = feed_process(settings, port, out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _seconds_until(condition: Callable[[], bool], limit_s: float = 300) -> float:
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit_s:
            raise RuntimeError(f"not within {limit_s:g} s")
        time.sleep(0.01)
    return time.monotonic() - began


def _ready(redis: "Redis[bytes]") -> int:
    return int(redis.zcard(f"{P}ready:orders"))


def _served(redis: "Redis[bytes]") -> bool:
    return bool(redis.exists(f"{P}epoch")) and bool(redis.exists(f"{P}verified"))


def _throughput(settings: Settings, redis: "Redis[bytes]", port: int) -> dict[str, float]:
    with _feed(settings, port):
        _seconds_until(lambda: _served(redis))
    produce(settings, (work_item(n) for n in range(FED)))
    with _feed(settings, port):
        _seconds_until(lambda: _ready(redis) > 0)
        first = _ready(redis)
        seconds = _seconds_until(lambda: _ready(redis) >= FED)
        latencies = _latencies(settings, redis)
    return {
        "feed_per_s": round((FED - first) / seconds),
        "latency_p50_ms": percentile(latencies, 0.5),
        "latency_p90_ms": percentile(latencies, 0.9),
    }


def _latencies(settings: Settings, redis: "Redis[bytes]") -> list[float]:
    """Return the seconds from Kafka's acknowledgement of a work item until it may be claimed."""
    producer = Producer(rdkafka_settings(settings.kafka, **{"linger.ms": 0}))
    latencies = []
    for n in range(RATE * SECONDS):
        work = work_item(10_000_000 + n)
        began = time.monotonic()
        producer.produce(
            topics.queue_topic("orders"), envelope.encode(work), work.message.conversation.encode()
        )
        producer.flush(10)
        acked = time.monotonic()
        while redis.zscore(f"{P}ready:orders", work.message.conversation) is None:
            time.sleep(0.0005)
        latencies.append(time.monotonic() - acked)
        time.sleep(max(0.0, began + 1 / RATE - time.monotonic()))
    return latencies


def _load(settings: Settings) -> None:
    """Write the waiting and the finished messages to waiting.v1."""
    producer = Producer(
        rdkafka_settings(
            settings.kafka,
            **{
                "linger.ms": 20,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            },
        )
    )
    arrived_ms = int(datetime.now(UTC).timestamp() * 1000)
    for n in range(2 * WAITING):
        finished = n % 2 == 1
        record = WaitingMessage(
            message=message_id("api", "bench", str(n)),
            department="orders",
            conversation=conversation_id("default", "api", f"bench{n}"),
            offset=n,
            arrived_ms=arrived_ms + n,
            score=float(arrived_ms + n),
        )
        partition = waiting_partition(record.conversation, settings.kafka.partitions)
        key = waiting_key(record.message, 0)
        producer.produce(topics.WAITING.name, envelope.encode(record), key, partition)
        if finished:
            producer.produce(topics.WAITING.name, None, key, partition)
        if n % 1000 == 0:
            producer.poll(0)
    producer.flush(120)


def _commit_starts(settings: Settings) -> None:
    """Commit the ends of the queues and outcomes, as a feed does that has read everything."""
    numbers = [
        *list_queue_partitions(settings.kafka, settings.departments),
        *list_outcome_partitions(settings.kafka),
    ]
    consumer = Consumer(rdkafka_settings(settings.kafka, **{"group.id": GROUP}))
    partitions = [TopicPartition(topic, number, 0) for topic, number in numbers]
    for partition in partitions:
        partition.offset = consumer.get_watermark_offsets(partition, 10)[1]
    consumer.commit(offsets=partitions, asynchronous=False)
    consumer.close()


def _rebuild(settings: Settings, redis: "Redis[bytes]", port: int) -> dict[str, float]:
    _load(settings)
    _commit_starts(settings)
    redis.flushall()
    redis.config_set("maxmemory", f"{REDIS_MEMORY_MB}mb")
    redis.config_set("maxmemory-policy", "noeviction")
    with _feed(settings, port):
        start = _seconds_until(lambda: bool(redis.exists(f"{P}rebuild:lock")))
        first = _seconds_until(lambda: _served(redis))
        rest = _seconds_until(lambda: redis.hlen(f"{P}at") > 0, 600)
        memory = int(redis.info("memory")["used_memory"])
        count = _ready(redis)
    return {
        "waiting": count,
        "process_start_s": round(start, 1),
        "first_claim_s": round(first, 1),
        "rebuild_s": round(first + rest, 1),
        "used_memory_mb": round(memory / 1024 / 1024),
        "bytes_a_message": round(memory / max(1, count)),
    }


def run() -> dict[str, float]:
    """Measure throughput and latency on one broker, the rebuild on another."""
    result: dict[str, float] = {}
    with start_broker() as settings, start_valkey() as port, Redis(port=port) as redis:
        result |= _throughput(settings, redis, port)
    with start_broker() as settings, start_valkey() as port, Redis(port=port) as redis:
        result |= _rebuild(settings, redis, port)
    return result
