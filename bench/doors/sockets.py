"""A thousand visitors with an open chat: what they cost in memory, and how soon a line is safe."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.doors.door import TOKENS, _wait
from cli.up.ports import free_port
from tests.support.servers.broker import start_broker

VISITORS = int(os.environ.get("BENCH_SOCKETS", "1000"))
LINES = 3


async def _visitor(url: str) -> ClientConnection:
    socket = await connect(url, open_timeout=60)
    await socket.send(json.dumps({"type": "hello"}))
    assert json.loads(await socket.recv())["type"] == "session"
    return socket


async def _line(socket: ClientConnection, number: int) -> float:
    began = time.perf_counter()
    await socket.send(json.dumps({"type": "message", "id": f"l{number}", "text": "Kargom nerede?"}))
    while json.loads(await socket.recv())["type"] != "accepted":
        continue
    return time.perf_counter() - began


async def _visit(port: int, process: psutil.Process) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{port}/v1/chat"
    first = await _visitor(url)
    await _line(first, 0)
    before = process.memory_info().rss
    sockets: list[ClientConnection] = []
    for start in range(0, VISITORS, 50):
        sockets += await asyncio.gather(*(_visitor(url) for _ in range(min(50, VISITORS - start))))
    after = process.memory_info().rss
    # One line after another: what one visitor waits while all the others are there.
    alone = [await _line(sockets[n % len(sockets)], 1000 + n) for n in range(200)]
    # All at once: the worst moment.
    burst: list[float] = []
    for number in range(LINES):
        burst += await asyncio.gather(*(_line(s, number) for s in sockets))
    for socket in (first, *sockets):
        await socket.close()
    return {
        "visitors": VISITORS,
        "memory_mb": round(after / 1e6, 1),
        "kb_a_visitor": round((after - before) / 1024 / VISITORS, 1),
        "line_p50_ms": round(statistics.median(alone) * 1000, 1),
        "line_p99_ms": round(sorted(alone)[int(len(alone) * 0.99)] * 1000, 1),
        "burst_p50_ms": round(statistics.median(burst) * 1000, 1),
        "burst_p99_ms": round(sorted(burst)[int(len(burst) * 0.99)] * 1000, 1),
        "burst_lines_per_s": round(len(burst) / sum(burst) * len(sockets)),
    }


def run() -> dict[str, Any]:
    """Open them all against a door of its own."""
    with start_broker() as settings:
        port = free_port()
        environ = {
            **os.environ,
            "SANTRAL_HOME": settings.home,
            "SANTRAL_DOOR__PORT": str(port),
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            **TOKENS,
            # All visitors come from one address here.
            "SANTRAL_LIMITS__CHAT_SESSIONS": str(VISITORS + 1),
            "SANTRAL_LIMITS__CHAT_SESSIONS_BY_ADDRESS": str(VISITORS + 1),
            "SANTRAL_LIMITS__CHAT_LINES": "1000000",
            "SANTRAL_LIMITS__CHAT_LINES_BY_ADDRESS": "1000000",
        }
        running = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "ingest"], env=environ, stderr=subprocess.DEVNULL
        )
        try:
            _wait(port)
            return uvloop.run(_visit(port, psutil.Process(running.pid)))
        finally:
            running.terminate()
            running.wait(20)
