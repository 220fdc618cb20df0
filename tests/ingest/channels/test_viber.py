"""Kinds of messages and ignored events of the Viber channel."""

import json

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.viber import Account, Viber
from ingest.webhook import WebhookResult
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS

ACCOUNT = Account(token="sir-viber")


def _take(payload: JsonBody) -> WebhookResult:
    return Viber().take(json.dumps(payload).encode())


def _parsed(payload: JsonBody) -> Parsed:
    (raw,) = _take(payload).deliveries
    delivery = Delivery(raw=raw, account="a", received_at=SAMPLED_AT)
    return Viber().parse(delivery, Context(brand="d", settings=ACCOUNT))


def test_a_text_has_its_sender_time_and_id() -> None:
    message = _parsed(SAMPLES["viber"].document).message
    assert (message.text, message.native_id, message.sender.name) == (
        WORDS,
        "4912661846655238145",
        "Ayşe",
    )
    assert (message.reply_to, message.sent_at) == ("01==", SAMPLED_AT)


def test_a_picture_has_its_text_and_address() -> None:
    picture = _parsed(read_payload("viber", "picture"))
    assert (picture.message.text, picture.media[0].ref) == (
        "Kırık geldi",
        "https://dl.viber.example/kirik.jpg",
    )


def test_a_contact_shows_its_number() -> None:
    contact = _parsed(read_payload("viber", "contact"))
    assert contact.message.full_text == "Ali 905321112233"


def test_a_location_shows_its_coordinates() -> None:
    location = _parsed(read_payload("viber", "location"))
    assert location.message.full_text == "(41,29.5)"


def test_a_link_follows_the_text() -> None:
    link = _parsed(read_payload("viber", "link"))
    assert link.message.full_text == "Bakın\nhttps://ornek.example"


@pytest.mark.parametrize(
    "event", ["delivered", "seen", "failed", "subscribed", "conversation_started", "webhook"]
)
def test_another_event_is_ignored_with_its_name(event: str) -> None:
    delivered = read_payload("viber", "delivered")
    assert _take(with_fields(delivered, {"event": event})).ignored == (event,)
