"""Files that come with mails: their real type, files within text and winmail.dat, bombs."""

import binascii
import gzip
import io
import struct
import zipfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing import files
from ingest.parsing.mail.message import parse_message
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


def _read(raw: bytes) -> tuple[Message, tuple[bytes, ...]]:
    return parse_message(raw, brand="default", account="a", received_at=NOW)


def _with_file(kind: str, name: str, data: bytes) -> bytes:
    return (
        b"From: a@ornek.example\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nekte\r\n--b\r\nContent-Type: "
        + kind.encode()
        + b"\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename="
        + name.encode()
        + b"\r\n\r\n"
        + binascii.b2a_base64(data)
        + b"--b--\r\n"
    )


def _zip(members: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("declared", "name", "data", "wanted"),
    [
        ("application/octet-stream", "x.png", PNG, "image/png"),
        ("application/octet-stream", "fatura.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("image/jpeg", "resim.jpg", b"MZ\x90\x00" + bytes(64), "application/x-msdownload"),
        ("application/octet-stream", "a.zip", _zip({"a.txt": b"a"}), "application/zip"),
        (
            "application/octet-stream",
            "a.docx",
            _zip({"word/document.xml": b"<w/>"}),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("application/octet-stream", "not.txt", "şikâyet".encode(), "text/plain"),
        ("text/csv", "a.csv", b"a;b\n1;2\n", "text/csv"),
        ("text/calendar", "davet.ics", b"BEGIN:VCALENDAR\r\n", "text/calendar"),
    ],
)
def test_the_bytes_give_a_files_type_when_the_label_is_generic(
    declared: str, name: str, data: bytes, wanted: str
) -> None:
    message, files = _read(_with_file(declared, name, data))
    assert [(a.name, a.type, a.size) for a in message.attachments] == [(name, wanted, len(data))]
    assert files == (data,)


@pytest.mark.parametrize(
    "data", [_zip({"a": bytes(300_000_000)}), gzip.compress(bytes(200_000_000), 9)]
)
def test_a_bomb_is_refused_and_the_mail_says_so(data: bytes) -> None:
    message, files = _read(_with_file("application/zip", "a.zip", data))
    assert [(a.name, a.refused) for a in message.attachments] == [("a.zip", "it would burst")]
    assert files == ()
    assert "attachment.bomb" in message.repaired
    assert message.text == "ekte"


def test_members_that_share_their_bytes_are_a_bomb() -> None:
    plain = bytearray(_zip({"a": b"x" * 5000, "b": b"y" * 5000}))
    header_offset = plain.rfind(b"PK\x01\x02")
    struct.pack_into(
        "<L", plain, header_offset + 42, 1
    )  # the second member begins within the first
    assert files.is_bomb(bytes(plain))
    assert not files.is_bomb(_zip({"a": b"x" * 5000, "b": b"y" * 5000}))


def _uu(data: bytes) -> bytes:
    lines = [binascii.b2a_uu(data[i : i + 45]) for i in range(0, len(data), 45)]
    return b"begin 644 rapor.bin\n" + b"".join(lines) + b"`\nend\n"


def test_a_file_written_into_the_text_is_an_attachment() -> None:
    data = bytes(range(256)) * 3
    message, files = _read(
        b"From: a@ornek.example\r\nMessage-ID: <1@x>\r\n\r\nRapor ekte.\n\n"
        + _uu(data)
        + b"\nSelam\n"
    )
    assert files == (data,)
    assert message.attachments[0].name == "rapor.bin"
    assert message.text.split() == ["Rapor", "ekte.", "Selam"]
    assert "mime.uuencode" in message.repaired


def test_words_that_only_begin_like_such_a_file_stay_words() -> None:
    text = "begin 644 wishes\nşöyle böyle, çok uzun\nend of story"
    message, files = _read(f"From: a@x.example\r\nMessage-ID: <1@x>\r\n\r\n{text}".encode())
    assert files == ()
    assert message.text == text


def _tnef(body: bytes, name: bytes, data: bytes) -> bytes:
    def attribute(level: int, identifier: int, kind: int, value: bytes) -> bytes:
        return (
            struct.pack("<BHHL", level, identifier, kind, len(value))
            + value
            + struct.pack("<H", sum(value) & 0xFFFF)
        )

    return (
        b"\x78\x9f\x3e\x22\x01\x00"
        + attribute(1, 0x9007, 6, struct.pack("<LL", 1254, 0))
        + attribute(1, 0x800C, 2, body + b"\0")
        + attribute(2, 0x9002, 6, bytes(14))
        + attribute(2, 0x8010, 1, name + b"\0")
        + attribute(2, 0x800F, 6, data)
    )


def test_the_files_of_a_winmail_dat_are_the_mails_own() -> None:
    packed = _tnef(b"Selam", b"fatura.pdf", b"%PDF-1.7 x")
    message, files = _read(_with_file("application/ms-tnef", "winmail.dat", packed))
    assert [(a.name, a.type) for a in message.attachments] == [("fatura.pdf", "application/pdf")]
    assert files == (b"%PDF-1.7 x",)
    assert message.text == "ekte"
    assert "mime.tnef" in message.repaired


def test_a_broken_winmail_dat_stays_an_attachment() -> None:
    packed = _tnef(b"Selam", b"fatura.pdf", b"%PDF-1.7 x")[:40]
    message, _ = _read(_with_file("application/ms-tnef", "winmail.dat", packed))
    assert [a.name for a in message.attachments] in (["winmail.dat"], [])
    assert {"mime.broken_tnef", "mime.tnef"} & set(message.repaired)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/pgp-encrypted", "mime.encrypted"),
        ("application/pkcs7-mime", "mime.encrypted"),
        ("application/pkcs7-signature", "mime.signed"),
        ("application/pgp-signature", "mime.signed"),
    ],
)
def test_a_signed_or_encrypted_mail_says_so(kind: str, code: str) -> None:
    message, _ = _read(_with_file(kind, "x.bin", b"\x30\x82abc"))
    assert code in message.repaired
    assert len(message.attachments) == 1


@given(st.binary(max_size=400))
def test_no_bytes_make_a_file_fail(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"\x1f\x8b", b"\x78\x9f\x3e\x22", b"begin 644 a\n"):
        files.detect_type(start + data, "application/octet-stream")
        files.is_bomb(start + data)
        files.split_uuencoded(start + data)
        _read(_with_file("application/ms-tnef", "winmail.dat", start + data))
