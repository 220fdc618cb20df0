"""The parts of a mail: split at any nesting, with any header, at a cost that grows with length."""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from ingest.parsing.mime.parser import parse_mail
from schemas.message import Message

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEAD = b"From: Ada <ada@ornek.example>\r\nMessage-ID: <1@ornek.example>\r\n"


def _read(raw: bytes) -> Message:
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


@pytest.mark.parametrize(
    "label", ["idna", "punycode", "undefined", "utf\x008", "\x00", "rot13", "unicode_escape", "'"]
)
@pytest.mark.parametrize("kind", ["text/plain", "multipart/mixed", "message/rfc822", "text/html"])
def test_an_invalid_charset_loses_no_mail(kind: str, label: str) -> None:
    message = _read(
        HEAD + f"Content-Type: {kind}; charset={label}\r\n\r\n".encode() + b"selam \xe7"
    )
    assert message.native_id == "<1@ornek.example>"


def test_multiparts_are_split_to_a_depth_and_the_text_above_stays_readable() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n\r\nkat %d\r\n--b%d\r\n"
        % (i, i, i, i)
        for i in range(5000)
    )
    mail = parse_mail(HEAD + nested)
    assert "mime.too_deep" in mail.repaired
    assert "kat 0" in mail.text
    assert "kat 40" in mail.text


def test_nested_multiparts_behind_a_boundary_that_never_comes_are_read() -> None:
    nested = b"".join(
        b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (i, i + 1)
        for i in range(1200)
    )
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\n" + nested
    assert _read(raw).native_id == "<1@ornek.example>"


def test_an_outer_boundary_ends_an_inner_multipart_that_was_left_open() -> None:
    raw = (
        HEAD + b"Content-Type: multipart/mixed; boundary=dis\r\n\r\n--dis\r\n"
        b"Content-Type: multipart/alternative; boundary=dis-ic\r\n\r\n--dis-ic\r\n\r\nilk\r\n"
        b"--dis\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-1.4\r\n--dis--\r\nson"
    )
    message = _read(raw)
    assert message.text == "ilk"
    assert [a.name for a in message.attachments] == ["a.pdf"]


def test_lines_that_only_begin_like_a_boundary_stay_in_the_text() -> None:
    raw = (
        HEAD + b'Content-Type: multipart/mixed; boundary="a b"\r\n\r\n'
        b"--a b  \r\n\r\n--a bc\r\nx --a b\r\n--a\r\n--a b--\r\n"
    )
    assert _read(raw).text == "--a bc\nx --a b\n--a"


def test_a_boundary_in_pieces_is_put_together() -> None:
    raw = (
        HEAD + b"Content-Type: multipart/mixed; boundary*0=uzun; boundary*1=sinir\r\n\r\n"
        b"--uzunsinir\r\n\r\nselam\r\n--uzunsinir--\r\n"
    )
    assert _read(raw).text == "selam"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"x =3D=3D y", "x == y"),
        (b"x == y", "x == y"),
        (b"a==3Db", "a==b"),
        (b"100=ZZ TL", "100=ZZ TL"),
        (b"bir =  \r\niki=", "bir iki"),
        (b"=C3=A7", "ç"),
    ],
)
def test_quoted_printable_loses_no_equals_sign(written: bytes, meant: str) -> None:
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
    assert _read(HEAD + head + b"\r\n\r\n" + written).text == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"bir=0D=0A\r\niki=0D=0A\r\n=0D=0A\r\nson", "bir\niki\n\nson"),
        (b"bir=0A\niki=0D\nson", "bir\niki\nson"),
        (b"bir=0D=0A=\r\niki=0D=0A=\r\nson", "bir\niki\nson"),
    ],
)
def test_a_lines_end_that_is_encoded_and_written_is_one(written: bytes, meant: str) -> None:
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
    assert _read(HEAD + head + b"\r\n\r\n" + written).text == meant


def test_a_lists_footer_below_base64_is_read_as_it_is() -> None:
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    body = base64.b64encode("Şikâyetim var, ürün kırık geldi, iade etmek istiyorum".encode())
    footer = b"\r\n_______________\r\nDestek listesi\r\n"
    text = _read(HEAD + head + body[:60] + b"\r\n" + body[60:] + footer).full_text
    assert text.startswith("Şikâyetim var, ürün kırık geldi, iade etmek istiyorum\n___")
    assert text.endswith("Destek listesi")


def test_base64_in_lines_of_any_length_is_not_a_footer() -> None:
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    words = "Ürün kırık geldi. " * 200
    body = base64.b64encode(words.encode())
    raw = HEAD + head + body[:76] + b"\r\n" + body[76:] + b"\r\n"
    assert _read(raw).text == words.strip()


def test_a_text_with_a_files_name_is_read_and_kept() -> None:
    named = (
        b'Content-Type: text/plain; name="not.txt"\r\nContent-Disposition: inline\r\n\r\nBir not'
    )
    mixed = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\r\n--b\r\n"
    message = _read(mixed + named + b"\r\n--b--\r\n")
    assert (message.text, [a.name for a in message.attachments]) == ("Bir not", ["not.txt"])


def test_a_mails_text_with_a_name_is_not_a_file() -> None:
    named = b'Content-Type: text/plain; name="mesaj.txt"\r\n\r\nSelam'
    alternative = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
    mixed = alternative.replace(b"alternative", b"mixed")
    for raw in (
        HEAD + named,
        HEAD + alternative + named + b"\r\n--b--\r\n",
        HEAD + mixed + named + b"\r\n--b--\r\n",
    ):
        message = _read(raw)
        assert (message.text, message.attachments) == ("Selam", ())


def test_a_uuencoded_part_is_decoded() -> None:
    raw = (
        HEAD + b"Content-Type: application/octet-stream; name=a.txt\r\n"
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n"
    )
    _, files = parse_message(raw, brand="default", account="a", received_at=NOW)
    assert files == (b"abc",)


def _repeat(unit: bytes, head: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: HEAD + head + (unit * (size // len(unit) + 1))[:size] + b"\r\n\r\nx"


MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
BOMBS: dict[str, Callable[[int], bytes]] = {
    "parts": _repeat(b"--b\r\n\r\nx\r\n", MULTIPART),
    "same boundary within itself": _repeat(MULTIPART + b"--b\r\n"),
    "lines like a boundary": _repeat(b"--b b\r\n", MULTIPART),
    "headers": _repeat(b"X-A: b\r\n"),
    "dates": _repeat(b"Date: b\r\n"),
    "stray lines": _repeat(b"stray line\r\n"),
    "folded lines": _repeat(b"\r\n x", b"X-A: b"),
    "other boundaries": lambda size: (
        HEAD
        + b"".join(
            b"Content-Type: multipart/mixed; boundary=b%06d\r\n\r\n--b%06d\r\n" % (i, i)
            for i in range(size // 60)
        )
    ),
}


def _cost(raw: bytes) -> float:
    best = 60.0
    for _ in range(3):
        began = time.process_time()
        _read(raw)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("name", BOMBS)
def test_the_cost_grows_with_the_length_of_the_mail(name: str) -> None:
    small, large = (_cost(BOMBS[name](size)) for size in (125_000, 1_000_000))
    # Below 5 ms the clock's own steps decide.
    assert large <= 16 * max(small, 0.005)
