"""Many messages from messages.v1 through routers and a recorder into PostgreSQL.

The stages are processes of their own, as in production. BENCH_MESSAGES says how many messages
(1,000,000), and BENCH_ROUTERS how many routers (1), which share `[kafka] partitions`.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil
from confluent_kafka import Consumer, TopicPartition

from bench.support import fill
from runtime import store
from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import KafkaSettings, Settings
from schemas import topics
from tests.support.servers.broker import broker_process, start_broker
from tests.support.servers.postgres import Postgres
from workers.run import MIGRATIONS

COUNT = int(os.environ.get("BENCH_MESSAGES", "1000000"))
ROUTERS = int(os.environ.get("BENCH_ROUTERS", "1"))
_PAUSE_S = 1.0
"""The pause between two looks at the processes, the log and the store."""

_LIMIT_S = 3600.0
_CALL_S = 10.0


@dataclass
class _Usage:
    """The CPU time of one process and its children, and their peak memory."""

    process: psutil.Process
    seconds: dict[int, float] = field(default_factory=dict)
    peak_bytes: int = 0

    def update(self) -> None:
        """Read the present figures; the last ones of an ended child stay."""
        resident = 0
        for process in (self.process, *self.process.children(recursive=True)):
            try:
                times, memory = process.cpu_times(), process.memory_info()
            except psutil.NoSuchProcess:
                continue
            self.seconds[process.pid] = times.user + times.system
            resident += memory.rss
        self.peak_bytes = max(self.peak_bytes, resident)

    def total_s(self) -> float:
        """Return the CPU seconds until the last update."""
        return sum(self.seconds.values())


def run() -> dict[str, float]:
    """Let the messages wait, start the stages, and measure until the store has everything."""
    with ExitStack() as stack:
        settings = stack.enter_context(start_broker())
        postgres = Postgres().start()
        stack.callback(postgres.stop)
        store.migrate(postgres.url, MIGRATIONS)
        fill(settings, COUNT, COUNT // 5)
        assert postgres.process is not None
        servers = {
            "kafka": broker_process(settings),
            "postgresql": psutil.Process(postgres.process.pid),
        }
        usages = {name: _Usage(process) for name, process in servers.items()}
        for usage in usages.values():
            usage.update()
        before = {name: usage.total_s() for name, usage in usages.items()}
        stages = stack.enter_context(_stages(settings, postgres.url))
        usages |= {name: _Usage(psutil.Process(stage.pid)) for name, stage in stages.items()}
        routed_s, recorded_s = _wait(settings.kafka, postgres.url, usages.values(), stages)
    routers = [usage for name, usage in usages.items() if name.startswith("router")]
    spent = {
        "router": sum(usage.total_s() for usage in routers),
        "recorder": usages["recorder"].total_s(),
        **{name: usages[name].total_s() - before[name] for name in servers},
    }
    return {
        "messages": COUNT,
        "routers": ROUTERS,
        "routed_per_s": round(COUNT / routed_s),
        "recorded_per_s": round(COUNT / recorded_s),
        "minutes": round(recorded_s / 60, 1),
        **{f"{name}_cpu_s_a_million": round(s / COUNT * 1e6) for name, s in spent.items()},
        **{f"{name}_peak_mb": round(usage.peak_bytes / 1e6) for name, usage in usages.items()},
    }


@contextmanager
def _stages(settings: Settings, url: str) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    """Run the routers and the recorder, and yield them by name."""
    environ = {
        **os.environ,
        "SANTRAL_HOME": settings.home,
        "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "SANTRAL_STORE__URL": url,
        "SANTRAL_OPS__PORT": "0",
        "SANTRAL_TOKENS__SIGNING": secrets.token_hex(24),
    }
    commands = {f"router_{number}": ["router"] for number in range(1, ROUTERS + 1)}
    commands["recorder"] = ["workers", "--only", "recorder"]
    stages = {
        name: subprocess.Popen(
            [sys.executable, "-m", "cli.main", *command],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name, command in commands.items()
    }
    try:
        yield stages
    finally:
        for stage in stages.values():
            stage.terminate()
        for stage in stages.values():
            stage.wait(30)


def _wait(
    kafka: KafkaSettings,
    url: str,
    usages: Iterable[_Usage],
    stages: Mapping[str, "subprocess.Popen[bytes]"],
) -> tuple[float, float]:
    """Return the seconds until every message is decided, and until the store has every decision.

    The time begins with the first decision, so that the start of the stages does not count.
    """
    consumer = Consumer(rdkafka_settings(kafka, **{"group.id": "bench-million"}))
    engine = store.engine(url)
    started = time.monotonic()
    began = routed = recorded = 0.0
    while not recorded:
        time.sleep(_PAUSE_S)
        now = time.monotonic()
        ended = [name for name, stage in stages.items() if stage.poll() is not None]
        if ended:
            raise RuntimeError(f"{', '.join(ended)} ended; run the stage by hand to see why")
        if now - started > _LIMIT_S:
            raise TimeoutError(f"not every message is in the store after {_LIMIT_S:.0f} s")
        for usage in usages:
            usage.update()
        decided = _count_decisions(consumer)
        if decided and not began:
            began = now - _PAUSE_S
        if decided >= COUNT and not routed:
            routed = now
        if routed:
            with engine.connect() as connection:
                rows = connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar_one()
            recorded = now if rows >= COUNT else 0.0
    consumer.close()
    engine.dispose()
    return routed - began, recorded - began


def _count_decisions(consumer: Consumer) -> int:
    """Return the records of decisions.v1; markers of transactions count too, about one in 1,000."""
    partitions = consumer.list_topics(topics.DECISIONS.name, _CALL_S).topics[topics.DECISIONS.name]
    return sum(
        consumer.get_watermark_offsets(TopicPartition(topics.DECISIONS.name, number), _CALL_S)[1]
        for number in partitions.partitions
    )
