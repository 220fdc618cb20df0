"""The door's 202 after Kafka's ack, against the same framework's bare 202 for the same JSON.

`BENCH_DOORS` is the number of the door's processes, which share its port.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import msgspec
import psutil
import uvloop

from bench.doors.bare_server import bare_command
from bench.doors.load import CONNECTIONS, SECONDS, answers_per_second
from bench.doors.server_process import (
    DOOR,
    TOKENS,
    door_environment,
    run_server,
    wait_for_listeners,
    wait_for_port,
)
from bench.support import TEXTS
from cli.up.ports import free_port
from tests.support.servers.broker import start_broker

_WARM_UP_S = 2.0
_DOORS = int(os.environ.get("BENCH_DOORS", "1"))


def _make_request(connection: int, number: int) -> bytes:
    body = msgspec.json.encode(
        {
            "native_id": f"{connection}-{number}-{time.time_ns()}",
            "text": TEXTS[number % len(TEXTS)],
            "sender": {"customer_no": str(connection)},
        }
    )
    head = (
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKENS['SANTRAL_TOKENS__DOOR']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _measure_rate(port: int, seconds: float) -> float:
    return uvloop.run(answers_per_second(port, seconds, _make_request, 202))


def run() -> dict[str, Any]:
    """Measure bare, door, bare, door; the load comes from this process."""
    ports = {"bare": free_port(), "door": free_port()}
    rates: dict[str, list[float]] = {name: [] for name in ports}
    with start_broker() as settings:
        environment = door_environment(settings, ports["door"])
        if _DOORS > 1:
            environment["SANTRAL_DOOR__SHARE_PORT"] = "true"
        with ExitStack() as servers:
            servers.enter_context(run_server(bare_command(ports["bare"]), environment))
            commands = [DOOR, *[(*DOOR, "--only", "door")] * (_DOORS - 1)]
            doors = [servers.enter_context(run_server(c, environment)) for c in commands]
            wait_for_listeners(doors, ports["door"])
            for port in ports.values():
                wait_for_port(port)
                _measure_rate(port, _WARM_UP_S)
            before = _cpu_s(doors)
            for _ in range(2):
                for name, port in ports.items():
                    rates[name].append(_measure_rate(port, SECONDS / 2))
            spent_s = _cpu_s(doors) - before
    bare, door = (sum(values) / len(values) for values in rates.values())
    return {
        "connections": CONNECTIONS,
        "processes": _DOORS,
        "bare_per_s": round(bare),
        "door_per_s": round(door),
        "ratio": round(door / bare, 3),
        "door_cpu_us": round(spent_s / (door * SECONDS) * 1e6),
    }


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(spent.user + spent.system for spent in times))
