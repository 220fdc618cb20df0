"""A Kafka broker for tests: one for several tests in turn, or one for a test that harms it."""

import contextlib
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec
import psutil
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from cli.up.kafka import Broker
from cli.up.ports import free_port
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings, Settings
from runtime.topics.creation import create_topics
from schemas import envelope, topics
from schemas.base import Record
from schemas.routing.departments import DEFAULT
from tests.support.paths import JARS
from tests.support.waiting import wait

R = TypeVar("R", bound=Record)
_WANTED = frozenset(topic.name for topic in topics.all_topics(tuple(DEFAULT)))
_CALL_S = 30.0
"""A call to a broker on loopback takes milliseconds, but for its first seconds."""


class SharedBroker:
    """One broker for the tests of a process, which get it one after the other.

    Each gets its topics empty, no consumer group, and a folder of its own. `partitions` is the
    number of partitions of the topics by conversation.
    """

    _processes: ClassVar[dict[str, subprocess.Popen[bytes]]] = {}

    def __init__(self, partitions: int = KafkaSettings().partitions) -> None:
        self._partitions = partitions
        self._home = Path(tempfile.mkdtemp(prefix="broker-"))
        self._node: Broker | None = None
        self._count = 0

    def fresh(self) -> Settings:
        """Return settings for one test, or for the tests of one file."""
        self._count += 1
        if not self._is_alive() or not self._clear():
            # A test ended it, or left members in a group, which the next test would meet.
            self._end()
            self._start()
        assert self._node is not None
        kafka = KafkaSettings(bootstrap=self._node.bootstrap, partitions=self._partitions)
        _, problems = create_topics(kafka, topics.all_topics(tuple(DEFAULT)))
        assert not problems
        admin = AdminClient(rdkafka_settings(kafka))
        wait("the broker serves every topic", lambda: _read_ends(admin).keys() >= _WANTED)
        home = str(self._home / f"test{self._count}")
        return msgspec.structs.replace(Settings(), home=home, kafka=kafka)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._end()
        shutil.rmtree(self._home, ignore_errors=True)

    @classmethod
    def process(cls, bootstrap: str) -> psutil.Process:
        """Return the process of the broker at an address."""
        return psutil.Process(cls._processes[bootstrap].pid)

    def _start(self) -> None:
        home = self._home / f"kafka{self._count}"
        self._node = Broker(home, JARS, free_port(), free_port())
        self._node.prepare()
        process = subprocess.Popen(
            self._node.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._processes[self._node.bootstrap] = process
        self._node.wait(self._is_alive)

    def _is_alive(self) -> bool:
        return self._node is not None and self._processes[self._node.bootstrap].poll() is None

    def _end(self) -> None:
        if self._node is not None:
            process = self._processes.pop(self._node.bootstrap)
            process.kill()  # nothing reads its log again, and an orderly end takes seconds
            process.wait(30)
            self._node = None

    def _clear(self) -> bool:
        """Delete the groups and the topics with records; say whether no group has members."""
        assert self._node is not None
        admin = AdminClient(rdkafka_settings(KafkaSettings(bootstrap=self._node.bootstrap)))
        groups = [group.group_id for group in admin.list_consumer_groups().result(_CALL_S).valid]
        if groups:
            deletions = admin.delete_consumer_groups(groups).values()
            if any(future.exception(_CALL_S) for future in deletions):
                return False
        ends = wait("the broker serves every topic", lambda: _read_ends(admin))
        used = [name for name, end in ends.items() if end > 0 or name not in _WANTED]
        if used:
            for future in admin.delete_topics(used).values():
                future.result(_CALL_S)
        return True


def _read_ends(admin: AdminClient) -> dict[str, int]:
    """Return the sum of each topic's end offsets, or nothing while a partition has no leader."""
    listing = admin.list_topics(timeout=_CALL_S).topics
    latest = {
        TopicPartition(name, number): OffsetSpec.latest()
        for name, topic in listing.items()
        if not name.startswith("__")
        for number in topic.partitions
    }
    ends: Counter[str] = Counter()
    for partition, future in (admin.list_offsets(latest) if latest else {}).items():
        if future.exception(_CALL_S):
            return {}
        ends[partition.topic] += future.result().offset
    return dict(ends)


@contextlib.contextmanager
def start_broker() -> Iterator[Settings]:
    """Run a broker for one test that harms it, and yield settings that point to it."""
    broker = SharedBroker()
    try:
        yield broker.fresh()
    finally:
        broker.stop()


def broker_process(settings: Settings) -> psutil.Process:
    """Return the process of the broker that a test's settings point to."""
    return SharedBroker.process(settings.kafka.bootstrap)


async def read_topic(settings: Settings, topic: str, kind: type[R]) -> AsyncIterator[R]:
    """Yield the records of a topic up to its present end."""
    async for records in read_to_end(settings.kafka, [topic]):
        for record in records:
            yield envelope.decode(kind, record.value)
