"""The mail door under one connection's flood: commands are counted, memory comes back."""

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import NamedTuple

import pytest
import uvloop

from cli.up.ports import free_port
from ingest.channels.email.account import Account
from ingest.door import lmtp
from runtime.http.guard import Guard
from runtime.settings.limits import MIB, LimitsSettings
from runtime.settings.structs import MailDoorSettings
from tests.support.ingest.open_connections import OpenConnections, read_rest
from tests.support.waiting import until

COMMANDS = 20
ADDRESS = "destek@example.com"


Run = Callable[[Coroutine[object, object, None]], None]


class Opened(NamedTuple):
    """A mail door that listens."""

    port: int
    guard: Guard


@pytest.fixture
async def door() -> AsyncIterator[Opened]:
    """A mail door with an account, whose mails go nowhere."""
    guard = Guard(LimitsSettings(mail_commands=COMMANDS))
    port, stop = free_port(), asyncio.Event()
    receiver = lmtp.Receiver(None, None, {"a": Account(addresses=(ADDRESS,))})  # type: ignore[arg-type]  # nothing is taken
    task = asyncio.create_task(
        lmtp.serve(MailDoorSettings(protocol="lmtp", port=port), receiver, stop, guard)
    )
    yield Opened(port, guard)
    stop.set()
    await task


async def _connect(door: Opened) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection("127.0.0.1", door.port)
        return None

    reader, writer = await until("the mail door listens", connected, 10)
    assert (await reader.readline()).startswith(b"220")
    return reader, writer


@pytest.mark.parametrize(
    "command", ["NOOP", "RSET", "VRFY a", "DATA", f"RCPT TO:<{ADDRESS}>", "LHLO a", "\x00"]
)
async def test_commands_that_bring_no_mail_end_the_connection(door: Opened, command: str) -> None:
    reader, writer = await _connect(door)
    writer.write(f"{command}\r\n".encode() * 50 * COMMANDS)
    answers = []
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            answers = (await reader.read()).splitlines()
    writer.close()
    assert len(answers) <= 10 * COMMANDS
    assert not answers or answers[-1].startswith((b"421", b"502 5.5.1 Too many"))
    await until("the connection is given back", lambda: door.guard.mails.total == 0, 10)


async def test_a_command_that_never_ends_ends_the_connection(door: Opened) -> None:
    reader, writer = await _connect(door)
    with contextlib.suppress(ConnectionError):
        writer.write(b"LHLO " + b"a" * (8 * MIB))
        async with asyncio.timeout(10):
            await reader.read()
    writer.close()
    await until("the connection is given back", lambda: door.guard.mails.total == 0, 10)


async def test_a_mail_that_never_ends_leaves_nothing_behind(door: Opened) -> None:
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        reader, writer = await _connect(door)
        writer.write(
            f"LHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{ADDRESS}>\r\nDATA\r\n".encode()
        )
        async with asyncio.timeout(10):
            while not (await reader.readline()).startswith(b"354"):
                pass
        writer.write(b"a" * (8 * MIB))
        await writer.drain()
        await until(
            "the mail is being read", lambda: tracemalloc.get_traced_memory()[0] > 8 * MIB, 10
        )
        writer.transport.abort()
        await until("the connection is given back", lambda: door.guard.mails.total == 0, 10)
        await until(
            "its memory is given back", lambda: tracemalloc.get_traced_memory()[0] < 2 * MIB, 10
        )
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_mail_connections_and_their_bytes_are_limited(run: Run) -> None:
    run(_flood_with_connections(OpenConnections()))


async def _flood_with_connections(callers: OpenConnections) -> None:
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
        assert (await read_rest(reader)).startswith(b"421")
        first, writer = three[0]
        with contextlib.suppress(ConnectionError):
            writer.write(b"x" * (2 * MIB))
            await writer.drain()
        assert (await read_rest(first)) in (
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
