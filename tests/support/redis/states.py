"""The bad states of a real Redis: read-only, out of memory, unable to save. Each returns its undo.

Redis then refuses every write with READONLY, OOM or MISCONF.
"""

import functools
from collections.abc import Callable

import psutil
from redis import Redis

from cli.up.ports import free_port
from tests.support.waiting import wait

Undo = Callable[[], object]
_TIMEOUT_S = 5.0


def run_command(port: int, *words: str) -> object:
    """Run a command as the server's operator."""
    with Redis(port=port, socket_timeout=_TIMEOUT_S) as client:
        result: object = client.execute_command(*words)
    return result


def make_read_only(port: int) -> Undo:
    """Turn it into a replica of a server that is away, as a failover leaves the old primary."""
    run_command(port, "REPLICAOF", "127.0.0.1", str(free_port()))
    return functools.partial(run_command, port, "REPLICAOF", "NO", "ONE")


def fill_memory(port: int) -> Undo:
    """Lower its limit below what it uses."""
    with Redis(port=port, socket_timeout=_TIMEOUT_S) as client:
        used = int(client.info("memory")["used_memory"])
        limit = client.config_get("maxmemory")["maxmemory"]
    run_command(port, "CONFIG", "SET", "maxmemory", str(used // 2))
    return functools.partial(run_command, port, "CONFIG", "SET", "maxmemory", limit)


def break_saving(port: int) -> Undo:
    """Kill a save while it runs: Redis then refuses writes until a save works."""
    run_command(port, "SET", "santral-test:save", "1")
    for name, value in (("save", "3600 1"), ("rdb-key-save-delay", "10000000")):
        run_command(port, "CONFIG", "SET", name, value)
    run_command(port, "BGSAVE")
    with Redis(port=port, socket_timeout=_TIMEOUT_S) as client:
        server = psutil.Process(int(client.info("server")["process_id"]))
        wait("the save runs", server.children)[0].kill()
        wait(
            "the save failed", lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err"
        )

    def repair() -> None:
        for name, value in (("rdb-key-save-delay", "0"), ("save", "")):
            run_command(port, "CONFIG", "SET", name, value)
        run_command(port, "DEL", "santral-test:save")

    return repair
