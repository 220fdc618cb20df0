"""Limits before proof: a slow, large or frequent caller is refused, and others are served."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import uvloop

from ingest.registry import WEBHOOKS
from runtime import metrics
from runtime.settings.limits import MIB, LimitsSettings
from tests.support.ingest.door import TOKENS, open_door, send_raw
from tests.support.ingest.open_connections import OpenConnections, read_rest, read_status
from tests.support.json_body import JsonBody
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # they wait for real limits of time

SHORT = timedelta(seconds=0.4)


@pytest.fixture
async def callers() -> AsyncIterator[OpenConnections]:
    """Connections that end with the test."""
    connections = OpenConnections()
    yield connections
    await connections.close()


async def test_a_caller_who_does_not_finish_is_ended_and_the_probes_still_answer(
    tmp_path: Path, callers: OpenConnections
) -> None:
    limits = LimitsSettings(header_time=SHORT, body_pause=SHORT, connections_by_address=5)
    async with open_door(tmp_path, limits=limits) as door, httpx2.AsyncClient() as client:
        halves = [
            await callers.open(door, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ") for _ in range(60)
        ]
        assert (await client.get(f"{door}/livez")).status_code == 200, "beyond the limit"
        assert (await client.get(f"{door}/chat")).status_code == 503
        ends = {await read_status(reader) for reader, _ in halves}
        assert ends <= {0, 408}
        assert 408 in ends
        await callers.close()

        async def served() -> bool:
            return (await client.get(f"{door}/chat")).status_code == 200

        await until("the door has counted down", served, 10)
        head = b"POST /v1/forms/default HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"
        reader, _ = await callers.open(door, head)
        assert await read_status(reader) == 408


async def test_a_body_that_drips_is_ended_after_its_time(
    tmp_path: Path, callers: OpenConnections
) -> None:
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
        assert await read_status(reader) == 408
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
            answer = await read_rest(reader)
            writer.close()
        first.close()
        second.close()
        return answer

    assert uvloop.run(call()).startswith(b"HTTP/1.1 400")  # the form, with what is missing


async def test_a_caller_who_does_not_read_is_ended(
    tmp_path: Path, callers: OpenConnections
) -> None:
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
    tmp_path: Path, callers: OpenConnections, headers: bytes
) -> None:
    async with open_door(tmp_path) as door:
        reader, writer = await callers.open(door, b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(headers + b"\r\n")
            await writer.drain()
        assert await read_status(reader) == 431
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{door}/livez")).status_code == 200


@pytest.mark.parametrize(
    "more",
    [b"0\r\nX-A: " + b"a" * 300_000, b"0\r\n" + b"X-A: 1\r\n" * 50_000, b"1;" + b"a" * 300_000],
    ids=["a long trailer", "many trailers", "a chunk's extension"],
)
async def test_the_frame_of_a_body_has_the_limits_of_the_head(
    tmp_path: Path, callers: OpenConnections, more: bytes
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
        assert await read_status(reader) == 431


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


async def test_callers_without_proof_hold_no_more_than_the_limit_together(
    tmp_path: Path, callers: OpenConnections
) -> None:
    limits = LimitsSettings(
        unproven_bytes=4 * MIB, unproven_bytes_by_address=3 * MIB, body_pause=SHORT * 4
    )
    settings: JsonBody = {"whatsapp": {"default": {"app_secret": "s"}}}
    async with open_door(tmp_path, limits=limits, channels=settings) as door:
        head = (
            b"POST /v1/hooks/whatsapp/default HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\n"
            b"Content-Length: 2000000\r\n\r\n"
        )
        bodies = [await callers.open(door, head + b"x" * 1_900_000) for _ in range(4)]
        ends = [await read_status(reader) for reader, _ in bodies]
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
