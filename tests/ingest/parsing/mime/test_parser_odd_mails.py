"""Mails with odd dates, file names, digests and charsets. Invented."""

import base64
from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def _parsed(raw: bytes) -> Message:
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


def test_a_broken_first_date_and_a_name_without_an_address() -> None:
    raw = (
        b"From: Moderator <moderator>\nDate: Tue, 7 Apr 2026 10:00:t <x@y.example>\n"
        b"Date: Tue, 7 Apr 2026 10:00:01 +0000\nMessage-ID: <1@x>\n"
        b"Content-Transfer-Encoding: base64\n\neWVuaQ== (bunu yok say)\n"
    )
    message = _parsed(raw)
    assert message.sender.name == "Moderator"
    assert message.sent_at == datetime(2026, 4, 7, 10, 0, 1, tzinfo=UTC)
    assert message.text == "yeni"


def test_a_file_name_within_another_parameter_is_not_the_files() -> None:
    raw = (
        b"From: a@x.example\nMessage-ID: <1@x>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\n"
        b'Content-Type: application/pdf\nContent-Disposition: attachment; x-note="a; filename=kotu.exe"; '
        b'filename="iyi.pdf"\n\n%PDF\n--b--\n'
    )
    message = _parsed(raw)
    assert [a.name for a in message.attachments] == ["iyi.pdf"]


def test_the_mails_of_a_digest_are_attachments() -> None:
    raw = (
        b"From: a@x.example\nMessage-ID: <1@x>\nContent-Type: multipart/digest; boundary=b\n\n"
        b"--b\n\nFrom: x@y.example\nSubject: bir\n\nilk\n--b\n\nFrom: z@y.example\n\niki\n--b--\n"
    )
    message = _parsed(raw)
    assert [a.type for a in message.attachments] == ["message/rfc822"] * 2
    assert message.text == ""


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "unicode"])
def test_utf16_is_read_when_it_really_is(label: str) -> None:
    text = "Şikâyetim var: ğüşiöç"
    data = text.encode("utf-16" if label != "utf-16le" else "utf-16-le")
    raw = b"From: a@x.example\nMessage-ID: <1@x>\nContent-Transfer-Encoding: base64\nContent-Type: text/plain; charset="
    message, _ = parse_message(
        raw + label.encode() + b"\n\n" + base64.encodebytes(data),
        brand="b",
        account="a",
        received_at=NOW,
    )
    assert message.text == text


def test_the_html_is_taken_when_the_plain_part_only_points_to_it() -> None:
    notice = "Bu mesajı görüntülemek için HTML destekleyen bir program kullanınız ya da buraya tıklayınız lütfen."
    html = "<p>" + "Siparişim iki haftadır yolda, iade talep ediyorum. " * 12 + "</p>"
    raw = (
        "From: a@x.example\nMessage-ID: <1@x>\nContent-Type: multipart/alternative; boundary=b\n\n"
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{notice}\n"
        f"--b\nContent-Type: text/html; charset=utf-8\n\n{html}\n--b--\n"
    )
    message = _parsed(raw.encode())
    assert message.text.startswith("Siparişim iki haftadır")
