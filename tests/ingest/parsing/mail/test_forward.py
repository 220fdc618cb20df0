"""Forwarded mails as programs write them: author, day, subject and text. Invented."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.forward import read_original
from ingest.parsing.mail.message import parse_message
from ingest.parsing.mime import header
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OWN = "Merhaba,\n\nKargom hâlâ gelmedi, bakar mısınız?"


def _read(body: str, head: str = "", kind: str = "text/plain") -> Message:
    raw = (
        f"From: Ada <ada@ornek.example>\nTo: destek@marka.example\nMessage-ID: <1@x>\n{head}"
        f"Content-Type: {kind}; charset=utf-8\n\n{body}"
    )
    return _parsed(raw.encode())


def _parsed(raw: bytes) -> Message:
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


HEADS = [
    "13 Mar 2026 Cum, 14:05 tarihinde Marka Destek <destek@marka.example> şunu yazdı:",
    "13 Mar 2026 Cum, 14:05 tarihinde Marka Müşteri Hizmetleri Destek Ekibi <\ndestek@marka.example> şunu yazdı:",
    "13 Mar 2026 Cum, 14:05 tarihinde Marka <destek@marka.example> şunu\nyazdı:",
    "Marka Destek <destek@marka.example> şunları yazdı (13 Mar 2026 14:05):",
    "Marka <destek@marka.example>, 13 Mar 2026 Cum, 14:05 tarihinde şunu yazdı:",
    "13.03.2026 14:05 tarihinde Marka Destek yazdı:",
    "2026-03-13 14:05 tarihinde, Marka Destek yazdı:",
    '13.03.2026, 14:05, "Marka Destek" <destek@marka.example>:',
    "On Fri, Mar 13, 2026 at 2:05 PM Marka <destek@marka.example> wrote:",
    "On Fri, 13 Mar 2026 at 14:05, A Very Long Team Name of the Brand\nin Istanbul <destek@marka.example>\nwrote:",
    "Am 13.03.2026 um 14:05 schrieb Marka <destek@marka.example>:",
]
FORWARDS = [
    "---------- Forwarded message ---------\nGönderen: Can Öz <can@ornek.example>\nDate: 12 Mar 2026 Per, 14:25\n"
    "Subject: Kırık\nTo: Ada <ada@ornek.example>\n\nASIL METİN",
    "Kimden: Can Öz <can@ornek.example>\nGönderildi: 12 Mart 2026 Perşembe 14:25\nKime: Ada <ada@ornek.example>\n"
    "Konu: Kırık\n\nASIL METİN",
    '-------- Yönlendirilen mesaj başlangıcı --------\n12.03.2026, 14:25, "Can Öz" <can@ornek.example>:\n\nASIL METİN',
    '"Can Öz" <can@ornek.example>, 12/03/2026 14:25 tarihinde şunu yazdı:\n\n    ASIL METİN',
    "İletilen ileti başlangıcı:\n\n> Kimden: Can Öz <can@ornek.example>\n> Tarih: 12 Mart 2026 14:25:00 GMT+3\n"
    "> Kime: Ada <ada@ornek.example>\n> Konu: Kırık\n> \n> ASIL METİN",
]


@pytest.mark.parametrize("body", FORWARDS)
def test_a_forward_tells_its_original(body: str) -> None:
    message = _read(f"Bilginize.\n\n{body}\n", "Subject: İlt: Kırık\n")
    sent = message.forwarded
    assert sent is not None
    assert sent.sender is not None
    assert (sent.sender.name, sent.sender.handle("email")) == ("Can Öz", "can@ornek.example")
    assert sent.sent_at == datetime(2026, 3, 12, 11, 25, tzinfo=UTC)
    assert sent.text == "ASIL METİN"
    assert "ASIL METİN" in message.text
    assert message.text.startswith("Bilginize.")


@pytest.mark.parametrize("name", ["KİMDEN", "KIMDEN", "kımden", "GÖNDEREN", "From"])
def test_the_names_of_a_forwards_fields_are_read_in_any_case(name: str) -> None:
    body = f"---------- Forwarded message ---------\n{name}: Can <can@ornek.example>\nALICI: x\n\nASIL\n"
    sent = _read(body, "Subject: x\n").forwarded
    assert sent is not None
    assert sent.sender is not None
    assert (sent.sender.handle("email"), sent.text) == ("can@ornek.example", "ASIL")


def test_a_forward_inside_a_quotation_does_not_make_the_answer_a_forward() -> None:
    quote = "> ---------- Forwarded message ---------\n> Gönderen: Can <can@ornek.example>\n> ORASI"
    message = _read(
        f"{OWN}\n\n{HEADS[0]}\n\n> Bilginize.\n{quote}\n",
        "Subject: Re: Fwd: x\nIn-Reply-To: <0@y>\n",
    )
    assert (message.forwarded, message.text) == (None, OWN)


@pytest.mark.parametrize("prefix", ["FW", "[EXTERNAL] FW", "[Destek #12] İlt", "Weitergeleitet"])
def test_a_subject_shows_a_forward_behind_any_tag(prefix: str) -> None:
    block = "Kimden: Can <can@ornek.example>\nTarih: 3 Mart 2026 14:05\nKime: ada\nKonu: Paket"
    head = f"Subject: {prefix}: Paket\nIn-Reply-To: <0@marka.example>\n"
    message = _read(f"Bakın.\n\n{block}\n\nPaket kırık.", head)
    assert message.forwarded is not None
    assert message.text == "Bakın.\n\nPaket kırık."


def test_a_travellers_from_and_to_is_not_a_forward() -> None:
    text = (
        "From: Istanbul\nTo: Berlin\nDate: 3 March 2026 09:12\nSubject: seat\n\nPlease change it."
    )
    assert read_original(text, "My seat") is None


@pytest.mark.parametrize(
    "line",
    [
        "mar. 3 juin 2025 à 09:12",
        "martes, 3 de junio de 2025 9:12",
        "Dienstag, 3. Juni 2025 09:12",
        "martedì 3 giugno 2025 alle ore 09:12",
        "wt., 3 cze 2025 o 09:12",
        "вторник, 3 июня 2025 г. 9:12",
        "dinsdag 3 juni 2025 om 09:12",
        "3 Haziran 2025 Salı 09:12",
    ],
)
def test_a_forwards_day_is_read_in_the_programs_language(line: str) -> None:
    date = header.parse_date(line.encode())
    assert date is not None
    assert (date.month, date.day) == (6, 3)
