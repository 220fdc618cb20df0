"""Viber: signatures, kinds of messages, what is none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.viber import Account, Viber

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNT = Account(token="sir-viber")


def told(event: str = "message", **message: Any) -> bytes:
    body: dict[str, Any] = {
        "event": event,
        "timestamp": int(NOW.timestamp() * 1000),
        "message_token": 4912661846655238145,
        "sender": {"id": "01==", "name": "Ayşe"},
        "message": {"type": "text", "text": "kargom gelmedi"} | message,
    }
    return json.dumps(body).encode()


def _parsed(raw: bytes) -> Parsed:
    (one,) = Viber().take(raw).deliveries
    return Viber().parse(
        Delivery(raw=one, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


def test_a_text_a_picture_a_contact_a_place_and_a_link() -> None:
    made = _parsed(told())
    assert (made.message.text, made.message.native_id, made.message.sender.name) == (
        "kargom gelmedi",
        "4912661846655238145",
        "Ayşe",
    )
    assert (made.message.reply_to, made.message.sent_at) == ("01==", NOW)
    picture = _parsed(
        told(
            type="picture", text="kırık", media="https://dl.viber.example/a.jpg", file_name="a.jpg"
        )
    )
    assert (picture.message.text, picture.media[0].ref) == (
        "kırık",
        "https://dl.viber.example/a.jpg",
    )
    contact = _parsed(
        told(type="contact", text=None, contact={"name": "Ali", "phone_number": "905"})
    )
    assert contact.message.full_text == "Ali 905"
    place = _parsed(told(type="location", text=None, location={"lat": 41, "lon": 29.5}))
    assert place.message.full_text == "(41,29.5)"
    link = _parsed(told(type="url", text="bak", media="https://ornek.example"))
    assert link.message.full_text == "bak\nhttps://ornek.example"


@pytest.mark.parametrize(
    "event", ["delivered", "seen", "failed", "subscribed", "conversation_started", "webhook"]
)
def test_everything_else_is_counted(event: str) -> None:
    assert Viber().take(told(event)).ignored == (event,)
