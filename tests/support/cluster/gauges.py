"""Gauges of a running cluster: when the road moved, and which stage called itself unready.

bench/faults and tests/chaos/test_neighbours.py judge the pauses.
"""

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from cli.up.kafka import silent_logger
from runtime.store import engine
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.cluster.cluster import Cluster
from tests.support.cluster.traffic import Sightings

_STORE_LOOK_S = 0.5
_READY_LOOK_S = 1.0


Moves = dict[str, Callable[[], list[float]]]
"""The moments at which the door, the queues, the store and claims moved, by name."""


class _MessageId(msgspec.Struct):
    id: str


class _Work(msgspec.Struct):
    """The field of a work item that names its message."""

    message: _MessageId


class Gauges:
    """Notes, in threads of its own, each movement of the queues and of the store."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ending = threading.Event()
        self.queued: dict[str, float] = {}
        self.queue_moves: list[float] = []
        self.store_moves: list[float] = []
        self.unready: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._threads = [
            threading.Thread(target=run, daemon=True)
            for run in (self._follow_queues, self._follow_store, self._follow_readiness)
        ]

    def start(self) -> "Gauges":
        """Begin to look."""
        for thread in self._threads:
            thread.start()
        return self

    def moves(self, sightings: Sightings) -> Moves:
        """Return all four gauges of the road: those here, and what customers and agents saw."""
        return {
            "door": lambda: sorted(sightings.accepted_at.values()),
            "queue": lambda: self.queue_moves,
            "recorder": lambda: self.store_moves,
            "claims": lambda: sightings.claims,
        }

    def stop(self) -> None:
        """Stop looking."""
        self._ending.set()
        for thread in self._threads:
            thread.join(10)

    def _follow_queues(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._cluster.brokers.bootstrap,
                "group.id": "gauges",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "log_level": 0,
                "logger": silent_logger(),
            }
        )
        consumer.assign([TopicPartition(name, 0, 0) for name in queue_topics(DEFAULT)])
        while not self._ending.is_set():
            try:
                records = consumer.consume(500, 0.1)
            except KafkaException:
                continue
            now = time.monotonic()
            for record in records:
                if record.error() is None:
                    work = msgspec.json.decode(record.value(), type=_Work)
                    self.queue_moves.append(now)
                    self.queued.setdefault(work.message.id, now)
        consumer.close()

    def _follow_store(self) -> None:
        store, before = engine(self._cluster.store_url, read_only=True), 0
        while not self._ending.wait(_STORE_LOOK_S):
            try:
                with store.connect() as connection:
                    count = int(
                        connection.execute(text("SELECT count(*) FROM messages")).scalar() or 0
                    )
            except SQLAlchemyError:
                continue
            if count > before:
                before = count
                self.store_moves.append(time.monotonic())
        store.dispose()

    def _follow_readiness(self) -> None:
        while not self._ending.wait(_READY_LOOK_S):
            for name, stage in self._cluster.stages.items():
                for problem in stage.problems():
                    self.unready[name][problem] += 1


def longest_gap(moves: list[float], since: float, until: float) -> float:
    """Return the longest pause between movements in a span, in seconds."""
    inside = [since, *(moment for moment in moves if since < moment < until), until]
    return max(after - before for before, after in itertools.pairwise(inside))


def first_after(moves: list[float], moment: float) -> float | None:
    """Return the seconds from a moment until the first movement after it."""
    return next((move - moment for move in moves if move >= moment), None)


def wait_for_moves(gauges: Moves, since: float, seconds: float) -> dict[str, float]:
    """Return each gauge's seconds until it moved after a moment; `seconds` where it did not."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        delays = {name: first_after(list(moves()), since) for name, moves in gauges.items()}
        if None not in delays.values():
            break
        pause.wait(0.2)
    return {name: seconds if delay is None else delay for name, delay in delays.items()}


def count_problems(unready: dict[str, Counter[str]]) -> dict[str, dict[str, object]]:
    """Return how many seconds each stage was unready, and by which checks."""
    return {
        name: {"s": max(problems.values()), "checks": sorted(problems)}
        for name, problems in unready.items()
        if problems
    }
