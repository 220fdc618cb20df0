"""Events, taps, withdrawals and files of the LINE channel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.line import Line
from ingest.channels.line.account import Account
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


def text(words: str = "kargom gelmedi", number: str = "100", **more: Any) -> dict[str, Any]:
    return event(message={"id": number, "type": "text", "text": words}, **more)


def body(*events: Any) -> bytes:
    return json.dumps({"destination": "U0", "events": list(events)}).encode()


def _parsed(line_event: dict[str, Any]) -> Parsed:
    (delivery,) = Line().take(body(line_event)).deliveries
    return Line().parse(
        Delivery(raw=delivery, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


def test_each_message_of_a_call_is_a_delivery_and_other_events_have_reasons() -> None:
    result = Line().take(body(text(), event("follow"), event("yeni"), text(number="101"), 5))
    assert len(result.deliveries) == 3, "two messages, and a dead letter"
    assert result.ignored == ("follow", "other_event")
    assert Line().take(body()) == WebhookResult(ignored=("handshake",))


def test_a_text_has_its_id_time_and_chat() -> None:
    message = _parsed(text()).message
    assert (message.text, message.native_id) == ("kargom gelmedi", "100")
    assert (message.reply_to, message.sent_at) == ("U1", NOW)


def test_a_tap_without_a_label_shows_its_data() -> None:
    tap = _parsed(event("postback", postback={"data": "r=1"})).message
    assert (tap.text, tap.conversation) == ("r=1", _parsed(text()).message.conversation)


def test_a_location_shows_its_address_and_coordinates() -> None:
    content = {
        "id": "5",
        "type": "location",
        "title": "Ev",
        "address": "Kadıköy",
        "latitude": 1,
        "longitude": 2,
    }
    location = _parsed(event(message=content)).message
    assert (location.text, location.full_text) == ("Ev, Kadıköy", "Ev, Kadıköy (1,2)")


def test_a_withdrawal_deletes_its_message() -> None:
    withdrawal = _parsed(event("unsend", unsend={"messageId": "100"})).message
    assert withdrawal.event is not None
    assert (withdrawal.event.kind, withdrawal.event.of) == ("deleted", _parsed(text()).message.id)


def test_a_person_has_another_conversation_in_a_group() -> None:
    group = _parsed(text(source={"type": "group", "groupId": "G1", "userId": "U1"})).message
    assert group.conversation != _parsed(text()).message.conversation
    assert group.reply_to == "G1"


def test_a_chat_that_another_app_answers_forbids_answers() -> None:
    standby = _parsed(text(mode="standby")).message
    assert standby.answering is not None
    assert standby.answering.forbidden


def test_a_tap_shows_the_chosen_time() -> None:
    chosen = _parsed(
        event("postback", postback={"data": "teslim", "params": {"datetime": "2026-11-21T10:00"}})
    ).message
    assert chosen.text == "teslim 2026-11-21T10:00"


def test_a_tab_of_the_menu_is_ignored() -> None:
    tab = event(
        "postback",
        postback={"data": "x", "params": {"newRichMenuAliasId": "b", "status": "SUCCESS"}},
    )
    assert Line().take(body(tab)).ignored == ("menu_tab",)


def test_each_of_our_accounts_has_conversations_of_its_own() -> None:
    other = json.loads(body(text()))
    other["destination"] = "U9"
    (raw,) = Line().take(json.dumps(other).encode()).deliveries
    message = (
        Line().parse(Delivery(raw=raw, account="a", received_at=NOW), Context(brand="d")).message
    )
    assert message.conversation != _parsed(text()).message.conversation


async def test_a_file_comes_from_line_or_from_its_own_address(vendor: Vendor) -> None:
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
