"""PostgreSQL for tests, as Debian packages it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

import psycopg

from cli.up.ports import free_port
from tests.support.waiting import wait


class _Account(TypedDict, total=False):
    """The account of a process, in the words of `subprocess.Popen`."""

    user: int
    group: int
    extra_groups: list[int]


def _account() -> _Account:
    """Return an account that is not root, for which PostgreSQL refuses to start."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    """A PostgreSQL server of Debian's package."""

    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.port = free_port()
        self._as = _account()
        if self._as:
            os.chown(self.base, self._as["user"], self._as["group"])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy url."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy url of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create a database as a copy of a template, which nobody may be connected to."""
        command = f"CREATE DATABASE {name} TEMPLATE {template}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(command.encode())

    def start(self) -> "Postgres":
        """Make a cluster and start it."""
        programs = self.binaries[-1]
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                self.base / "data",
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **self._as,
        )
        return self.run()

    def run(self) -> "Postgres":
        """Start it on its data, the first time or again."""
        programs = self.binaries[-1]
        self.process = subprocess.Popen(
            [
                programs / "postgres",
                "-D",
                self.base / "data",
                "-p",
                str(self.port),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                f"unix_socket_directories={self.base}",
                "-c",
                "fsync=off",
                "-c",
                "shared_buffers=64MB",
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as,
        )
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait("PostgreSQL is ready", lambda: subprocess.run(ready, check=False).returncode == 0)
        return self

    def kill(self) -> None:
        """End it at once, as a crash does; the cluster stays."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        shutil.rmtree(self.base, ignore_errors=True)
