"""Reading mail: charsets, encoded words, HTML, attachments, threads, and bytes of any kind."""

import base64
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.letters.charset import decode
from ingest.parsing.mail.message import parse_message
from ingest.parsing.mime import header
from ingest.parsing.mime.parser import parse_mail
from schemas.base import conversation_id
from schemas.errors import Rejected
from schemas.message import Message
from schemas.text import reply_token

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"key"


def _read(raw: bytes, **more: str) -> Message:
    return parse_message(
        raw, brand="default", account="a", received_at=NOW, signing_key=KEY, **more
    )[0]  # type: ignore[arg-type]  # texts only


def _mail(head: str = "", body: bytes = b"selam", charset: str = "cp1254") -> bytes:
    return (
        b"From: Ada <ada@ornek.example>\r\nMessage-ID: <1@ornek.example>\r\n"
        + head.encode(charset)
        + b"\r\n"
        + body
    )


TURKISH = "Iğdır'dan yazıyorum: ücret, şikâyet, ÇĞİÖŞÜ"


@pytest.mark.parametrize(
    "label", ["windows-1254", "ISO-8859-9", "iso-8859-1", "us-ascii", "x-unknown", None]
)
def test_a_turkish_body_is_read_under_any_label(label: str | None) -> None:
    head = f"Content-Type: text/plain; charset={label}\r\n" if label else ""
    assert _read(_mail(head, TURKISH.encode("cp1254"))).text == TURKISH


def test_utf8_under_another_label_is_read() -> None:
    raw = _mail("Content-Type: text/plain; charset=iso-8859-9\r\n", TURKISH.encode())
    message = _read(raw)
    assert message.text == TURKISH
    assert "charset.wrong" in message.repaired


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("gb2312", "你好，我的订单"),
        ("iso-2022-jp", "注文はどこですか"),
        ("koi8-r", "Где мой заказ"),
        ("utf-7", "Grüße"),
    ],
)
def test_other_charsets_are_read(label: str, text: str) -> None:
    raw = _mail(f"Content-Type: text/plain; charset={label}\r\n", text.encode(label))
    assert _read(raw).text == text


def test_raw_eight_bit_headers_are_read() -> None:
    message = _read(
        "From: Ayşe Örnek <ayse@ornek.example>\r\nSubject: Şikâyet: ücret çok yüksek\r\n\r\nx".encode(
            "cp1254"
        )
    )
    assert message.subject == "Şikâyet: ücret çok yüksek"
    assert message.sender.name == "Ayşe Örnek"
    assert message.sender.handle("email") == "ayse@ornek.example"


def test_encoded_words_split_within_a_character_are_joined() -> None:
    raw = "Ödeme ücreti".encode()
    words = " ".join(
        f"=?utf-8?B?{base64.b64encode(raw[i : i + 3]).decode()}?=" for i in range(0, len(raw), 3)
    )
    assert header.decode_header(words.encode()) == "Ödeme ücreti"
    assert header.decode_header(b"=?iso-8859-9?Q?=DEik=E2yet?= no 5") == "Şikâyet no 5"


@pytest.mark.parametrize(
    ("line", "name", "address"),
    [
        (b'"Ali, Veli" <ALI@Ornek.example>', "Ali, Veli", "ali@ornek.example"),
        (b"ali@ornek.example (Ali Veli)", "Ali Veli", "ali@ornek.example"),
        (b"=?utf-8?Q?Ay=C5=9Fe?= <a@b.example>", "Ayşe", "a@b.example"),
        (b"=?utf-8?Q?Ali_=3Ca=40b.example=3E?=", "Ali", "a@b.example"),
        (b'"Ali <a@b.example>', "Ali", "a@b.example"),
        (b"Destek:;, a@b.example", "", "a@b.example"),
        (b"<a@b.example>", "", "a@b.example"),
        (b"Team: a@b.example;", "", "a@b.example"),
    ],
)
def test_addresses_are_found_in_each_spelling(line: bytes, name: str, address: str) -> None:
    parties = [p for p in header.parse_addresses(line) if p.handles]
    assert (parties[0].name, parties[0].handle("email")) == (name, address)


def test_semicolons_and_commas_part_addresses() -> None:
    parties = header.parse_addresses(b'a@x.example; "b, c" <b@x.example>, c@x.example')
    assert [p.handle("email") for p in parties] == ["a@x.example", "b@x.example", "c@x.example"]


def test_html_only_mail_is_laid_out_as_text() -> None:
    html = "<html><head><style>p{}</style><title>t</title></head><body><p>Merhaba,</p><p>iade&nbsp;istiyorum<br>teşekkürler</p><script>x()</script></body></html>"
    message = _read(_mail("Content-Type: text/html; charset=utf-8\r\n", html.encode()))
    assert "iade istiyorum\nteşekkürler" in message.text
    assert "x()" not in message.text
    assert "p{}" not in message.text


def _built(text: str = "metin") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "ada@ornek.example", "<9@ornek.example>"
    mail.set_content(text)
    return mail


def test_attachments_keep_their_names_types_and_bytes() -> None:
    mail = _built()
    mail.add_attachment(b"%PDF-1", maintype="application", subtype="pdf", filename="fatura ğüş.pdf")
    message, files = parse_message(mail.as_bytes(), brand="b", account="a", received_at=NOW)
    (attachment,) = message.attachments
    assert (attachment.name, attachment.type, attachment.size) == (
        "fatura ğüş.pdf",
        "application/pdf",
        6,
    )
    assert files == (b"%PDF-1",)
    assert message.text == "metin"


def test_the_plain_part_is_taken_and_pictures_in_the_html_are_inline() -> None:
    mail = _built("düz metin")
    mail.add_alternative("<p>html <img src='cid:x'></p>", subtype="html")
    mail.get_payload()[1].add_related(b"GIF89a", "image", "gif", cid="<x>", filename="logo.gif")  # type: ignore[union-attr,index]  # the HTML part
    message = _read(mail.as_bytes())
    assert message.text == "düz metin"
    assert [(a.name, a.inline) for a in message.attachments] == [("logo.gif", True)]


def test_a_forwarded_mail_within_is_kept_as_a_file() -> None:
    mail = _built()
    mail.add_attachment(_built("içerideki"))
    message = _read(mail.as_bytes())
    assert [a.type for a in message.attachments] == ["message/rfc822"]


def test_the_conversation_is_the_first_reference_then_the_parent_then_itself() -> None:
    root = conversation_id("default", "mail", "<root@x.example>")
    assert _read(_mail("References: <root@x.example>\r\n <b@x.example>\r\n")).conversation == root
    assert _read(_mail("In-Reply-To: <root@x.example>\r\n")).conversation == root
    alone = conversation_id("default", "mail", "<1@ornek.example>")
    assert _read(_mail()).conversation == alone
    assert _read(_mail("References: <[root@x.example]>\r\n")).conversation == root


def test_our_signed_token_brings_a_reply_home_and_a_forged_one_does_not() -> None:
    home = conversation_id("default", "mail", "x")
    ours = reply_token.message_id(KEY, home, "abc", "destek.example")
    assert _read(_mail(f"References: <other@x.example> {ours}\r\n")).conversation == home
    forged = reply_token.message_id(b"other", home, "abc", "destek.example")
    assert _read(_mail(f"In-Reply-To: {forged}\r\n")).conversation != home


def test_mail_without_a_message_id_has_the_same_id_again() -> None:
    raw = b"From: a@b.example\r\nSubject: x\r\n\r\nmetin"
    assert _read(raw).id == _read(raw).id
    assert _read(raw).id != _read(raw + b"!").id
    assert "mail.no_message_id" in _read(raw).repaired


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("Auto-Submitted: auto-replied\r\n", "out_of_office"),
        ("X-Autoreply: yes\r\n", "out_of_office"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n", "bounce"),
        ("Precedence: list\r\nList-Id: <x.y>\r\nList-Unsubscribe: <mailto:x@y>\r\n", "list"),
    ],
)
def test_machines_are_detected_with_their_evidence(head: str, kind: str) -> None:
    machine = _read(_mail(head)).automatic
    assert machine is not None
    assert machine.kind == kind
    assert machine.evidence


@pytest.mark.parametrize(
    "head", ["Auto-Submitted: no\r\n", "X-Auto-Response-Suppress: All\r\n", "Precedence: bulk\r\n"]
)
def test_people_are_not_taken_for_machines(head: str) -> None:
    assert _read(_mail(head)).automatic is None


def test_nothing_at_all_is_rejected() -> None:
    for raw in (b"", b"\r\n\r\n", b"   \n"):
        with pytest.raises(Rejected, match="mime.empty"):
            parse_mail(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"To: (c):\r\n\r\nx",
        b'To: "\r\n\r\nx',
        b"Content-Type: a/b; name*\r\n\r\nx",
        b"From: " + b"(" * 900 + b"\r\n\r\nx",
        b"Date: Mon, 1 Jan 0000 99:99:99 +" + b"9" * 30 + b"\r\n\r\nx",
        b"Subject: =?utf-8?B?=0A?=\r\nFrom: =?utf-8?Q?a=0Ab?= <a@b.c>\r\n\r\nx",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Message-ID: <[x@y]>\r\n\r\n",
        b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800",
        b"Content-Transfer-Encoding: base64\r\n\r\n====",
        b"\xff" * 100,
        b":\r\n:\r\n",
        b"\x00\x00",
    ],
)
def test_mails_that_break_other_parsers_are_read(raw: bytes) -> None:
    msgspec.json.encode(_read(raw))


_PIECES = st.lists(
    st.sampled_from(
        [
            b"From: ",
            b"To: ",
            b"Subject: ",
            b"=?utf-8?B?",
            b"?=",
            b"=?iso-8859-9?q?",
            b"<",
            b">",
            b"@",
            b'"',
            b"(",
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: message/rfc822\r\n",
            b"--b\r\n",
            b"--b--\r\n",
            b"\r\n",
            b"\r\n\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"charset=",
            b"References: ",
            b"filename*0*=utf-8''%",
            b"Content-Disposition: attachment; ",
            b"Date: ",
            b"begin 644 x\r\n",
        ]
    )
    | st.binary(max_size=12),
    max_size=60,
).map(b"".join)


@given(_PIECES | st.binary(max_size=600))
def test_no_bytes_make_the_parser_raise_anything_but_rejected(raw: bytes) -> None:
    try:
        msgspec.json.encode(_read(raw))
    except Rejected as error:
        assert error.code == "mime.empty"


@given(
    st.binary(max_size=200),
    st.sampled_from(["utf-8", "cp1254", "utf-16", "hex", "idna", None, "x-mac-turkish", "\x00"]),
)
def test_no_bytes_make_decoding_raise_or_leave_surrogates(data: bytes, label: str | None) -> None:
    decode(data, label)[0].encode()


def test_deep_and_wide_mails_take_no_longer_than_their_size() -> None:
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(500)
    )
    wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000
    began = time.monotonic()
    for raw in (deep, wide, b"To: " + b"a@b.example," * 20_000 + b"\r\n\r\nx"):
        _read(raw)
    # Not a speed test: a parser whose time grows with the square would take minutes.
    assert time.monotonic() - began < 30
