"""Events, taps, withdrawals and files of the LINE channel."""

import json

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.line import Line
from ingest.channels.line.account import Account
from ingest.webhook import WebhookResult
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ACCOUNT = Account(channel_secret="sir-line", token="t")
TEXT = SAMPLES["line"].document


def _take(payload: JsonBody) -> WebhookResult:
    return Line().take(json.dumps(payload).encode())


def _parsed(payload: JsonBody) -> Parsed:
    (raw,) = _take(payload).deliveries
    delivery = Delivery(raw=raw, account="a", received_at=SAMPLED_AT)
    return Line().parse(delivery, Context(brand="d", settings=ACCOUNT))


def test_each_message_of_a_call_is_a_delivery_and_other_events_have_reasons() -> None:
    (text,) = TEXT["events"]
    (follow,) = read_payload("line", "follow")["events"]
    (group_text,) = read_payload("line", "group_text")["events"]
    events = [text, follow, follow | {"type": "yeni"}, group_text, 5]
    result = _take(with_fields(TEXT, {"events": events}))
    assert len(result.deliveries) == 3, "two messages, and a dead letter"
    assert result.ignored == ("follow", "other_event")
    assert _take(with_fields(TEXT, {"events": []})) == WebhookResult(ignored=("handshake",))


def test_a_text_has_its_id_time_and_chat() -> None:
    message = _parsed(TEXT).message
    assert (message.text, message.native_id) == (WORDS, "100")
    assert (message.reply_to, message.sent_at) == ("U1", SAMPLED_AT)


def test_a_tap_without_a_label_shows_its_data() -> None:
    tap = _parsed(read_payload("line", "postback")).message
    assert (tap.text, tap.conversation) == ("r=1", _parsed(TEXT).message.conversation)


def test_a_location_shows_its_address_and_coordinates() -> None:
    location = _parsed(read_payload("line", "location")).message
    assert location.text == "Ev, Kadıköy"
    assert location.full_text == "Ev, Kadıköy (40.99,29.03)"


def test_a_withdrawal_deletes_its_message() -> None:
    withdrawal = _parsed(read_payload("line", "withdrawal")).message
    assert withdrawal.event is not None
    assert (withdrawal.event.kind, withdrawal.event.of) == ("deleted", _parsed(TEXT).message.id)


def test_a_person_has_another_conversation_in_a_group() -> None:
    group = _parsed(read_payload("line", "group_text")).message
    assert group.conversation != _parsed(TEXT).message.conversation
    assert group.reply_to == "G1"


def test_a_chat_that_another_app_answers_forbids_answers() -> None:
    standby = _parsed(with_fields(TEXT, {"events.0.mode": "standby"})).message
    assert standby.answering is not None
    assert standby.answering.forbidden


def test_a_tap_shows_the_chosen_time() -> None:
    chosen = _parsed(read_payload("line", "chosen_time")).message
    assert chosen.text == "teslim 2026-11-21T10:00"


def test_a_tab_of_the_menu_is_ignored() -> None:
    assert _take(read_payload("line", "menu_tab")).ignored == ("menu_tab",)


def test_each_of_our_accounts_has_conversations_of_its_own() -> None:
    other = _parsed(with_fields(TEXT, {"destination": "U9"})).message
    assert other.conversation != _parsed(TEXT).message.conversation


async def test_a_file_comes_from_line_or_from_its_own_address(vendor: Vendor) -> None:
    own = _parsed(read_payload("line", "file"))
    other = _parsed(read_payload("line", "image_at_own_address"))
    assert (own.media[0].ref, other.media[0].ref) == ("103", "https://resim.example/kirik.jpg")
    vendor.says("/v2/bot/message/103/content", b"%PDF")
    settings, web = Account(token="t", api=vendor.url), PublicClient()
    assert await Line().fetch("103", settings, web) == b"%PDF"
    assert vendor.requests[0].headers["authorization"] == "Bearer t"
    for ref in ("../me", "103/.."):
        with pytest.raises(Rejected):
            await Line().fetch(ref, settings, web)
    await web.close()
