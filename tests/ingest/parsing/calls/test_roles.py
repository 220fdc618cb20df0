"""The roles of agent and customer are guessed by how people talk, or stay unknown."""

import pytest

from tests.support.ingest.phone_calls import parse_call, spoken_by


def _roles(text: str) -> list[str]:
    return [role for role, _ in spoken_by(parse_call(text))]


def test_roles_are_guessed_from_how_people_talk_with_a_confidence() -> None:
    message = parse_call(
        "Konuşmacı 1: İyi günler, Ornek Telekom'a hoş geldiniz, size nasıl yardımcı olabilirim?\n"
        "Konuşmacı 2: Merhaba, faturam çok yüksek geldi, şikayetçiyim.\n"
        "Konuşmacı 1: Abone numaranızı alabilir miyim Ayşe Hanım, hemen kontrol ediyorum.\n"
        "Konuşmacı 2: Tabii, beş üç iki."
    )
    assert [role for role, _ in spoken_by(message)] == ["agent", "customer"] * 2
    assert message.call is not None
    assert message.call.roles_by == "guess"
    assert 0.7 < message.call.roles_confidence < 1
    assert "roles.guessed" in message.repaired


def test_roles_stay_unknown_without_a_sign() -> None:
    message = parse_call("Kişi 1: Merhaba\nKişi 2: Merhaba\nKişi 1: Tamam")
    assert message.call is not None
    assert message.call.roles_by == "unknown"
    assert {role for role, _ in spoken_by(message)} == {"unknown"}


@pytest.mark.parametrize(
    "text",
    [
        "Guest-1: Hoş geldiniz\nGuest-2: Tamam",
        "User 1: Kargom gelmedi ve çok bekledim artık yeter\n"
        "User 2: Peki o zaman şimdi ne istiyorsunuz benden",
    ],
)
def test_a_role_is_not_invented(text: str) -> None:
    assert _roles(text)[0] == "unknown"


def test_the_agent_who_calls_is_not_the_customer() -> None:
    text = (
        "Konuşmacı 1: Alo?\n"
        "Konuşmacı 2: İyi günler, Ornek Bank'tan arıyorum, bilgi vermek istiyorum.\n"
        "Konuşmacı 1: Buyurun.\n"
        "Konuşmacı 2: Kart aidatınızı iade ettik."
    )
    assert _roles(text)[0] in ("customer", "unknown")


def test_a_third_speaker_stays_unknown() -> None:
    text = (
        "Kişi 1: Görüşmeniz kayıt altına alınmaktadır, bire tuşlayınız.\n"
        "Kişi 2: Hoş geldiniz, size nasıl yardımcı olabilirim?\n"
        "Kişi 3: Faturam yanlış, şikayetçiyim.\n"
        "Kişi 2: Abone numaranız nedir, hemen kontrol ediyorum."
    )
    assert _roles(text) == ["unknown", "agent", "customer", "agent"]
