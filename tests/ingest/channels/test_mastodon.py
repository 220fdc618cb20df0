"""Mastodon: mentions by REST, edits and deletions by the stream, without gap or repeat."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.mastodon import Mastodon
from ingest.channels.mastodon.account import Account
from ingest.channels.mastodon.parser import html_to_text
from ingest.source import SourceContext
from schemas.base import message_id
from schemas.errors import Rejected, Retry
from tests.support.messages import MemoryCursors
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(url="https://sosyal.example", token="sir-mastodon")
AYSE = {
    "id": "7",
    "acct": "ayse",
    "url": "https://sosyal.example/@ayse",
    "display_name": "Ayşe",
    "followers_count": 12,
}


def status(number: int = 1, text: str = "<p>Kargom gelmedi</p>", **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "uri": f"https://sosyal.example/s/{number}",
        "url": f"https://sosyal.example/@ayse/{number}",
        "content": text,
        "created_at": "2026-11-20T09:00:00Z",
        "visibility": "public",
        "account": AYSE,
    } | more


def note(number: int = 1, kind: str = "mention", **more: Any) -> dict[str, Any]:
    return {"id": str(number), "type": kind, "status": status(number, **more)}


def _parsed(told: Any, settings: Account = ACCOUNT) -> Parsed:
    raw = told if isinstance(told, bytes) else json.dumps(told).encode()
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Mastodon().parse(delivery, Context(brand="default", settings=settings))


def test_a_mention_gives_words_author_reach_and_place() -> None:
    picture = {"type": "image", "url": "https://sosyal.example/b.jpg", "description": "kırık"}
    made = _parsed(note(spoiler_text="Uyarı", media_attachments=[picture]))
    message = made.message
    assert message.text == "Uyarı\nKargom gelmedi"
    assert (message.sender.name, message.sender.handle("handle")) == (
        "Ayşe",
        "mastodon:ayse@sosyal.example",
    )
    assert message.post is not None
    assert (message.post.author_reach, message.post.url) == (12, "https://sosyal.example/@ayse/1")
    assert message.reply_to == "1|ayse|public"
    assert message.answering is not None
    assert message.answering.public
    assert made.media[0].ref == "https://sosyal.example/b.jpg"
    direct = _parsed(note(visibility="direct")).message
    assert direct.kind == "chat"
    assert direct.answering is not None
    assert not direct.answering.public


def test_a_person_whose_address_is_none_is_heard_all_the_same() -> None:
    made = _parsed(note(account=AYSE | {"url": "http://[::1"}))
    assert made.message.text == "Kargom gelmedi"
    assert made.message.sender.name == "Ayşe"


def test_links_are_told_in_full_and_names_stay() -> None:
    html = (
        '<p><span class="h-card"><a href="https://sosyal.example/@marka" class="u-url mention">@<span>marka</span></a></span> '
        'bakın: <a href="https://ornek.example/uzun/yol?a=1&amp;b=2"><span class="invisible">https://</span>'
        '<span class="ellipsis">ornek.example/uz</span><span class="invisible">un</span></a><br>Hala yok</p>'
    )
    assert html_to_text(html) == "@marka bakın: https://ornek.example/uzun/yol?a=1&b=2\nHala yok"


@pytest.mark.parametrize(
    "told",
    [
        note(kind="favourite"),
        note(kind="follow"),
        {"event": "update", "payload": "{}"},
        {"event": "delete", "payload": "1"},
        {"event": "filters_changed"},
    ],
)
def test_other_notifications_and_events_are_no_messages(told: Any) -> None:
    with pytest.raises(Rejected) as error:
        _parsed(told)
    assert error.value.code == "delivery.ignored"


def test_a_frame_of_the_stream_is_decoded_twice() -> None:
    frame = {"stream": ["user"], "event": "notification", "payload": json.dumps(note())}
    assert _parsed(frame).message == _parsed(note()).message
    edited = {
        "event": "status.update",
        "payload": json.dumps(status(edited_at="2026-11-20T09:05:00Z")),
    }
    made = _parsed(edited).message
    assert made.event is not None
    assert made.event.of == _parsed(note()).message.id


async def test_notifications_are_walked_once_and_later_events_find_their_post(
    vendor: Vendor,
) -> None:
    sent = asyncio.Event()
    answer = note(3, in_reply_to_id="90")

    async def stream(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.headers["authorization"] == "Bearer t"
        await sent.wait()
        await socket.send(
            json.dumps(
                {
                    "event": "status.update",
                    "payload": json.dumps(status(3, "<p>yeni</p>", edited_at="x")),
                }
            )
        )
        await socket.send("no JSON")
        await socket.send(json.dumps({"event": "delete", "payload": "999"}))
        await socket.send(json.dumps({"event": "delete", "payload": "3"}))
        await socket.wait_closed()

    async with serve(stream, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        vendor.says(
            "/api/v2/instance", {"configuration": {"urls": {"streaming": f"ws://127.0.0.1:{port}"}}}
        )
        vendor.says("/api/v1/notifications", [note(0)], [answer, note(2), note(1, "follow")], [])
        vendor.says("/api/v1/statuses/3/context", {"ancestors": [status(80), status(90)]})
        taken: list[Delivery] = []
        done = asyncio.Event()

        async def accept(delivery: Delivery) -> None:
            taken.append(delivery)
            if len(taken) == 4:
                done.set()

        def polled(_source: str) -> None:
            sent.set()

        tools = SourceContext(
            now=lambda: NOW, pause=asyncio.sleep, warn=lambda *_a, **_k: None, report_pass=polled
        )
        account = Account(url=vendor.url, token="t", poll=timedelta(seconds=30))
        cursors = MemoryCursors()
        running = asyncio.create_task(Mastodon().source("a", account, tools).run(accept, cursors))
        async with asyncio.timeout(20):
            await done.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    first, second, edited, gone = (_parsed(d.raw).message for d in taken)
    assert [first.native_id[-1], second.native_id[-1]] == ["2", "3"], "the oldest first"
    assert edited.event is not None
    assert gone.event is not None
    assert {edited.event.of, gone.event.of} == {
        message_id("mastodon", "mastodon:a", second.native_id)
    }
    assert edited.conversation == gone.conversation == second.conversation
    assert first.conversation != second.conversation
    held = await cursors.load("mastodon:a")
    assert held is not None
    assert held.position == 3
    asked = vendor.to("/api/v1/notifications")
    assert "limit=1" in asked[0].path, "the first time it begins with what comes from now on"
    assert "min_id=0" in asked[1].path
    assert "min_id=3" in asked[2].path
    assert "include_filtered=true" in asked[1].path


async def test_a_page_that_is_none_and_a_thread_that_can_not_be_had_stop_nothing(
    vendor: Vendor,
) -> None:
    tools = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    account = Account(url=vendor.url, token="t")
    vendor.says("/api/v1/notifications", b"<html>maintenance</html>")
    with pytest.raises(Retry, match="no notifications"):
        await (
            Mastodon().source("a", account, tools).run(lambda _d: asyncio.sleep(0), MemoryCursors())
        )
    vendor.forget()
    vendor.says("/api/v1/notifications", [], [note(3, in_reply_to_id="90")], b"<html>")
    vendor.says("/api/v1/statuses/3/context", b"", status=500)
    taken: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        taken.append(delivery)

    with pytest.raises(Retry):
        await Mastodon().source("a", account, tools).run(accept, MemoryCursors())
    assert [_parsed(d.raw).message.native_id[-1] for d in taken] == ["3"]


async def test_each_unreadable_notification_becomes_one_dead_letter(vendor: Vendor) -> None:
    without_number = [{"odd": 5}, {"odd": 6}]
    unreadable = [note(4, account=5), note(5, account=5)]
    vendor.says("/api/v1/notifications", [note(1)], [*without_number, *unreadable, note(3)])
    vendor.says("/api/v1/notifications", without_number, without_number, b"<html>")
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    context = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    account = Account(url=vendor.url, token="t", poll=timedelta(milliseconds=1))
    cursors = MemoryCursors()
    with pytest.raises(Retry):
        await Mastodon().source("a", account, context).run(accept, cursors)

    assert [_parsed(deliveries[2].raw).message.native_id[-1], len(deliveries)] == ["3", 5]
    for delivery in deliveries[:2] + deliveries[3:]:
        with pytest.raises(Rejected) as error:
            _parsed(delivery.raw)
        assert error.value.code == "json.invalid"
    cursor = await cursors.load("mastodon:a")
    assert cursor is not None
    assert cursor.position == 5


async def test_the_unreadable_edit_of_a_recent_post_becomes_a_dead_letter(vendor: Vendor) -> None:
    has_polled = asyncio.Event()

    async def stream(socket: ServerConnection) -> None:
        await has_polled.wait()
        for number in (8, 3):
            edit = json.dumps(status(number, account=5))
            await socket.send(json.dumps({"event": "status.update", "payload": edit}))
        await socket.wait_closed()

    deliveries: list[Delivery] = []
    has_edit = asyncio.Event()

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)
        if len(deliveries) == 2:
            has_edit.set()

    context = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: has_polled.set(),
    )
    async with serve(stream, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        vendor.says("/api/v2/instance", {"configuration": {"urls": {"streaming": address}}})
        vendor.says("/api/v1/notifications", [note(1)], [note(3)], [])
        account = Account(url=vendor.url, token="t", poll=timedelta(seconds=30))
        source = Mastodon().source("a", account, context)
        running = asyncio.create_task(source.run(accept, MemoryCursors()))
        async with asyncio.timeout(20):
            await has_edit.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    mention, edit = deliveries
    assert _parsed(mention.raw).message.native_id[-1] == "3"
    with pytest.raises(Rejected, match="account"):
        _parsed(edit.raw)


def test_a_page_of_markup_is_read_in_time() -> None:
    assert html_to_text('<a href="x">' * 8000) == ""


async def test_limits_are_kept_by_the_servers_own_clock(vendor: Vendor) -> None:
    vendor.says(
        "/api/v1/notifications",
        {},
        status=429,
        headers={"X-RateLimit-Reset": "2026-11-20T09:04:00Z"},
    )
    tools = SourceContext(
        now=lambda: NOW, pause=asyncio.sleep, warn=lambda *_a, **_k: None, report_pass=print
    )
    source = Mastodon().source("a", Account(url=vendor.url, token="t"), tools)
    with pytest.raises(Retry) as later:
        await source.run(lambda _d: asyncio.sleep(0), MemoryCursors())
    assert later.value.after == 240
