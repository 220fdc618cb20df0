"""The door's 202 after Kafka's ack, against the same framework's bare 202 for the same JSON."""

import asyncio
import os
import subprocess
import sys
import time
from typing import Any

import msgspec
import psutil
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.support import TEXTS
from cli.up.ports import free_port
from runtime.http import server
from schemas.http_api.bodies import Accepted, MessageIn
from tests.support.servers.broker import start_broker

TOKENS = {"SANTRAL_TOKENS__DOOR": "d" * 32, "SANTRAL_TOKENS__SIGNING": "s" * 32}
CONNECTIONS, SECONDS = 64, float(os.environ.get("BENCH_SECONDS", "10"))


async def _bare(request: Request) -> Response:
    msgspec.json.decode(await request.body(), type=MessageIn)
    return server.json_response(Accepted(id="x", conversation="y"), 202)


async def _serve(port: int) -> None:
    app = Starlette(routes=[Route("/v1/messages", _bare, methods=["POST"])])
    await server.build_server(app).serve(sockets=[server.open_listener("127.0.0.1", port)])


async def _client(port: int, number: int, until: float, counts: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    while time.perf_counter() < until:
        sent += 1
        body = msgspec.json.encode(
            {
                "native_id": f"{number}-{sent}-{time.time_ns()}",
                "text": TEXTS[sent % len(TEXTS)],
                "sender": {"customer_no": str(number)},
            }
        )
        writer.write(
            b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
            + TOKENS["SANTRAL_TOKENS__DOOR"].encode()
            + b"\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        if head.startswith(b"HTTP/1.1 202"):
            counts[0] += 1
        else:
            counts[1] += 1
    writer.close()


async def _load(port: int, seconds: float) -> float:
    counts = [0, 0]
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_client(port, n, until, counts) for n in range(CONNECTIONS)))
    assert counts[1] == 0, counts
    return counts[0] / seconds


def _wait(port: int) -> None:
    from tests.support.waiting import wait

    def listens() -> bool:
        import socket

        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False

    wait("the server listens", listens)


def run() -> dict[str, Any]:
    """Measure bare, door, bare, door; the load comes from this process."""
    with start_broker() as settings:
        ports = {"bare": free_port(), "door": free_port()}
        environ = {
            **os.environ,
            "SANTRAL_HOME": settings.home,
            "SANTRAL_DOOR__PORT": str(ports["door"]),
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            **TOKENS,
        }
        commands = {
            "bare": [
                sys.executable,
                "-c",
                f"import uvloop; from bench.doors.door import _serve; uvloop.run(_serve({ports['bare']}))",
            ],
            "door": [sys.executable, "-m", "cli.main", "ingest"],
        }
        running = [
            subprocess.Popen(c, env=environ, stderr=subprocess.DEVNULL) for c in commands.values()
        ]
        rates: dict[str, list[float]] = {"bare": [], "door": []}
        try:
            for port in ports.values():
                _wait(port)
                uvloop.run(_load(port, 2))
            before = _cpu_s(running[1].pid)
            for _ in range(2):
                for name, port in ports.items():
                    rates[name].append(uvloop.run(_load(port, SECONDS / 2)))
            spent_s = _cpu_s(running[1].pid) - before
        finally:
            for process in running:
                process.terminate()
                process.wait(20)
    bare, door = (sum(rates[n]) / len(rates[n]) for n in ("bare", "door"))
    return {
        "connections": CONNECTIONS,
        "bare_per_s": round(bare),
        "door_per_s": round(door),
        "ratio": round(door / bare, 3),
        "door_cpu_us": round(spent_s / (door * SECONDS) * 1e6),
    }


def _cpu_s(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)
