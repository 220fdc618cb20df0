"""Bounces, absences and receipts told apart from people's mail. All samples are invented."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.mail.message import parse_message
from ingest.parsing.mime import dates, header
from schemas.base import conversation_id
from schemas.message import Automatic, Message
from schemas.text import reply_token

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = b"key"


def _read(head: str, body: str) -> Message:
    raw = f"{head.strip()}\nMessage-ID: <b@posta.example>\n\n{body}".replace("\n", "\r\n").encode()
    return parse_message(raw, brand="default", account="a", received_at=NOW, signing_key=KEY)[0]


def _machine(head: str, body: str) -> Automatic:
    machine = _read(head, body).automatic
    assert machine is not None
    return machine


def _report(*blocks: str, original: str = "<m1@destek.example>", kind: str = "report") -> str:
    report = "\n\n".join(blocks)
    return (
        "--b\nContent-Type: text/plain\n\nIletiniz teslim edilemedi.\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n{report}\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {original}\nSubject: Ynt: x\n\nselam\n--b--\n"
    )


REPORT = (
    "From: Posta Sistemi <postmaster@mx.example>\nReturn-Path: <>\nSubject: Teslim Edilemedi: Ynt: x\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b"
)
GONE = "Final-Recipient: rfc822; yok@musteri.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 user unknown"
FULL = "Final-Recipient: rfc822; dolu@musteri.example\nAction: failed\nStatus: 5.2.2"
LATE = "Final-Recipient: rfc822; gec@musteri.example\nAction: delayed\nStatus: 4.4.1"


def test_a_report_gives_the_recipient_the_reason_and_the_mail() -> None:
    bounce = _machine(REPORT, _report(GONE)).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.hard, bounce.delayed) == ("yok@musteri.example", True, False)
    assert "user unknown" in bounce.reason
    assert bounce.original == "<m1@destek.example>"


@pytest.mark.parametrize(
    "subject",
    [
        "Niedostarczone: x",
        "Não é possível entregar: x",
        "Det går inte att leverera: x",
        "未送达: x",
        "無法傳遞的郵件: x",
        "배달되지 않음: x",
        "לא ניתן למסור: x",
        "غير قابل للتسليم: x",
        "Δεν παραδόθηκε: x",
        "Ei voi toimittaa: x",
        "Mail Teslim Edilemedi",
    ],
)
def test_a_postmasters_subject_is_known_in_any_language(subject: str) -> None:
    head = f"From: Microsoft Outlook <postmaster@marka.example>\nSubject: {subject}"
    bounce = _machine(head, "\n\nyok@musteri.example\n550 5.1.1\n").bounce
    assert bounce is not None
    assert bounce.recipient == "yok@musteri.example"


def test_a_turkish_mail_server_with_its_own_name_is_not_a_customer() -> None:
    head = "From: Posta Sunucusu <posta@mx.example>\nSubject: Teslimat hatası: ileti gönderilemedi"
    body = "Gönderdiğiniz ileti teslim edilemedi:\nyok@musteri.example\n550 5.1.1 bulunamadı"
    bounce = _machine(head, body).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.hard) == ("yok@musteri.example", True)


def test_turkish_servers_write_without_turkish_letters() -> None:
    head = "From: <MAILER-DAEMON@mx.example>\nSubject: Iletiniz gonderilemedi"
    bounce = _machine(
        head, "Iletiniz gonderilemedi.\n\n<dolu@musteri.example>: 552 Kota asildi"
    ).bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.hard) == ("dolu@musteri.example", False)


def test_a_delay_in_turkish_is_one() -> None:
    head = "From: <postmaster@mx.example>\nSubject: Teslim geciktirildi: x"
    notice = "Bu, otomatik olarak oluşturulan bir bildirim.\n\nAlıcılara teslim gecikti:"
    bounce = _machine(head, f"{notice}\n\ngec@musteri.example").bounce
    assert bounce is not None
    assert (bounce.recipient, bounce.delayed) == ("gec@musteri.example", True)


def test_a_persons_answer_to_a_bounce_is_not_a_bounce() -> None:
    head = "From: Ada <ada@musteri.example>\nSubject: Re: Undeliverable: x"
    body = (
        "Got this again.\n\n> Delivery has failed to these recipients:\n> a@b.example\n> 550 5.1.10"
    )
    assert _read(head, body).automatic is None


def test_a_full_mailbox_is_a_soft_bounce_and_a_delay_is_reported() -> None:
    full, late = (_machine(REPORT, _report(block)).bounce for block in (FULL, LATE))
    assert full is not None
    assert (full.hard, full.delayed) == (False, False)
    assert late is not None
    assert (late.hard, late.delayed) == (False, True)


def test_every_recipient_of_a_report_is_named_as_it_was_written_to() -> None:
    moved = f"Original-Recipient: rfc822; eski@musteri.example\n{GONE.replace('yok@', 'yeni@')}"
    bounce = _machine(REPORT, _report(moved, FULL)).bounce
    assert bounce is not None
    assert bounce.recipients == ("eski@musteri.example", "dolu@musteri.example")


def test_a_report_within_a_mail_of_a_gateway_is_found() -> None:
    head = "From: MAILER-DAEMON@gate.example\nSubject: Returned mail\nContent-Type: multipart/mixed; boundary=o"
    inner = f"{REPORT}\n\n{_report(GONE)}"
    bounce = _machine(
        head, f"--o\n\nSee below.\n--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n"
    ).bounce
    assert bounce is not None
    assert bounce.recipient == "yok@musteri.example"


PROSE = [
    (
        "From: MAILER-DAEMON@mx.example\nSubject: Delivery Status Notification (Failure)",
        (
            "Hi. This is the mail program at mx.example.\nI'm afraid I wasn't able to deliver your message "
            "to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out."
            "\n\n<yok@musteri.example>:\n550 no such user here\n\n--- Below this line is a copy of the message."
            "\n\nReturn-Path: <destek@destek.example>\nMessage-ID: <m1@destek.example>\nSubject: x\n\nselam"
        ),
        True,
    ),
    (
        "From: E-posta Sunucusu <postmaster@sirket.example>\nSubject: Teslim edilemedi: Siparişiniz",
        (
            "İletiniz aşağıdaki alıcıya teslim edilemedi:\n\n  yok@musteri.example\n\n"
            "550 5.1.1 kullanıcı bulunamadı\n\n----- Original message -----\nMessage-ID: <m1@destek.example>\n"
        ),
        True,
    ),
    (
        "From: gonderim@sirket.example\nReturn-Path: <>\nSubject: Mail delivery delayed",
        (
            "Your message to\n\n  yok@musteri.example\n\nhas been delayed: 451 4.4.1 no answer. "
            "The server will keep trying for 3 days.\n\n----- Original message -----\n"
            "Message-ID: <m1@destek.example>\n"
        ),
        False,
    ),
    (
        "From: it@sirket.example\nSubject: Undeliverable mail",
        (
            "Your message could not be delivered to the following recipient:\n<yok@musteri.example>\n"
            "Reason: 550 unknown user\n\n---- Original message follows ----\nMessage-ID: <m1@destek.example>\n"
        ),
        True,
    ),
]


@pytest.mark.parametrize(("head", "body", "hard"), PROSE)
def test_a_bounce_in_prose_is_read_too(head: str, body: str, *, hard: bool) -> None:
    bounce = _machine(head, body).bounce
    assert bounce is not None
    assert bounce.recipients == ("yok@musteri.example",)
    assert (bounce.hard, bounce.delayed) == (hard, not hard)
    assert bounce.original == "<m1@destek.example>"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Kargom teslim edilemedi",
            "Kargom teslim edilemedi, adres bulunamadı diyorlar. 550 TL ödedim.",
        ),
        ("Teslim edilemedi", "Siparişim teslim edilemedi.\nayse@baska.example adresine yazın."),
        (
            "Delivery failed for my order",
            "The driver says the address is unknown.\nada@work.example\nPlease help.",
        ),
        (
            "Mail delivery failed",
            "My parcel could not be delivered, I paid 550 TL. Write to ada@work.example",
        ),
        (
            "Fwd: Undeliverable: faturam",
            "Size yazdığım mail geri geldi, 550 5.1.1 user unknown diyor.",
        ),
        ("Mesajınız iletilemedi diyor", "Uygulamada mesajım iletilemedi hatası alıyorum."),
        ("Geciktirildi", "Kargom yine geciktirildi, ne zaman gelecek?"),
        ("İade", "Ürün tarafıma teslim edilmedi, returned to sender yazıyor takipte."),
        ("Yıllık izin ücreti", "Yıllık izin ücretim hesaplanmamış."),
        ("Postmaster", "delivery status of my order?"),
    ],
)
def test_a_customers_words_about_deliveries_are_not_a_bounce(subject: str, body: str) -> None:
    assert _read(f"From: Ada <ada@ornek.example>\nSubject: {subject}", body).automatic is None


@given(st.text(max_size=300), st.text(max_size=60))
def test_a_person_is_never_a_machine(body: str, subject: str) -> None:
    line = " ".join(subject.split())
    message = _read(
        f"From: Ada <ada@ornek.example>\nSubject: {line.encode('ascii', 'ignore').decode()}", body
    )
    assert message.automatic is None


@pytest.mark.parametrize(
    ("head", "body", "until"),
    [
        (
            "Subject: Otomatik Yanıt: Faturam",
            "30 Kasım 2026 tarihine kadar yıllık izindeyim.",
            (11, 30),
        ),
        (
            "Subject: Automatic reply: Invoice",
            "I am out of the office until December 3rd.",
            (12, 3),
        ),
        (
            "Subject: Ynt: Fatura\nAuto-Submitted: auto-replied",
            "23.11.2026 - 27.11.2026 tarihleri arasında izindeyim, acil durumda 0532 111 22 33.",
            (11, 27),
        ),
        ("Subject: Out of office\nX-Auto-Response-Suppress: All", "I'll be back soon.", None),
        ("Subject: Abwesenheitsnotiz\nX-Autoreply: yes", "Bin weg.", None),
    ],
)
def test_an_absence_is_detected_with_its_last_day(
    head: str, body: str, until: tuple[int, int] | None
) -> None:
    machine = _machine(f"From: Ada <ada@ornek.example>\n{head}", body)
    assert machine.kind == "out_of_office"
    assert (machine.until and (machine.until.month, machine.until.day)) == until


def test_a_bounce_of_our_reply_comes_home_to_its_conversation() -> None:
    conversation = conversation_id("default", "mail", "<1@x>")
    ours = reply_token.message_id(KEY, conversation, "ab" * 16, "destek.example")
    message = _read(REPORT, _report(GONE, original=ours))
    assert message.conversation == conversation
    assert reply_token.reply_of(KEY, ours) == "abababab-abab-abab-abab-abababababab"
    assert reply_token.reply_of(KEY, ours.replace("santral.", "santral.0")) is None
    forged = reply_token.message_id(b"other", conversation, "ab" * 16, "destek.example")
    assert _read(REPORT, _report(GONE, original=forged)).conversation != conversation


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("22 Kasım 2026 Pazar 14:05", "2026-11-22T11:05"),
        ("Pzt, 23 Kas 2026 09:30:00 +0300", "2026-11-23T06:30"),
        ("13 Mar 2026 Cum, 14:05", "2026-03-13T11:05"),
        ("Sun, 22 Nov 2026 14:05:00 +0300", "2026-11-22T11:05"),
        ("11.05.2026 10:12:00", "2026-05-11T07:12"),
    ],
)
def test_turkish_dates_without_a_zone_are_in_turkish_time(line: str, wanted: str) -> None:
    date = header.parse_date(line.encode())
    assert date is not None
    assert date.isoformat().startswith(wanted)


@given(st.text(max_size=120))
def test_no_text_makes_the_dates_fail(text: str) -> None:
    dates.parse_written_date(text)
    dates.find_return_date(text, NOW)
