"""Floods before proof: the door's memory and answers while strangers try to fill it.

Each flood runs against the same door, on a real Kafka. The bench measures the door's memory before,
at its highest and afterwards, the slowest /livez meanwhile, and the callers' fate.
"""

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.doors.server_process import DOOR, door_environment, run_server, wait_for_port
from cli.up.ports import free_port
from tests.support.servers.broker import start_broker

HOLD_S = 15.0  # how long the callers stay silent: longer than a limit of time
MIB = 1024 * 1024


@dataclass
class Target:
    """The door under attack."""

    port: int
    lmtp: int
    process: psutil.Process
    peak: int = 0
    slowest: float = 0.0
    unanswered: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def rss(self) -> float:
        """Return the door's resident memory in MiB."""
        resident: float = self.process.memory_info().rss / MIB
        return round(resident, 1)

    def watch(self, over: threading.Event) -> None:
        """Record the highest memory and the slowest probe, in a thread, until the flood ends."""
        while not over.wait(0.1):
            self.peak = max(self.peak, self.process.memory_info().rss)
            began = time.perf_counter()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 30) as connection,
            ):
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " not in connection.recv(200):
                    self.unanswered += 1
            self.slowest = max(self.slowest, time.perf_counter() - began)

    async def ask(self, sent: bytes) -> int:
        """Send a request; return the answer's status, or 0 without an answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                await writer.drain()
            with contextlib.suppress(ConnectionError):
                return int((await reader.read()).partition(b" ")[2][:3] or 0)
            return 0
        finally:
            writer.close()

    async def hold(self, port: int, sent: bytes) -> bool:
        """Connect, send and stay silent; say whether the connection is still open afterwards."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        self.writers.append(writer)

        async def talk() -> None:
            with contextlib.suppress(ConnectionError):
                writer.write(sent)
                await writer.drain()
                while await reader.read(65536):
                    continue

        try:
            async with asyncio.timeout(HOLD_S):
                await talk()
        except TimeoutError:
            return True
        return False


async def _bodies(target: Target, header: bytes, path: bytes) -> dict[str, Any]:
    head = (
        b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + header + b"Content-Length: 33554432\r\n\r\n"
    )
    sent = head + b"x" * (31 * 1000 * 1000)
    connections = await asyncio.gather(*(target.hold(target.port, sent) for _ in range(30)))
    return {"callers": 30, "kept_open": sum(connections)}


async def _unsigned(target: Target) -> dict[str, Any]:
    return await _bodies(target, b"", b"/v1/hooks/whatsapp/default")


async def _forged(target: Target) -> dict[str, Any]:
    return await _bodies(target, b"Authorization: Basic eDp5\r\n", b"/v1/hooks/postmark/destek")


async def _halves(target: Target) -> dict[str, Any]:
    sent = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Half: "
    connections = await asyncio.gather(*(target.hold(target.port, sent) for _ in range(600)))
    return {"callers": 600, "kept_open": sum(connections)}


async def _lmtp(target: Target) -> dict[str, Any]:
    connections = await asyncio.gather(
        *(target.hold(target.lmtp, b"LHLO x\r\n") for _ in range(500))
    )
    return {"callers": 500, "kept_open": sum(connections)}


async def _silent(target: Target) -> dict[str, Any]:
    url = f"ws://127.0.0.1:{target.port}/v1/chat"

    async def stay() -> bool:
        try:
            async with connect(url, open_timeout=60) as visit, asyncio.timeout(HOLD_S):
                await visit.recv()
        except TimeoutError:
            return True
        except (OSError, WebSocketException):
            return False
        return True

    connections = await asyncio.gather(*(stay() for _ in range(300)))
    return {"callers": 300, "kept_open": sum(connections)}


async def _headers(target: Target) -> dict[str, Any]:
    begin = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    long = await target.ask(begin + b"X-Long: " + b"a" * 8_000_000 + b"\r\n\r\n")
    many = await target.ask(begin + b"X-Many: 1\r\n" * 100_000 + b"\r\n")
    return {"one_of_8_mb": long, "a_hundred_thousand": many}


async def _tokens(target: Target) -> dict[str, Any]:
    sent = (
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n"
        b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    answers: Counter[int] = Counter()
    began = time.perf_counter()
    while time.perf_counter() - began < 3:
        answers.update(await asyncio.gather(*(target.ask(sent) for _ in range(20))))
    return {"answers": {str(status): count for status, count in sorted(answers.items())}}


async def _lines(target: Target) -> dict[str, Any]:
    """Thirty chats one after another, fifty lines each, from one address."""
    url, answers, began = (
        f"ws://127.0.0.1:{target.port}/v1/chat",
        Counter[str](),
        time.perf_counter(),
    )
    for _ in range(30):
        async with connect(url, open_timeout=60) as visit:
            await visit.send(json.dumps({"type": "hello"}))
            await visit.recv()
            for number in range(50):
                line = {"type": "message", "id": f"l{number}", "text": "Kargom nerede?"}
                await visit.send(json.dumps(line))
            for _ in range(50):
                answers[json.loads(await visit.recv())["type"]] += 1
    return {
        "lines": 1500,
        "answers": dict(answers),
        "seconds": round(time.perf_counter() - began, 1),
    }


FLOODS: dict[str, Callable[[Target], Awaitable[dict[str, Any]]]] = {
    "unsigned bodies of 31 MB": _unsigned,
    "forged bodies of 31 MB": _forged,
    "half headers": _halves,
    "idle mail connections": _lmtp,
    "chats without hello": _silent,
    "large headers": _headers,
    "wrong tokens": _tokens,
    "chat lines": _lines,
}


async def _measure(target: Target) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, flood in FLOODS.items():
        target.peak, target.slowest, target.unanswered = 0, 0.0, 0
        before = target.rss()
        over = threading.Event()
        watching = asyncio.create_task(asyncio.to_thread(target.watch, over))
        result = await flood(target)
        over.set()
        await watching
        for writer in target.writers:
            writer.close()
        target.writers.clear()
        await asyncio.sleep(5)
        results[name] = {
            **result,
            "rss_before_mib": before,
            "rss_peak_mib": round(target.peak / MIB, 1),
            "rss_after_mib": target.rss(),
            "slowest_livez_ms": round(target.slowest * 1000),
            "livez_failed": target.unanswered,
        }
        print(f"  {name}: {results[name]}", file=sys.stderr, flush=True)
    return results


def run() -> dict[str, Any]:
    """Flood a separate door."""
    port, lmtp = free_port(), free_port()
    with start_broker() as settings:
        environment = door_environment(settings, port) | {
            "SANTRAL_MAIL_DOOR__PROTOCOL": "lmtp",
            "SANTRAL_MAIL_DOOR__PORT": str(lmtp),
            "SANTRAL_CHANNELS__EMAIL__DESTEK__ADDRESSES": "destek@ornek.example",
            "SANTRAL_CHANNELS__EMAIL__DESTEK__POSTMARK_PASSWORD": "gizli",
            "SANTRAL_CHANNELS__WHATSAPP__DEFAULT__APP_SECRET": "gizli",
        }
        with run_server(DOOR, environment) as process:
            wait_for_port(port)
            wait_for_port(lmtp)
            return asyncio.run(_measure(Target(port, lmtp, process)))
