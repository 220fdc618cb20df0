"""The servers under measurement: a door in a process of its own, and the wait for its port."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil

from runtime.settings.structs import Settings
from tests.support.waiting import wait

TOKENS = {"SANTRAL_TOKENS__DOOR": "d" * 32, "SANTRAL_TOKENS__SIGNING": "s" * 32}
DOOR = (sys.executable, "-m", "cli.main", "ingest")
_MAX_STOP_S = 30
"""A door that still hands over its last records stops within a few seconds."""


def door_environment(settings: Settings, port: int) -> dict[str, str]:
    """Return the environment of a door that listens on `port` and writes to the broker of `settings`."""
    return {
        **os.environ,
        "SANTRAL_HOME": settings.home,
        "SANTRAL_DOOR__PORT": str(port),
        "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        **TOKENS,
    }


@contextmanager
def run_server(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    """Run a server until the block ends."""
    process = subprocess.Popen(command, env=dict(environment), stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_MAX_STOP_S)


def wait_for_port(port: int) -> None:
    """Wait until a server listens on a port of this machine."""
    wait(f"a server listens on port {port}", lambda: _is_open(port))


def wait_for_listeners(processes: Sequence[psutil.Process], port: int) -> None:
    """Wait until each of these processes listens on a port that they share."""

    def listens(process: psutil.Process) -> bool:
        return any(
            c.status == psutil.CONN_LISTEN and c.laddr.port == port
            for c in process.net_connections("tcp")
        )

    wait(f"all listen on port {port}", lambda: all(map(listens, processes)))


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
