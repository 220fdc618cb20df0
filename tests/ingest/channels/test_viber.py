"""Kinds of messages and ignored events of the Viber channel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.viber import Account, Viber

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(token="sir-viber")


def callback(event: str = "message", **message: Any) -> bytes:
    body: dict[str, Any] = {
        "event": event,
        "timestamp": int(NOW.timestamp() * 1000),
        "message_token": 4912661846655238145,
        "sender": {"id": "01==", "name": "Ayşe"},
        "message": {"type": "text", "text": "kargom gelmedi"} | message,
    }
    return json.dumps(body).encode()


def _parsed(raw: bytes) -> Parsed:
    (delivery,) = Viber().take(raw).deliveries
    return Viber().parse(
        Delivery(raw=delivery, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


def test_a_text_has_its_sender_time_and_id() -> None:
    parsed = _parsed(callback())
    assert (parsed.message.text, parsed.message.native_id, parsed.message.sender.name) == (
        "kargom gelmedi",
        "4912661846655238145",
        "Ayşe",
    )
    assert (parsed.message.reply_to, parsed.message.sent_at) == ("01==", NOW)


def test_a_picture_has_its_text_and_address() -> None:
    picture = _parsed(
        callback(
            type="picture", text="kırık", media="https://dl.viber.example/a.jpg", file_name="a.jpg"
        )
    )
    assert (picture.message.text, picture.media[0].ref) == (
        "kırık",
        "https://dl.viber.example/a.jpg",
    )


def test_a_contact_shows_its_number() -> None:
    contact = _parsed(
        callback(type="contact", text=None, contact={"name": "Ali", "phone_number": "905"})
    )
    assert contact.message.full_text == "Ali 905"


def test_a_location_shows_its_coordinates() -> None:
    location = _parsed(callback(type="location", text=None, location={"lat": 41, "lon": 29.5}))
    assert location.message.full_text == "(41,29.5)"


def test_a_link_follows_the_text() -> None:
    link = _parsed(callback(type="url", text="bak", media="https://ornek.example"))
    assert link.message.full_text == "bak\nhttps://ornek.example"


@pytest.mark.parametrize(
    "event", ["delivered", "seen", "failed", "subscribed", "conversation_started", "webhook"]
)
def test_another_event_is_ignored_with_its_name(event: str) -> None:
    assert Viber().take(callback(event)).ignored == (event,)
