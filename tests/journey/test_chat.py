"""The chat from outside: lines, answers, sessions and broken frames."""

import asyncio
import contextlib
import json

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.servers.local_profile import LocalProfile


async def _open_chat(road: LocalProfile, **hello: str) -> tuple[ClientConnection, dict[str, str]]:
    socket = await connect(road.access["door"].replace("http", "ws", 1) + "/v1/chat")
    await socket.send(json.dumps({"type": "hello", **hello}))
    return socket, json.loads(await socket.recv())


async def test_a_chat_line_is_received_after_kafka_and_the_answer_survives_a_reload(
    road: LocalProfile,
) -> None:
    socket, session = await _open_chat(road)
    await socket.send(
        json.dumps({"type": "message", "id": "1", "text": "internetim yok, modem kapalı"})
    )
    accepted = json.loads(await socket.recv())
    assert accepted["type"] == "accepted"
    await socket.close()
    item = await asyncio.to_thread(road.claim, "technical", session["conversation"])
    assert item["messages"][0]["id"] == accepted["message"]
    done = await asyncio.to_thread(road.act, item, "reply", text="Bakıyoruz")
    assert done.status_code == 200
    resumed, greeting = await _open_chat(road, session=session["session"], key=session["key"])
    assert greeting["resumed"]
    async with asyncio.timeout(20):
        reply = json.loads(await resumed.recv())
    assert (reply["type"], reply["text"], reply["agent"]) == ("reply", "Bakıyoruz", "ali")
    await resumed.send(json.dumps({"type": "seen", "id": reply["id"]}))
    await asyncio.to_thread(
        road.message, item["id"], lambda m: any(o["kind"] == "delivered" for o in m["outcomes"])
    )
    await resumed.close()
    third, _ = await _open_chat(
        road, session=session["session"], key=session["key"], after=reply["id"]
    )
    await third.send(
        json.dumps({"type": "message", "id": "1", "text": "internetim yok, modem kapalı"})
    )
    same = json.loads(await third.recv())
    assert same["message"] == accepted["message"], "a line sent again is the same message"
    await third.close()


async def test_a_strangers_key_opens_no_session(road: LocalProfile) -> None:
    first, session = await _open_chat(road)
    await first.close()
    second, refusal = await _open_chat(road, session=session["session"], key="0" * 32)
    assert refusal["code"] == "chat.bad_session"
    other = json.loads(await second.recv())
    assert other["session"] != session["session"]
    await second.close()


async def test_broken_frames_are_answered_and_the_chat_continues(road: LocalProfile) -> None:
    socket, _ = await _open_chat(road)
    for broken in (
        "{",
        "[]",
        '{"type":"x"}',
        '{"type":"message"}',
        b"\xff\x00",
        '{"type":"message","id":"1","text":""}',
    ):
        await socket.send(broken)
        assert json.loads(await socket.recv())["code"] == "chat.bad_frame"
    await socket.send(json.dumps({"type": "message", "id": "2", "text": "selam"}))
    assert json.loads(await socket.recv())["type"] == "accepted"
    with contextlib.suppress(ConnectionClosed):
        await socket.send("x" * (2 << 20))
        await socket.recv()
