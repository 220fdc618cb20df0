"""A thousand visitors with an open chat: their memory, and the time until the door accepts a line."""

import asyncio
import json
import os
import statistics
import time
from typing import Any

import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.doors.server_process import DOOR, door_environment, run_server, wait_for_port
from bench.support import percentile
from cli.up.ports import free_port
from tests.support.servers.broker import start_broker

VISITORS = int(os.environ.get("BENCH_SOCKETS", "1000"))
_OPENED_AT_ONCE = 50  # more would let handshakes run into their timeout
_LINES_ALONE = 200
_LINES_IN_BURST = 3  # each visitor sends them at once


async def _open_chat(url: str) -> ClientConnection:
    socket = await connect(url, open_timeout=60)
    await socket.send(json.dumps({"type": "hello"}))
    assert json.loads(await socket.recv())["type"] == "session"
    return socket


async def _send_line(socket: ClientConnection, number: int) -> None:
    """Send one line, and wait until the door accepts it."""
    await socket.send(json.dumps({"type": "message", "id": f"l{number}", "text": "Kargom nerede?"}))
    while json.loads(await socket.recv())["type"] != "accepted":
        continue


async def _time_line(socket: ClientConnection, number: int) -> float:
    """Return the seconds until the door accepts a line."""
    began = time.perf_counter()
    await _send_line(socket, number)
    return time.perf_counter() - began


async def _measure(port: int, process: psutil.Process) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{port}/v1/chat"
    first = await _open_chat(url)
    await _send_line(first, 0)
    before = process.memory_info().rss
    chats: list[ClientConnection] = []
    for start in range(0, VISITORS, _OPENED_AT_ONCE):
        count = min(_OPENED_AT_ONCE, VISITORS - start)
        chats += await asyncio.gather(*(_open_chat(url) for _ in range(count)))
    after = process.memory_info().rss
    # One line after another, while all the other visitors have an open chat.
    alone = [await _time_line(chats[n % len(chats)], 1000 + n) for n in range(_LINES_ALONE)]
    burst: list[float] = []
    burst_began = time.perf_counter()
    for number in range(_LINES_IN_BURST):
        burst += await asyncio.gather(*(_time_line(chat, number) for chat in chats))
    burst_s = time.perf_counter() - burst_began
    for chat in (first, *chats):
        await chat.close()
    return {
        "visitors": VISITORS,
        "memory_mb": round(after / 1e6, 1),
        "kb_a_visitor": round((after - before) / 1024 / VISITORS, 1),
        "line_p50_ms": round(statistics.median(alone) * 1000, 1),
        "line_p99_ms": percentile(alone, 0.99),
        "burst_p50_ms": round(statistics.median(burst) * 1000, 1),
        "burst_p99_ms": percentile(burst, 0.99),
        "burst_lines_per_s": round(len(burst) / burst_s),
    }


def run() -> dict[str, Any]:
    """Open all chats at a door of their own."""
    port = free_port()
    with start_broker() as settings:
        environment = door_environment(settings, port) | {
            # All visitors come from one address here.
            "SANTRAL_LIMITS__CHAT_SESSIONS": str(VISITORS + 1),
            "SANTRAL_LIMITS__CHAT_SESSIONS_BY_ADDRESS": str(VISITORS + 1),
            "SANTRAL_LIMITS__CHAT_LINES": "1000000",
            "SANTRAL_LIMITS__CHAT_LINES_BY_ADDRESS": "1000000",
        }
        with run_server(DOOR, environment) as process:
            wait_for_port(port)
            return uvloop.run(_measure(port, process))
