"""LINE: signatures, several events a call, taps, unsending, files."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.line import Account, Line
from ingest.webhook import WebhookResult
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(channel_secret="sir-line", token="t")


def event(kind: str = "message", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": int(NOW.timestamp() * 1000),
        "mode": "active",
        "webhookEventId": "01H",
        "source": {"type": "user", "userId": "U1"},
    } | more


def text(said: str = "kargom gelmedi", number: str = "100", **more: Any) -> dict[str, Any]:
    return event(message={"id": number, "type": "text", "text": said}, **more)


def body(*events: Any) -> bytes:
    return json.dumps({"destination": "U0", "events": list(events)}).encode()


def _parsed(told: dict[str, Any]) -> Parsed:
    (one,) = Line().take(body(told)).deliveries
    return Line().parse(
        Delivery(raw=one, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


def test_each_event_of_a_call_counts_and_others_are_told() -> None:
    taken = Line().take(body(text(), event("follow"), event("yeni"), text(number="101"), 5))
    assert len(taken.deliveries) == 3, "two messages, and a dead letter"
    assert taken.ignored == ("follow", "other_event")
    assert Line().take(body()) == WebhookResult(ignored=("handshake",))


def test_words_taps_places_and_unsending() -> None:
    first = _parsed(text()).message
    assert (first.text, first.native_id, first.reply_to, first.sent_at) == (
        "kargom gelmedi",
        "100",
        "U1",
        NOW,
    )
    tap = _parsed(event("postback", postback={"data": "r=1"})).message
    assert (tap.text, tap.conversation) == ("r=1", first.conversation)
    place = _parsed(
        event(
            message={
                "id": "5",
                "type": "location",
                "title": "Ev",
                "address": "Kadıköy",
                "latitude": 1,
                "longitude": 2,
            }
        )
    ).message
    assert (place.text, place.full_text) == ("Ev, Kadıköy", "Ev, Kadıköy (1,2)")
    gone = _parsed(event("unsend", unsend={"messageId": "100"})).message
    assert gone.event is not None
    assert (gone.event.kind, gone.event.of) == ("deleted", first.id)
    group = _parsed(text(source={"type": "group", "groupId": "G1", "userId": "U1"})).message
    assert group.conversation != first.conversation
    assert group.reply_to == "G1"
    standby = _parsed(text(mode="standby")).message
    assert standby.answering is not None
    assert standby.answering.forbidden


def test_a_time_that_was_chosen_is_said_and_a_menus_tab_is_no_message() -> None:
    chosen = _parsed(
        event("postback", postback={"data": "teslim", "params": {"datetime": "2026-11-21T10:00"}})
    ).message
    assert chosen.text == "teslim 2026-11-21T10:00"
    tab = event(
        "postback",
        postback={"data": "x", "params": {"newRichMenuAliasId": "b", "status": "SUCCESS"}},
    )
    assert Line().take(body(tab)).ignored == ("menu_tab",)
    other = json.loads(body(text()))
    other["destination"] = "U9"
    (raw,) = Line().take(json.dumps(other).encode()).deliveries
    made = Line().parse(Delivery(raw=raw, account="a", received_at=NOW), Context(brand="d")).message
    assert made.conversation != _parsed(text()).message.conversation, "another account of ours"


async def test_files_come_from_line_or_from_where_else_they_lie(vendor: Vendor) -> None:
    own = _parsed(event(message={"id": "77", "type": "file", "fileName": "a.pdf", "fileSize": 4}))
    other = _parsed(
        event(
            message={
                "id": "78",
                "type": "image",
                "contentProvider": {
                    "type": "external",
                    "originalContentUrl": "https://b.example/a.jpg",
                },
            }
        )
    )
    assert (own.media[0].ref, other.media[0].ref) == ("77", "https://b.example/a.jpg")
    vendor.says("/v2/bot/message/77/content", b"%PDF")
    settings, web = Account(token="t", api=vendor.url), PublicClient()
    assert await Line().fetch("77", settings, web) == b"%PDF"
    assert vendor.requests[0].headers["authorization"] == "Bearer t"
    for ref in ("../me", "77/.."):
        with pytest.raises(Rejected):
            await Line().fetch(ref, settings, web)
    await web.close()
