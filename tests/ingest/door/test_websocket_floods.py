"""One WebSocket sends more frames than a person can: it is ended, whatever the frames are."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ingest.channels import chat
from ingest.door import websocket
from runtime.http.guard import Guard, Stranger
from runtime.settings.limits import LimitsSettings
from tests.support.ingest.door import open_door

FRAMES = 20
HELLO_TIME = timedelta(seconds=0.4)
ENOUGH = range(50 * FRAMES)

Flood = Callable[[ClientConnection], Awaitable[object]]


async def _ping(socket: ClientConnection) -> None:
    for _ in ENOUGH:
        await socket.ping()


async def _pong(socket: ClientConnection) -> None:
    for _ in ENOUGH:
        await socket.pong()


async def _send_errors(socket: ClientConnection) -> None:
    for _ in ENOUGH:
        await socket.send("[]")


async def _report_seen(socket: ClientConnection) -> None:
    for number in ENOUGH:
        await socket.send(json.dumps({"type": "seen", "id": str(number)}))


async def _send_parts(socket: ClientConnection) -> None:
    await socket.send(_nothing())


def _nothing() -> Iterable[str]:
    return itertools.repeat("", len(ENOUGH))


async def _speak(socket: ClientConnection) -> None:
    """Send a message of three parts, and receive an error for its unknown type."""
    await socket.send(["{", '"type":', '"mumble"}'])
    assert json.loads(await socket.recv())["type"] == "error"


async def _flood_until_closed(socket: ClientConnection, flood: Flood) -> None:
    await flood(socket)
    async with asyncio.timeout(10):
        while True:
            await socket.recv()


@pytest.mark.parametrize("flood", [_ping, _pong, _send_errors, _report_seen, _send_parts])
async def test_a_chat_of_too_many_frames_is_ended(tmp_path: Path, flood: Flood) -> None:
    async with open_door(tmp_path, limits=LimitsSettings(chat_frames=FRAMES)) as door:
        url = door.replace("http", "ws", 1) + "/v1/chat"
        async with connect(url, ping_interval=None) as socket:
            await _speak(socket)
            with pytest.raises(ConnectionClosed):
                await _flood_until_closed(socket, flood)
        async with connect(url) as again:
            await _speak(again)


async def test_a_chat_below_the_limit_continues(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path, limits=LimitsSettings(chat_frames=FRAMES)) as door,
        connect(door.replace("http", "ws", 1) + "/v1/chat") as socket,
    ):
        for _ in range(FRAMES - 5):
            await (await socket.ping())
        await _speak(socket)


@contextlib.asynccontextmanager
async def _open_chats(folder: Path, limits: LimitsSettings) -> AsyncIterator[str]:
    """Open a door, and yield the address of its chats."""
    async with open_door(folder, limits=limits) as door:
        yield door.replace("http", "ws", 1) + "/v1/chat"


async def test_a_chat_without_hello_is_closed_and_too_many_are_not_opened(tmp_path: Path) -> None:
    limits = LimitsSettings(chat_hello=HELLO_TIME, chat_sessions_by_address=3)
    async with _open_chats(tmp_path, limits) as url:
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
