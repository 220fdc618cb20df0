"""A Kafka broker for tests: one for several tests in turn, or one for a test that harms it."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec
import psutil
from confluent_kafka.admin import AdminClient

from cli.up import kafka as kafka_local
from cli.up.ports import free_port
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings, Settings
from runtime.topics.creation import create_topics
from schemas import envelope, topics
from schemas.base import Record
from schemas.routing.departments import DEFAULT
from tests.support.paths import JARS

R = TypeVar("R", bound=Record)


class SharedBroker:
    """One broker, for several tests: each gets its topics empty, and a folder of its own."""

    _processes: ClassVar[dict[str, subprocess.Popen[bytes]]] = {}

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="broker-"))
        self._node = kafka_local.Broker(self._home / "kafka", JARS, free_port(), free_port())
        self._node.prepare()
        self._process = subprocess.Popen(
            self._node.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._node.wait(self.is_alive)
        self._processes[self._node.bootstrap] = self._process
        self._count = 0

    def is_alive(self) -> bool:
        """Say whether it runs: a test may have ended it."""
        return self._process.poll() is None

    def fresh(self) -> Settings:
        """Return settings for one test, with every topic empty."""
        self._count += 1
        kafka = KafkaSettings(bootstrap=self._node.bootstrap)
        wanted = topics.all_topics(tuple(DEFAULT))
        if self._count > 1:
            admin = AdminClient(rdkafka_settings(kafka))
            names = [name for name in admin.list_topics(timeout=30).topics if name[:2] != "__"]
            for future in admin.delete_topics(names).values():
                future.result(30)
        _, problems = create_topics(kafka, wanted)
        assert not problems
        home = str(self._home / f"test{self._count}")
        return msgspec.structs.replace(Settings(), home=home, kafka=kafka)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._processes.pop(self._node.bootstrap, None)
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self._home, ignore_errors=True)

    @classmethod
    def process(cls, bootstrap: str) -> psutil.Process:
        """Return the process of the broker at an address."""
        return psutil.Process(cls._processes[bootstrap].pid)


@contextlib.contextmanager
def start_broker() -> Iterator[Settings]:
    """Run a broker of its own with every topic, and yield settings that point to it."""
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
