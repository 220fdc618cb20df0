"""Limits before proof: a slow, large or frequent caller is refused, and others are served."""

import asyncio
import contextlib
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cli.up.ports import free_port
from ingest.channels import chat
from ingest.door import lmtp, websocket
from ingest.registry import WEBHOOKS
from runtime import metrics
from runtime.http.guard import Guard, Rate, Stranger, Tally, network_of
from runtime.settings.limits import MIB, LimitsSettings
from runtime.settings.load import load
from runtime.settings.structs import MailDoorSettings
from schemas.errors import ConfigError
from tests.support.door import TOKENS, open_door, send_raw
from tests.support.samples.registry import SAMPLES
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # they wait for real limits of time

SHORT = timedelta(seconds=0.4)
ROOT = Path(__file__).parent.parent.parent.parent


class Callers:
    """Connections that are held open."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []

    async def open(
        self, url: str, sent: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, and begin to send."""
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self._writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def close(self) -> None:
        """Close all of them."""
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self._writers.clear()


@pytest.fixture
async def callers() -> AsyncIterator[Callers]:
    """Connections that are closed with the test."""
    connections = Callers()
    yield connections
    await connections.close()


async def _text(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the end; nothing where the connection is just cut."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            return await reader.read()
    return b""


async def _status(reader: asyncio.StreamReader) -> int:
    """Return the status of an answer; 0 where the connection is just cut."""
    return int((await _text(reader)).partition(b" ")[2][:3] or 0)


async def test_a_caller_who_does_not_finish_is_ended_and_the_probes_still_answer(
    tmp_path: Path, callers: Callers
) -> None:
    limits = LimitsSettings(header_time=SHORT, body_pause=SHORT, connections_by_address=5)
    async with open_door(tmp_path, limits=limits) as door, httpx2.AsyncClient() as client:
        halves = [
            await callers.open(door, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ") for _ in range(60)
        ]
        assert (await client.get(f"{door}/livez")).status_code == 200, "beyond the limit"
        assert (await client.get(f"{door}/chat")).status_code == 503
        ends = {await _status(reader) for reader, _ in halves}
        assert ends <= {0, 408}
        assert 408 in ends
        await callers.close()

        async def served() -> bool:
            return (await client.get(f"{door}/chat")).status_code == 200

        await until("the door has counted down", served, 10)
        head = b"POST /v1/forms/default HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"
        reader, _ = await callers.open(door, head)
        assert await _status(reader) == 408


async def test_a_body_that_drips_is_ended_after_its_time(tmp_path: Path, callers: Callers) -> None:
    limits = LimitsSettings(body_time=timedelta(seconds=1), body_pause=timedelta(seconds=30))
    async with open_door(tmp_path, limits=limits) as door:
        head = b"POST /v1/forms/default HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"
        reader, writer = await callers.open(door, head)
        answered = asyncio.Event()

        async def ended(seconds: float) -> bool:
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(answered.wait(), seconds)
            return False

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while not await ended(0.1):
                    writer.write(b"a")
                    await writer.drain()

        dripping = asyncio.create_task(drip())
        assert await _status(reader) == 408
        answered.set()
        await dripping


def test_a_door_that_was_stopped_reads_on_before_it_blames_the_caller(tmp_path: Path) -> None:
    async def call() -> bytes:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        first, second = socket.socketpair()
        async with open_door(tmp_path, limits=LimitsSettings(body_pause=SHORT)) as door:
            host, _, port = door.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                b"POST /v1/forms/default HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n"
                b"Connection: close\r\n\r\n"
            )
            assert b"100 Continue" in await reader.readuntil(b"\r\n\r\n")  # it waits for the body

            def stop() -> None:
                """Send the body, and let nothing run: timers end before the door reads the body."""
                first.recv(1)
                writer.write(b"text=a")
                threading.Event().wait(2)
                stopped.set()

            loop.add_reader(first, stop)
            second.send(b"x")
            await stopped.wait()
            loop.remove_reader(first)
            answer = await _text(reader)
            writer.close()
        first.close()
        second.close()
        return answer

    assert uvloop.run(call()).startswith(b"HTTP/1.1 400")  # the form, with what is missing


async def test_a_caller_who_does_not_read_is_ended(tmp_path: Path, callers: Callers) -> None:
    async with open_door(tmp_path, limits=LimitsSettings(answer_pause=SHORT)) as door:
        before = _ended("answer_pause")
        sent = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 300
        await callers.open(door, sent)
        await until("the caller is ended", lambda: _ended("answer_pause") > before, 10)


def _ended(reason: str) -> float:
    """Return how many callers were refused for a reason."""
    exposition = metrics.exposition().decode()
    match = re.search(rf'santral_callers_refused_total{{reason="{reason}"}} ([\d.]+)', exposition)
    return float(match[1]) if match else 0.0


@pytest.mark.parametrize(
    "headers",
    [b"X-A: " + b"a" * 8_000_000 + b"\r\n", b"X-A: 1\r\n" * 100_000, b"X-A: 1\r\n" * 101],
    ids=["long", "many", "one too many"],
)
async def test_headers_over_the_limit_are_431(
    tmp_path: Path, callers: Callers, headers: bytes
) -> None:
    async with open_door(tmp_path) as door:
        reader, writer = await callers.open(door, b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(headers + b"\r\n")
            await writer.drain()
        assert await _status(reader) == 431
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{door}/livez")).status_code == 200


@pytest.mark.parametrize(
    "more",
    [b"0\r\nX-A: " + b"a" * 300_000, b"0\r\n" + b"X-A: 1\r\n" * 50_000, b"1;" + b"a" * 300_000],
    ids=["a long trailer", "many trailers", "a chunk's extension"],
)
async def test_what_stands_around_a_body_is_limited_as_the_head_is(
    tmp_path: Path, callers: Callers, more: bytes
) -> None:
    async with open_door(tmp_path) as door:
        head = b"POST /v1/forms/default HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        reader, writer = await callers.open(door, head)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            writer.write(b"3\r\nabc\r\n")
            await writer.drain()
            writer.write(more)
            await writer.drain()
        assert await _status(reader) == 431


async def test_a_body_in_chunks_of_one_byte_is_taken(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        head = (
            "POST /v1/forms/default HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n"
            "Content-Type: application/x-www-form-urlencoded\nConnection: close"
        )
        status, text = await send_raw(door, head, b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n")
        assert status == 400, text


async def test_a_call_without_its_proof_is_refused_before_its_body_is_read(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        for name in WEBHOOKS:
            head = (
                f"POST /v1/hooks/{name}/default HTTP/1.1\nHost: x\nContent-Length: 31000000\n"
                "Connection: close"
            )
            status, text = await send_raw(door, head, b"x" * 1000)
            assert (status, "signature.wrong" in text) == (401, True), (name, text)


@pytest.mark.parametrize("name", WEBHOOKS)
def test_a_hook_names_where_its_proof_is_and_how_large_its_calls_are(name: str) -> None:
    sample = SAMPLES[name]
    proofs = WEBHOOKS[name].proof_headers(sample.settings)
    assert not proofs or any(sample.call.headers.get(header) for header in proofs)
    assert len(sample.payload) < WEBHOOKS[name].max_body <= 64 * MIB


async def test_callers_without_proof_hold_no_more_than_the_limit_together(
    tmp_path: Path, callers: Callers
) -> None:
    limits = LimitsSettings(
        unproven_bytes=4 * MIB, unproven_bytes_by_address=3 * MIB, body_pause=SHORT * 4
    )
    settings: dict[str, Any] = {"whatsapp": {"default": {"app_secret": "s"}}}
    async with open_door(tmp_path, limits=limits, channels=settings) as door:
        head = (
            b"POST /v1/hooks/whatsapp/default HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\n"
            b"Content-Length: 2000000\r\n\r\n"
        )
        bodies = [await callers.open(door, head + b"x" * 1_900_000) for _ in range(4)]
        ends = [await _status(reader) for reader, _ in bodies]
        assert sorted(ends) == [408, 503, 503, 503], "one fits, and it ends by its silence"
        reader, _ = await callers.open(door, head + b"x" * 2_000_000)
        async with asyncio.timeout(10):
            assert b"401" in await reader.readline(), "all is given back"


async def test_wrong_tokens_are_429_after_a_while_and_a_right_one_is_let_in(tmp_path: Path) -> None:
    limits = LimitsSettings(attempts=3)
    async with (
        open_door(tmp_path, limits=limits) as door,
        httpx2.AsyncClient(base_url=door) as client,
    ):

        async def status(token: str) -> httpx2.Response:
            headers = {"authorization": f"Bearer {token}"}
            return await client.post("/v1/messages", headers=headers, content=b"{")

        answers = [await status("wrong") for _ in range(6)]
        assert [a.status_code for a in answers] == [401, 401, 401, 429, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await status(TOKENS.door)).status_code == 400, "the token is right, the body is not"


async def test_an_early_answer_is_read_by_a_caller_who_still_sends(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path) as door,
        httpx2.AsyncClient(base_url=door, timeout=20) as client,
    ):
        for _ in range(3):
            answer = await client.post("/v1/messages", content=b"x" * 5_000_000)
            assert (answer.status_code, answer.json()["code"]) == (401, "token.missing")


@contextlib.asynccontextmanager
async def _chats(folder: Path, **limits: Any) -> AsyncIterator[str]:
    async with open_door(folder, limits=LimitsSettings(**limits)) as door:
        yield door.replace("http", "ws", 1) + "/v1/chat"


async def test_a_chat_without_hello_is_closed_and_too_many_are_not_opened(tmp_path: Path) -> None:
    async with _chats(tmp_path, chat_hello=SHORT, chat_sessions_by_address=3) as url:
        silent = [await connect(url) for _ in range(3)]
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with connect(url) as more:
                await more.recv()
        for socket in silent:
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(10):
                    await socket.recv()
        async with connect(url) as again:
            await again.send(json.dumps({"type": "mumble"}))
            assert json.loads(await again.recv())["type"] == "error"


async def test_a_visitors_lines_are_counted_over_all_their_chats() -> None:
    now = 0.0
    guard = Guard(LimitsSettings(chat_lines_by_address=4, chat_lines_by_session=3), lambda: now)

    def visit() -> websocket.Visit:
        sender = Stranger(guard, "203.0.113.7")
        return websocket.Visit(None, None, None, "default", chat.Account(), sender)  # type: ignore[arg-type]  # only counted

    first, second = visit(), visit()
    assert [websocket.count_line(first) for _ in range(4)] == [0, 0, 0, 30]
    assert [websocket.count_line(second) for _ in range(2)] == [0, 15]
    now = 15.0
    assert websocket.count_line(second) == 0


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_mail_connections_and_their_bytes_are_limited(run: Callable[[Any], None]) -> None:
    run(_mail_flood(Callers()))


async def _mail_flood(callers: Callers) -> None:
    guard = Guard(LimitsSettings(mail_connections=3, mail_connections_by_address=3, mail_bytes=MIB))
    port, stop = free_port(), asyncio.Event()
    receiver = lmtp.Receiver(None, None, {})  # type: ignore[arg-type]  # nothing is taken
    settings = MailDoorSettings(protocol="lmtp", port=port)
    task = asyncio.create_task(lmtp.serve(settings, receiver, stop, guard))
    url = f"http://127.0.0.1:{port}"

    async def open_three() -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        with contextlib.suppress(OSError):
            return [await callers.open(url, b"") for _ in range(3)]
        return []

    try:
        three = await until("the mail door listens", open_three, 10)
        for reader, _ in three:
            assert (await reader.readline()).startswith(b"220")
        reader, _ = await callers.open(url, b"")
        assert (await _text(reader)).startswith(b"421")
        first, writer = three[0]
        with contextlib.suppress(ConnectionError):
            writer.write(b"x" * (2 * MIB))
            await writer.drain()
        assert (await _text(first)) in (
            b"",
            b"452 4.3.1 too many mails at once, try again later\r\n",
        )
        await until(
            "the first mail is given back",
            lambda: not guard.mail_bytes.total and guard.mails.total <= 2,
            10,
        )
        reader, _ = await callers.open(url, b"")
        assert (await reader.readline()).startswith(b"220"), "there is room again"
    finally:
        await callers.close()
        stop.set()
        await task


def test_a_tally_counts_by_address_and_in_all() -> None:
    tally = Tally("connections", 5, 3)
    assert [tally.take("a") for _ in range(4)] == [True, True, True, False]
    assert [tally.take("b") for _ in range(3)] == [True, True, False], "in all"
    tally.give("a", 3)
    assert tally.total == 2
    assert tally.take("proxy", 3, shared=True)


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time() -> None:
    now = 100.0
    rate = Rate("attempts", 2, 10, lambda: now)
    assert [rate.take("a") for _ in range(3)] == [0, 0, 10]
    assert rate.take("b") == 0
    now = 104.0
    assert rate.take("a") == 6
    now = 110.0
    assert [rate.take("a") for _ in range(2)] == [0, 10]


def test_who_calls_is_told_by_trusted_proxies_alone() -> None:
    none, proxied = (
        Guard(LimitsSettings()),
        Guard(LimitsSettings(trusted_proxies=("10.0.0.0/8", "::1"))),
    )
    spoofed = ["203.0.113.9", "1.1.1.1, 10.0.0.7"]
    assert none.address("198.51.100.1", spoofed) == "198.51.100.1"
    assert proxied.address("198.51.100.1", spoofed) == "198.51.100.1", "no proxy of ours"
    assert proxied.address("10.0.0.1", spoofed) == "1.1.1.1", "the last that is no proxy of ours"
    assert proxied.address("10.0.0.1", []) == "10.0.0.1"
    assert proxied.address("10.0.0.1", ["nonsense"]) == "nonsense"
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Guard(LimitsSettings(trusted_proxies=("10.0.0.999",)))
    assert (
        network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    )
    assert network_of("::ffff:203.0.113.9") == "203.0.113.9"
    bracketed = proxied.address("10.0.0.1", ["[2001:db8:1:2::4]:4711"])
    assert bracketed == network_of("2001:db8:1:2::4")
    assert proxied.address("10.0.0.1", ["203.0.113.9:1", "10.0.0.7:2"]) == "203.0.113.9"


def test_limits_are_written_as_every_other_setting(tmp_path: Path) -> None:
    file = tmp_path / "santral.toml"
    file.write_text('[limits]\nheader_time = "2m"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    environ = {"SANTRAL_LIMITS__CHAT_SESSIONS": "7"}
    limits = load(file, environ).limits
    assert (limits.header_time, limits.chat_sessions) == (timedelta(minutes=2), 7)
    listed = load(None, {"SANTRAL_LIMITS__TRUSTED_PROXIES": "10.0.0.1, ::1"}).limits
    assert (limits.trusted_proxies, listed.trusted_proxies) == (
        ("10.0.0.0/8",),
        ("10.0.0.1", "::1"),
    )
    for wrong in ({"CHAT_SESSIONS": "0"}, {"TRUSTED_PROXIES": "proxy"}, {"HEADER_TIME": "soon"}):
        with pytest.raises(ConfigError):
            load(None, {f"SANTRAL_LIMITS__{k}": v for k, v in wrong.items()})
