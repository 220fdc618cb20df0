"""Mastodon: mentions by REST, edits and deletions by the stream, without gap or repeat."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.mastodon import Mastodon
from ingest.channels.mastodon.account import Account
from ingest.channels.mastodon.parser import html_to_text
from schemas.base import message_id
from schemas.errors import Rejected, Retry
from tests.support.ingest.source_contexts import source_context
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

NOW = SAMPLED_AT
ACCOUNT = Account(url="https://sosyal.example", token="sir-mastodon")
MENTION = SAMPLES["mastodon"].document
DELETION_FRAME = read_payload("mastodon", "deletion_frame")


def _mention(number: int, fields: JsonBody | None = None) -> JsonBody:
    """Return the mention with another number, and with other fields."""
    numbers = {
        "id": str(number),
        "status.id": str(number),
        "status.uri": f"https://sosyal.example/s/{number}",
    }
    return with_fields(MENTION, numbers | (fields or {}))


def _edited_status(number: int, fields: JsonBody | None = None) -> JsonBody:
    """Return the edited post with another number, and with other fields."""
    numbers = {"id": str(number), "uri": f"https://sosyal.example/s/{number}"}
    return with_fields(read_payload("mastodon", "edited_status"), numbers | (fields or {}))


def _frame(event: str, payload: JsonBody) -> JsonBody:
    """Return a frame of the stream, whose payload is JSON in a text."""
    return with_fields(DELETION_FRAME, {"event": event, "payload": json.dumps(payload)})


def _parsed(event: JsonBody | bytes) -> Parsed:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Mastodon().parse(delivery, Context(brand="default", settings=ACCOUNT))


def test_a_mention_has_its_text_author_reach_and_address() -> None:
    parsed = _parsed(read_payload("mastodon", "mention_with_picture"))
    message = parsed.message
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
    assert parsed.media[0].ref == "https://sosyal.example/b.jpg"
    direct = _parsed(with_fields(MENTION, {"status.visibility": "direct"})).message
    assert direct.kind == "chat"
    assert direct.answering is not None
    assert not direct.answering.public


def test_a_person_with_an_invalid_address_can_still_write() -> None:
    parsed = _parsed(with_fields(MENTION, {"status.account.url": "http://[::1"}))
    assert parsed.message.text == WORDS
    assert parsed.message.sender.name == "Ayşe"


def test_links_become_full_and_names_stay() -> None:
    html = (
        '<p><span class="h-card"><a href="https://sosyal.example/@marka" class="u-url mention">@<span>marka</span></a></span> '
        'bakın: <a href="https://ornek.example/uzun/yol?a=1&amp;b=2"><span class="invisible">https://</span>'
        '<span class="ellipsis">ornek.example/uz</span><span class="invisible">un</span></a><br>Hala yok</p>'
    )
    assert html_to_text(html) == "@marka bakın: https://ornek.example/uzun/yol?a=1&b=2\nHala yok"


@pytest.mark.parametrize(
    "event",
    [
        with_fields(MENTION, {"type": "favourite"}),
        with_fields(MENTION, {"type": "follow"}),
        with_fields(DELETION_FRAME, {"event": "update", "payload": "{}"}),
        DELETION_FRAME,
        without_fields(with_fields(DELETION_FRAME, {"event": "filters_changed"}), "payload"),
    ],
)
def test_other_notifications_and_events_are_no_messages(event: JsonBody) -> None:
    with pytest.raises(Rejected) as error:
        _parsed(event)
    assert error.value.code == "delivery.ignored"


def test_a_frame_of_the_stream_is_decoded_twice() -> None:
    first = _parsed(MENTION).message
    assert _parsed(_frame("notification", MENTION)).message == first
    edit = _parsed(_frame("status.update", _edited_status(1))).message
    assert edit.event is not None
    assert edit.event.of == first.id


async def follow(
    vendor: Vendor, frames: Sequence[str], count: int, cursors: MemoryCursors
) -> list[Delivery]:
    """Run a source until its deliveries are `count`; its stream sends the frames after a pass."""
    has_passed, is_complete = asyncio.Event(), asyncio.Event()
    deliveries: list[Delivery] = []

    async def stream(socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.headers["authorization"] == "Bearer t"
        await has_passed.wait()
        for text in frames:
            await socket.send(text)
        await socket.wait_closed()

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)
        if len(deliveries) == count:
            is_complete.set()

    context = replace(source_context(NOW), report_pass=lambda _source: has_passed.set())
    async with serve(stream, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        instance = read_payload("mastodon", "instance")
        vendor.says(
            "/api/v2/instance", with_fields(instance, {"configuration.urls.streaming": address})
        )
        account = Account(url=vendor.url, token="t", poll=timedelta(seconds=30))
        source = Mastodon().source("a", account, context)
        running = asyncio.create_task(source.run(accept, cursors))
        async with asyncio.timeout(20):
            await is_complete.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return deliveries


async def test_each_notification_comes_once_and_later_events_name_its_post(
    vendor: Vendor,
) -> None:
    answer = _mention(3, {"status.in_reply_to_id": "90"})
    page = [answer, _mention(2), _mention(1, {"type": "follow"})]
    vendor.says("/api/v1/notifications", [_mention(0)], page, [])
    vendor.says("/api/v1/statuses/3/context", read_payload("mastodon", "thread"))
    frames = [
        json.dumps(_frame("status.update", _edited_status(3))),
        "no JSON",
        json.dumps(with_fields(DELETION_FRAME, {"payload": "999"})),
        json.dumps(DELETION_FRAME),
    ]
    cursors = MemoryCursors()
    deliveries = await follow(vendor, frames, 4, cursors)

    first, second, edit, deletion = (_parsed(delivery.raw).message for delivery in deliveries)
    assert [first.native_id[-1], second.native_id[-1]] == ["2", "3"], "the oldest first"
    assert edit.event is not None
    assert deletion.event is not None
    post = message_id("mastodon", "mastodon:a", second.native_id)
    assert [edit.event.of, deletion.event.of] == [post, post]
    assert edit.conversation == deletion.conversation == second.conversation
    assert first.conversation != second.conversation
    assert await position_of(cursors) == 3
    requests = vendor.to("/api/v1/notifications")
    assert "limit=1" in requests[0].path, "the first pass begins at the newest notification"
    assert "min_id=0" in requests[1].path
    assert "min_id=3" in requests[2].path
    assert "include_filtered=true" in requests[1].path


async def test_the_unreadable_edit_of_a_recent_post_becomes_a_dead_letter(vendor: Vendor) -> None:
    vendor.says("/api/v1/notifications", [_mention(1)], [_mention(3)], [])
    unreadable = [_edited_status(number, {"account": 5}) for number in (8, 3)]
    frames = [json.dumps(_frame("status.update", status)) for status in unreadable]
    mention, edit = await follow(vendor, frames, 2, MemoryCursors())

    assert _parsed(mention.raw).message.native_id[-1] == "3"
    with pytest.raises(Rejected, match="account"):
        _parsed(edit.raw)


async def position_of(cursors: MemoryCursors) -> int:
    cursor = await cursors.load("mastodon:a")
    assert cursor is not None
    return cursor.position


async def poll(vendor: Vendor, cursors: MemoryCursors) -> tuple[list[Delivery], Retry]:
    """Run a source until its server fails; return its deliveries and the failure."""
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    account = Account(url=vendor.url, token="t", poll=timedelta(milliseconds=1))
    with pytest.raises(Retry) as error:
        await Mastodon().source("a", account, source_context(NOW)).run(accept, cursors)
    return deliveries, error.value


async def test_an_unreadable_page_is_read_again_later(vendor: Vendor) -> None:
    vendor.says("/api/v1/notifications", b"<html>maintenance</html>")
    _, error = await poll(vendor, MemoryCursors())
    assert "no notifications" in str(error)


async def test_a_mention_counts_without_its_thread(vendor: Vendor) -> None:
    mention = _mention(3, {"status.in_reply_to_id": "90"})
    vendor.says("/api/v1/notifications", [], [mention], b"<html>")
    vendor.says("/api/v1/statuses/3/context", b"", status=500)
    (delivery,), _ = await poll(vendor, MemoryCursors())
    assert _parsed(delivery.raw).message.native_id[-1] == "3"


async def test_each_unreadable_notification_becomes_one_dead_letter(vendor: Vendor) -> None:
    without_number = [{"odd": 5}, {"odd": 6}]
    unreadable = [_mention(number, {"status.account": 5}) for number in (4, 5)]
    page = [*without_number, *unreadable, _mention(3)]
    vendor.says("/api/v1/notifications", [_mention(1)], page)
    vendor.says("/api/v1/notifications", without_number, without_number, b"<html>")
    cursors = MemoryCursors()
    deliveries, _ = await poll(vendor, cursors)

    assert [_parsed(deliveries[2].raw).message.native_id[-1], len(deliveries)] == ["3", 5]
    for delivery in deliveries[:2] + deliveries[3:]:
        with pytest.raises(Rejected) as error:
            _parsed(delivery.raw)
        assert error.value.code == "json.invalid"
    assert await position_of(cursors) == 5


def test_a_long_page_of_markup_takes_no_long_time() -> None:
    assert html_to_text('<a href="x">' * 8000) == ""


async def test_a_rate_limit_ends_at_the_servers_own_time(vendor: Vendor) -> None:
    headers = {"X-RateLimit-Reset": "2026-11-20T09:04:00Z"}
    vendor.says("/api/v1/notifications", {}, status=429, headers=headers)
    _, error = await poll(vendor, MemoryCursors())
    assert error.after == 240
