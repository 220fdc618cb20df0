"""The cluster profile on loopback: three brokers, Redis, a store, mail servers, and every stage.

tests/chaos/test_neighbours.py and bench/faults harm one neighbour after the other. Each of them can
end, freeze and come back.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.up.ports import free_port
from runtime.settings.structs import KafkaSettings
from runtime.topics.creation import create_topics
from schemas import topics
from schemas.routing.departments import DEFAULT
from tests.support.cluster.brokers import Brokers
from tests.support.cluster.supervised import Exit, Stage
from tests.support.json_body import JsonBody
from tests.support.paths import ROOT
from tests.support.redis.servers import Valkey
from tests.support.servers.mail_sink import MailSink
from tests.support.servers.postgres import Postgres
from tests.support.waiting import wait

COMMANDS = {
    "console": ["console"],
    "router": ["router"],
    "router2": ["router"],
    "recorder": ["workers", "--only", "recorder"],
    "desk": ["workers", "--only", "desk"],
    "replies": ["workers", "--only", "replies"],
    "watch": ["watch"],
    "ingest": ["ingest"],
}
_REDIS = (
    *("--appendonly", "yes", "--appendfsync", "everysec"),
    *("--maxmemory", "512mb", "--maxmemory-policy", "noeviction"),
)
_MOUNT = ("mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs")
ACCOUNTS = ("good", "bad")
"""Two mail accounts, each with a mail server of its own; a fault takes away that of `bad`."""


class Store(Postgres):
    """A PostgreSQL that can be killed, frozen, and started again on its data."""

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        postmaster = psutil.Process(self.process.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def _signal(self, number: int) -> None:
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """End it at once with all its processes."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()
        (self.base / "data" / "postmaster.pid").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop its clock: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)


@dataclass(frozen=True)
class Front:
    """The addresses for customers and agents: the door, its tokens, the mail door and its accounts."""

    door: str
    tokens: dict[str, str]
    mail_door: int
    accounts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a cluster differs from the usual one: stages of another `tree`, SQLite, no replica, the
    archive on a disk of its own (which takes root's rights to mount)."""

    tree: Path = ROOT
    postgres: bool = True
    replica: bool = True
    archive_disk: bool = False
    stages: tuple[str, ...] = tuple(COMMANDS)
    config: str = ""


class Cluster:
    """All parts of one cluster in one folder."""

    def __init__(self, home: Path, plan: Plan | None = None) -> None:
        self.home, self.plan = home, plan or Plan()
        self.brokers = Brokers(home)
        self.valkey, self.replica = Valkey(*_REDIS), Valkey(*_REDIS)
        self.postgres = Store() if self.plan.postgres else None
        self.mail = {account: MailSink() for account in ACCOUNTS}
        self.tokens = {n: f"{n}_{secrets.token_hex(16)}" for n in ("door", "desk", "console")}
        self._ports = {name: free_port() for name in ("door", "console", "mail")}
        self.door = f"http://127.0.0.1:{self._ports['door']}"
        self.front = Front(self.door, self.tokens, self._ports["mail"], ACCOUNTS)
        self.archive = home / "var" / "archive"
        self.stages = {name: self._stage(name) for name in self.plan.stages}

    @property
    def store_url(self) -> str:
        """The SQLAlchemy url of the store."""
        if self.postgres is not None:
            return self.postgres.url
        return f"sqlite:///{self.home / 'var' / 'santral.db'}"

    @property
    def kafka(self) -> KafkaSettings:
        """The settings that reach the brokers."""
        return KafkaSettings(bootstrap=self.brokers.bootstrap, replication=3)

    def _environ(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")}
        return {
            **plain,
            "PYTHONPATH": str(self.plan.tree),
            "SANTRAL_CONFIG": str(self._write_config()),
            "SANTRAL_HOME": str(self.home / "var"),
            "SANTRAL_KAFKA__BOOTSTRAP": self.brokers.bootstrap,
            "SANTRAL_KAFKA__REPLICATION": "3",
            "SANTRAL_REDIS__URL": f"redis://127.0.0.1:{self.valkey.port}/0",
            "SANTRAL_STORE__URL": self.store_url,
            "SANTRAL_DOOR__PORT": str(self._ports["door"]),
            "SANTRAL_DOOR__DESK_URL": f"http://127.0.0.1:{self._ports['console']}",
            "SANTRAL_CONSOLE__PORT": str(self._ports["console"]),
            "SANTRAL_CONSOLE__DOOR_URL": self.door,
            "SANTRAL_TOKENS__SIGNING": "s" * 32,
            **{f"SANTRAL_TOKENS__{n.upper()}": token for n, token in self.tokens.items()},
        }

    def _write_config(self) -> Path:
        path = self.home / "santral.toml"
        if path.exists():
            return path
        tables = [
            f'[mail_door]\nprotocol = "lmtp"\nport = {self.front.mail_door}\n',
            '[desk]\nlease = "20s"\n[parsers]\nprocesses = 1\n[channels.api.default]\n',
        ]
        for account, server in self.mail.items():
            address = f"{account}@destek.example"
            tables.append(
                f'[channels.email.{account}]\naddresses = ["{address}"]\n'
                'domain = "destek.example"\n'
                f'[actions.reply_email.{account}]\nhost = "127.0.0.1"\nport = {server.port}\n'
                f'tls = "none"\nsender = "{address}"\ntimeout_s = 10\n'
            )
        self.home.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(tables) + self.plan.config)
        return path

    def _stage(self, name: str) -> Stage:
        port = free_port()
        return Stage(
            name=name,
            command=[sys.executable, "-m", "cli.main", *COMMANDS[name]],
            environ={**self._environ(), "SANTRAL_OPS__PORT": str(port)},
            tree=self.plan.tree,
            log=self.home / "log" / f"{name}.log",
            ops=f"http://127.0.0.1:{port}",
        )

    def start(self) -> "Cluster":
        """Start the neighbours, then the stages; return once every stage is ready."""
        self.start_neighbours()
        self.start_stages()
        self.wait_ready()
        return self

    def start_neighbours(self) -> None:
        """Start all that the stages need."""
        self.brokers.prepare()
        if self.plan.archive_disk:
            self.archive.mkdir(parents=True)
            subprocess.run([*_MOUNT, str(self.archive)], check=True)
        for server in self.mail.values():
            server.start()
        self.valkey.start()
        if self.plan.replica:
            self.replica.start().follow(self.valkey)
        if self.postgres is not None:
            self.postgres.start()
        self.start_kafka()

    def start_stages(self) -> None:
        """Start every stage; do not wait for them."""
        for stage in self.stages.values():
            stage.start()

    def start_kafka(self) -> None:
        """Start the brokers and make the topics."""
        self.brokers.start()
        _, problems = create_topics(self.kafka, topics.all_topics(tuple(DEFAULT)))
        assert not problems, problems

    def wait_ready(self, seconds: float = 90) -> None:
        """Return once every stage is ready."""
        for stage in self.stages.values():
            wait(f"{stage.name} is ready", lambda stage=stage: not stage.problems(), seconds)

    def unwanted_exits(self, since: float = 0.0) -> list[Exit]:
        """Return the ends of stages since a moment that the test did not ask for."""
        return [end for stage in self.stages.values() for end in stage.unwanted_exits(since)]

    def cli(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a santral command against it."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            capture_output=True,
            cwd=self.plan.tree,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=120,
        )

    def ledger(self) -> JsonBody:
        """Return the ledger's totals, empty while it is not settled."""
        result = self.cli("ledger", "--json", "--wait", "20")
        totals: JsonBody = json.loads((result.stdout.splitlines() or ["{}"])[-1])
        return totals if result.returncode == 0 and not totals.get("pending", 1) else {}

    def stop(self) -> dict[str, int]:
        """Stop the stages, then their neighbours; return the stages' exit codes."""
        for stage in self.stages.values():
            stage.request_stop()
        codes = {name: stage.stop() for name, stage in self.stages.items()}
        self.brokers.stop()
        for valkey in (self.valkey, self.replica):
            valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()
        for server in self.mail.values():
            server.stop()
        if self.archive.is_mount():
            subprocess.run(["umount", "-l", str(self.archive)], check=True)
        return codes


@contextlib.contextmanager
def cluster(plan: Plan | None = None) -> Iterator[Cluster]:
    """Run a cluster in a folder of its own, and remove it."""
    home = Path(tempfile.mkdtemp(prefix="cluster-"))
    running = Cluster(home, plan)
    try:
        yield running.start()
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)
