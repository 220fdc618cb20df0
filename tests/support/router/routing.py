"""Real router processes, traffic for them, and a reader of the work items that they write.

Each router runs as `santral router` does. The reader takes committed records only, and notes when
each arrived: the longest pause of a partition is the time without a router.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as Record

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.decision import WorkItem
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.messages import message
from tests.support.paths import ROOT
from tests.support.waiting import wait

CONVERSATIONS = 40
RESTART_S = 1.0


def is_pending(settings: Settings) -> bool:
    """Say whether a transaction is open on the routers' offsets: Kafka then keeps them back."""
    reader = Consumer(
        rdkafka_settings(
            settings.kafka, **{"group.id": "santral-router", "isolation.level": "read_committed"}
        )
    )
    numbers = range(settings.kafka.partitions)
    try:
        reader.committed([TopicPartition(topics.MESSAGES.name, n) for n in numbers], 0.7)
    except KafkaException:
        return True
    finally:
        reader.close()
    return False


class RouterProcess:
    """One `santral router`; with `restart` it begins again a second after any end."""

    COMMAND: tuple[str, ...] = ("router",)

    def __init__(self, settings: Settings, log: Path, *, restart: bool, code: Path = ROOT) -> None:
        self._settings, self._log, self._code = settings, log, code
        self._restart, self._stopping = restart, threading.Event()
        self.exits: list[int] = []
        self.process = self._start()
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    def log(self) -> str:
        """Return its log, of all its processes."""
        return self._log.read_text(errors="replace")

    def send(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def freeze_in_transaction(self) -> None:
        """Freeze it at a moment when a transaction of it is open."""

        def frozen() -> bool:
            self.send(signal.SIGSTOP)
            if is_pending(self._settings):
                return True
            self.send(signal.SIGCONT)
            return False

        wait("a transaction is open", frozen)

    def stop(self) -> int:
        """Stop it and return its last exit code."""
        self._stopping.set()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.process.wait(30)

    def _start(self) -> "subprocess.Popen[bytes]":
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")} | {
            "SANTRAL_HOME": self._settings.home,
            "SANTRAL_KAFKA__BOOTSTRAP": self._settings.kafka.bootstrap,
            "SANTRAL_CONFIG": os.devnull,
            "SANTRAL_TOKENS__SIGNING": "s" * 32,
            "PYTHONPATH": str(self._code),
        }
        with self._log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "cli.main", *self.COMMAND],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                cwd=self._code,
                env=environ,
            )

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            if self.process.poll() is None:
                self._stopping.wait(0.05)
                continue
            self.exits.append(self.process.returncode)
            if not self._restart or self._stopping.wait(RESTART_S):
                return
            self.process = self._start()


class RecorderProcess(RouterProcess):
    """One recorder, alike."""

    COMMAND = ("workers", "--only", "recorder")


class RouterTraffic:
    """Messages at a steady rate, each conversation in order."""

    def __init__(self, settings: Settings, rate: float) -> None:
        self._rate, self._stop = rate, threading.Event()
        self._first = time.time_ns()  # a message of an earlier test would be a repeat
        self._producer = Producer(
            rdkafka_settings(
                settings.kafka,
                **{
                    "partitioner": "murmur2_random",
                    "enable.idempotence": True,
                    "message.timeout.ms": 900_000,
                    "log_level": 0,
                },
            )
        )
        self.accepted: dict[str, str] = {}
        self.partitions: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "RouterTraffic":
        """Send until stopped."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop, and wait until every message is accepted."""
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(60) == 0

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(1 / self._rate):
            self._send(number)
            self._producer.poll(0)
            number += 1

    def _send(self, number: int) -> None:
        root = f"{self._first}-{number % CONVERSATIONS}"
        sent = message("Faturam yanlış", native=str(self._first + number), root=root)

        def accept(error: KafkaError | None, record: Record) -> None:
            assert error is None, error
            self.accepted[sent.id] = sent.conversation
            self.partitions[sent.conversation] = record.partition()

        self._producer.produce(
            topics.MESSAGES.name,
            envelope.encode(sent),
            sent.conversation.encode(),
            on_delivery=accept,
        )


class Items:
    """The work items that committed transactions put in the queues from now on."""

    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self._consumer = Consumer(
            rdkafka_settings(
                settings.kafka,
                **{
                    "group.id": "items",
                    "isolation.level": "read_committed",
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": False,
                    "fetch.wait.max.ms": 10,
                    "log_level": 0,
                },
            )
        )
        self._consumer.assign([self._end_of(topic) for topic in queue_topics(DEFAULT)])
        self.arrivals: list[tuple[float, str, str, int]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Items":
        """Read until stopped."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            record = self._consumer.poll(0.1)
            if record is None or record.error() is not None:
                continue
            item = envelope.decode(WorkItem, record.value())
            arrival = item.message
            self.arrivals.append(
                (time.monotonic(), arrival.id, arrival.conversation, int(arrival.native_id))
            )

    def _end_of(self, topic: str) -> TopicPartition:
        """Return the end of a topic of one partition, once its new partition has a leader."""

        def end() -> TopicPartition | None:
            try:
                _, offset = self._consumer.get_watermark_offsets(TopicPartition(topic, 0), 10)
            except KafkaException:
                return None
            return TopicPartition(topic, 0, offset)

        position = wait(f"{topic} has a leader", end)
        assert position is not None
        return position

    def gap(self, since: float, partition_of: Callable[[str], int]) -> float:
        """Return the longest pause, in seconds, of any partition of messages.v1."""
        times: defaultdict[int, list[float]] = defaultdict(list)
        for moment, _, conversation, _ in self.arrivals:
            times[partition_of(conversation)].append(moment)
        pauses = [
            second - first
            for moments in times.values()
            for first, second in zip(moments, [*moments[1:], time.monotonic()], strict=True)
            if second >= since
        ]
        return max(pauses, default=0.0)

    def check(self, traffic: RouterTraffic, seconds: float = 30) -> None:
        """Wait for an item of every accepted message; none is there twice or out of order."""
        wanted = len(traffic.accepted)
        wait(f"{wanted} items", lambda: len(self.arrivals) >= wanted, seconds)
        counts = Counter(identifier for _, identifier, _, _ in self.arrivals)
        assert counts.keys() == traffic.accepted.keys()
        assert max(counts.values()) == 1
        order: defaultdict[str, list[int]] = defaultdict(list)
        for _, _, conversation, number in self.arrivals:
            order[conversation].append(number)
        assert all(numbers == sorted(numbers) for numbers in order.values())
