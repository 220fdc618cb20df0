"""One WebSocket sends more frames than a person can: it is ended, whatever the frames are."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from runtime.settings.limits import LimitsSettings
from tests.support.door import open_door

FRAMES = 20
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


async def test_a_chat_below_the_limit_goes_on(tmp_path: Path) -> None:
    async with (
        open_door(tmp_path, limits=LimitsSettings(chat_frames=FRAMES)) as door,
        connect(door.replace("http", "ws", 1) + "/v1/chat") as socket,
    ):
        for _ in range(FRAMES - 5):
            await (await socket.ping())
        await _speak(socket)
