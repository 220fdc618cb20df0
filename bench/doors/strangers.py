"""Hostile mail against the door: the longest /livez answer while it comes in.

Hostile mails come by LMTP and over HTTP while a thread requests /livez every 10 ms; plain mails
serve for comparison. The bench also compares the cost of parser processes with parsing in place.
"""

import asyncio
import contextlib
import os
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.doors.mail import plain_mail
from bench.doors.server_process import DOOR, TOKENS, door_environment, run_server
from cli.up.ports import free_port
from tests.support.servers.broker import start_broker
from tests.support.waiting import wait

PLAIN = int(os.environ.get("BENCH_PLAIN", "1000"))
_AT_ONCE = 4
_EVERY_S = 0.01
_TO = "destek@ornek.example"
_HEAD = b"From: Biri <biri@yabanci.example>\r\nSubject: Merhaba\r\nMIME-Version: 1.0\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
_TEXT = b"In-Reply-To: <a@ornek.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
_MANY = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'


def hostile() -> dict[str, bytes]:
    """Return mails that cost, or did cost, far more than their size suggests."""
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1)
        for n in range(1000)
    )
    return {
        "marks 16 KB": _HEAD + _HTML + b"\xee\x80\x80x" * 4_000,
        "marks 56 KB": _HEAD + _HTML + b"\xee\x80\x80x" * 14_000,
        "marks 1 MB": _HEAD + _HTML + b"\xee\x80\x80x" * 250_000,
        "blockquotes 1 MB": _HEAD + _HTML + b"<blockquote>x" * 80_000,
        "tables 1 MB": _HEAD + _HTML + b"<table><tr><td>x" * 60_000,
        "unclosed tags 1 MB": _HEAD + _HTML + b"<a <b " * 170_000,
        "quotes 1 MB": _HEAD + _TEXT + b"> " * 500_000,
        "quoted lines 1 MB": _HEAD + _TEXT + b">\r\n" * 330_000,
        "reply heads 1 MB": _HEAD + _TEXT + b"13 Mar 2026 Cum tarihinde\r\n" * 38_000,
        "forwards 1 MB": _HEAD + _TEXT + b"From: a@b.example\r\nTo: c@d.example\r\n" * 27_000,
        "parts 1 MB": _HEAD + _MANY + b"--b\r\n\r\nx\r\n" * 90_000,
        "nested parts": _HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\n" + nested,
        "charset": _HEAD + b"Content-Type: text/plain; charset=idna\r\n\r\n\xfc",
        "header 1 MB": _HEAD + b"To: " + b"a@b.example, " * 77_000 + b"\r\n\r\nx",
        "encoded words 1 MB": _HEAD + b"To: " + b"=?utf-8?q?=41?= " * 62_000 + b"\r\n\r\nx",
    }


class Livez:
    """Requests /livez repeatedly in a thread, and keeps the longest answer time."""

    def __init__(self, port: int) -> None:
        self._url, self._stop = f"http://127.0.0.1:{port}/livez", threading.Event()
        self.seconds: list[float] = []

    def __enter__(self) -> "Livez":
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx2.Client(timeout=120) as client:
            while not self._stop.wait(_EVERY_S):
                began = time.perf_counter()
                client.get(self._url)
                self.seconds.append(time.perf_counter() - began)

    def longest_ms(self) -> int:
        """Return the longest answer time so far, and start again."""
        longest, self.seconds = max(self.seconds, default=0.0), []
        return round(longest * 1000)


@contextlib.contextmanager
def _door() -> Iterator[tuple[psutil.Process, int, int]]:
    """A door with LMTP on a separate broker: its process and ports."""
    with start_broker() as settings:
        port, lmtp = free_port(), free_port()
        config = Path(settings.home) / "santral.toml"
        config.write_text(
            f'[mail_door]\nprotocol = "lmtp"\nport = {lmtp}\n'
            f'[channels.email.destek]\naddresses = ["{_TO}"]\n'
        )
        environment = door_environment(settings, port) | {
            "SANTRAL_CONFIG": str(config),
            "SANTRAL_LOG_LEVEL": "critical",
        }
        with run_server(DOOR, environment) as process:
            wait("the door is ready", lambda: _ready(port), 60)
            yield process, port, lmtp


def _ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx2.HTTPError:
        return False


def _by_lmtp(port: int, mails: list[bytes]) -> None:
    with smtplib.LMTP("127.0.0.1", port, timeout=300) as client:
        client.ehlo_or_helo_if_needed()
        for raw in mails:
            with contextlib.suppress(smtplib.SMTPException):  # its answer is not measured
                client.sendmail("biri@yabanci.example", [_TO], raw)


def _by_http(port: int, mails: list[bytes]) -> None:
    headers = {"Authorization": f"Bearer {TOKENS['SANTRAL_TOKENS__DOOR']}"}
    with httpx2.Client(timeout=300, headers=headers) as client:
        for raw in mails:
            client.post(f"http://127.0.0.1:{port}/v1/hooks/mail/destek", content=raw)


def _cpu_s(process: psutil.Process) -> float:
    everyone = [process, *process.children(recursive=True)]
    return sum(sum(p.cpu_times()[:2]) for p in everyone)


def door() -> dict[str, Any]:
    """Measure /livez of a running door: idle, with plain and with hostile mail."""
    worst: dict[str, int] = {}
    with _door() as (process, port, lmtp), Livez(port) as livez:
        _by_lmtp(lmtp, [plain_mail(n) for n in range(50)])  # warm
        livez.longest_ms()
        began, cpu = time.perf_counter(), _cpu_s(process)
        shares = [[plain_mail(100 + n) for n in range(k, PLAIN, _AT_ONCE)] for k in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as senders:
            list(senders.map(lambda share: _by_lmtp(lmtp, share), shares))
        seconds, cpu = time.perf_counter() - began, _cpu_s(process) - cpu
        plain_ms = livez.longest_ms()
        send: tuple[Callable[[int, list[bytes]], None], int]
        for name, raw in hostile().items():
            for send in ((_by_lmtp, lmtp), (_by_http, port)):
                send[0](send[1], [raw])
            worst[name] = livez.longest_ms()
        rss = sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
    return {
        "livez_ms_plain": plain_ms,
        "livez_ms_hostile": max(worst.values()),
        "livez_ms_by_mail": worst,
        "plain_per_s": round(PLAIN / seconds),
        "plain_cpu_ms": round(1000 * cpu / PLAIN, 2),
        "resident_mb": round(rss / 1e6),
    }


def pool() -> dict[str, Any]:
    """Measure parsing alone: in parser processes, and in place."""
    return asyncio.run(_pool())


async def _pool() -> dict[str, Any]:
    from ingest.channel import Context, Delivery
    from ingest.channels.email import Email
    from ingest.channels.email.account import Account
    from ingest.parser_pool.pool import ParserPool, Parsers, ParsersInPlace
    from runtime.settings.structs import ParsersSettings

    now, channel = datetime.now(UTC), Email()
    context = Context(brand="default", settings=Account())
    mails = [Delivery(raw=plain_mail(n), account="a", received_at=now) for n in range(PLAIN)]
    own = psutil.Process()

    async def rate(parsers: Parsers) -> tuple[int, float]:
        gate = asyncio.Semaphore(16)

        async def parse(mail: Delivery) -> None:
            async with gate:
                await parsers.parse(channel, mail, context)

        await asyncio.gather(*map(parse, mails[:50]))
        began, cpu = time.perf_counter(), _cpu_s(own)
        await asyncio.gather(*map(parse, mails))
        cpu, seconds = _cpu_s(own) - cpu, time.perf_counter() - began
        return round(PLAIN / seconds), round(1000 * cpu / PLAIN, 2)

    in_place = await rate(ParsersInPlace())
    async with ParserPool(ParsersSettings()) as parsers:
        processes = await rate(parsers)
    return {
        "parsed_in_place_per_s": in_place[0],
        "parsed_in_place_cpu_ms": in_place[1],
        "parsed_in_processes_per_s": processes[0],
        "parsed_in_processes_cpu_ms": processes[1],
    }


def run() -> dict[str, Any]:
    """Measure both."""
    return {**pool(), **door()}
