"""Senders and subjects as odd programs write them, and the author behind a list's address."""

import pytest

from ingest.parsing.letters.charset import decode
from ingest.parsing.mail.author import find_author
from ingest.parsing.mime import header
from ingest.parsing.mime.parser import parse_mail

JAPANESE = ("お問い合わせの件", "Re: 配送状況 確認", "[重要] カスタマーサポート", "製品の故障")
CHINESE = ("关于订单的问题", "退货申请", "您好,我的包裹还没有收到")
TAIWANESE = ("關於訂單的問題", "退貨申請")
KOREAN = ("주문 관련 문의드립니다", "반품 신청")
RUSSIAN = ("Заказ не пришёл", "Жалоба на доставку")
TURKISH = ("Iğdır şubesi", "ŞİKÂYET: ürün kırık", "İade", "Çağrı 123 için öneri", "kırk üç")
WESTERN = ("Übergröße", "déjà vu", "Ångström naïve", "à Paris à pied", "è così, è vero", "É o é")


def _raw(codec: str, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(codec, text) for text in texts]


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        *_raw("cp932", JAPANESE),
        *_raw("euc_jp", JAPANESE),
        *_raw("iso2022_jp", JAPANESE),
        *_raw("gbk", CHINESE),
        *_raw("big5", TAIWANESE),
        *_raw("euc_kr", KOREAN),
        *_raw("cp1251", RUSSIAN),
        *_raw("koi8-r", RUSSIAN),
        *_raw("cp1254", TURKISH),
        *_raw("cp1252", WESTERN),
        *_raw("cp1253", ("Η παραγγελία μου δεν ήρθε",)),
    ],
)
def test_a_raw_subject_without_a_charset_is_read(codec: str, text: str) -> None:
    assert header.decode_header(text.encode(codec)) == text


def test_a_raw_header_is_in_the_charset_of_the_body() -> None:
    raw = "From: Żółć <z@x.example>\r\nSubject: Zażalenie: jaźń\r\nContent-Type: text/plain; charset=iso-8859-2\r\n\r\nx"
    mail = parse_mail(raw.encode("iso-8859-2"))
    assert mail.get("subject") == "Zażalenie: jaźń"
    assert mail.parties("from")[0].name == "Żółć"


def test_a_body_with_a_wrong_latin_label_is_read() -> None:
    assert decode("製品が故障しました。".encode("cp932"), "iso-8859-1")[0] == "製品が故障しました。"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("=?utf-7?Q?+AV4-ik+AOI-yet?=", "Şikâyet"),
        ("=?UTF-7?B?K0FWNC1paw==?=", "Şik"),
        ("=?unicode-1-1-utf-7?Q?+AV4-ik?=", "Şik"),
        ("=?utf-7?Q?a_+_b_+AV4-?=", "a + b Ş"),
        ("=?utf-7?Q?+AV4-ik+2?=", "Şik+2"),
        ("=?utf-7?Q?+AV4?=", "Ş"),
        ("=?utf-8?b?xZ4=?= =?utf-8?q?ik=C3?=\r\n =?utf-8?q?=A2yet?=", "Şikâyet"),
        ("=?utf-8?Q?=3D=3Futf-8=3FB=3FxZ5paw=3D=3D=3F=3D?=", "Şik"),
        ("=?utf-8?B?xZ5payE?= x", "Şik! x"),
        ("=?iso-2022-jp?B?GyRCQD1JShsoQg==?= =?iso-2022-jp?B?GyRCOE4+YxsoQg==?=", "製品故障"),
    ],
)
def test_encoded_words_are_read(written: str, text: str) -> None:
    assert header.decode_header(written.encode()) == text


@pytest.mark.parametrize(
    ("line", "name", "address"),
    [
        ("Test test@ornek.example", "Test", "test@ornek.example"),
        ("ada@ornek.example Ada Su", "Ada Su", "ada@ornek.example"),
        ("Su, Ada ada@ornek.example", "Su, Ada", "ada@ornek.example"),
        ("Ada [mailto:ada@ornek.example]", "Ada", "ada@ornek.example"),
        ("Ada Su [ada@ornek.example]", "Ada Su", "ada@ornek.example"),
        ("Ada <ada @ ornek.example>", "Ada", "ada@ornek.example"),
        ("Ada <<ada@ornek.example>>", "Ada", "ada@ornek.example"),
        ("Ada &lt;ada@ornek.example&gt;", "Ada", "ada@ornek.example"),
        ("<@relay.example:ada@ornek.example>", "", "ada@ornek.example"),
        ('"Ada" <"ada su"@ornek.example>', "Ada", '"ada su"@ornek.example'),
        ("'Ada Su' <ada@ornek.example>", "Ada Su", "ada@ornek.example"),
        ("'Ada <ada@ornek.example>", "Ada", "ada@ornek.example"),
        ("Ada' <ada@ornek.example>", "Ada", "ada@ornek.example"),
        ("O'Neil <o@ornek.example>", "O'Neil", "o@ornek.example"),
        ('"\'t Hart" <h@ornek.example>', "'t Hart", "h@ornek.example"),
        ("Ada Su <ada@ornek.example>.", "Ada Su", "ada@ornek.example"),
        (
            "=?utf-8?Q?=3D=3Futf-8=3FB=3FxZ5paw=3D=3D=3F=3D?= <ada@ornek.example>",
            "Şik",
            "ada@ornek.example",
        ),
        ("moderator", "moderator", None),
    ],
)
def test_a_sender_is_found_in_each_spelling(line: str, name: str, address: str | None) -> None:
    (party,) = header.parse_addresses(line.encode())
    assert (party.name, party.handle("email")) == (name, address)


def _author(head: str) -> tuple[str, str | None]:
    party = find_author(parse_mail(f"{head.strip()}\nMessage-ID: <1@x>\n\nselam".encode()))
    return party.name, party.handle("email")


@pytest.mark.parametrize(
    "head",
    [
        "Reply-To: Ada Su <ada@ornek.example>",
        "From:\nReply-To: Ada Su <ada@ornek.example>\nReturn-Path: <x@posta.example>",
        "From: <>\nSender: Ada Su <ada@ornek.example>",
        "From: Ada Su\nReply-To: ada@ornek.example",
        "From: Ada Su\nReturn-Path: <ada@ornek.example>",
        "From: \"'Ada Su' via Destek\" <destek@biz.example>\nTo: destek@biz.example\n"
        "List-ID: <destek.biz.example>\nX-Original-From: Ada Su <ada@ornek.example>",
        "From: \"'Ada Su' via Destek\" <destek@biz.example>\nTo: destek@biz.example\n"
        "List-ID: <destek.biz.example>\nX-Original-Sender: ada@ornek.example",
        "From: Ada Su via Liste <liste@biz.example>\nTo: liste@biz.example\n"
        "Reply-To: liste@biz.example, Ada Su <ada@ornek.example>",
        "From: Ada Su via Liste <liste@biz.example>\nTo: liste@biz.example\n"
        "Reply-To: liste@biz.example\nCc: Can <can@ornek.example>, Ada Su <ada@ornek.example>",
        "From: Ada Su via Liste <liste@biz.example>\nTo: liste@biz.example\nCc: ada@ornek.example\n"
        "X-Original-From: Ada Su <ada@ornek.example>",
        'From: "Ada Su (Destek aracılığıyla)" <destek@biz.example>\nReply-To: <ada@ornek.example>',
        "From: Ada Su <destek@biz.example>\nTo: destek@biz.example\nList-Id: <destek.biz.example>\n"
        "Reply-To: ada@ornek.example",
        "From: Ada Su <ada=ornek.example@dmarc.liste.example>\nList-Id: <liste.example>",
        "From: Ada Su via Liste <ada=ornek.example@liste.example>",
        "From: Ada Su <ada@ornek.example.invalid>\nList-Id: <liste.example>",
    ],
)
def test_the_author_is_found_when_from_does_not_name_her(head: str) -> None:
    assert _author(head) == ("Ada Su", "ada@ornek.example")


@pytest.mark.parametrize(
    "head",
    [
        "From: Ada Su <ada@ornek.example>\nReply-To: baska@ornek.example",
        "From: Ada Su <ada@ornek.example>\nTo: liste@biz.example\nList-Id: <liste.biz.example>\n"
        "Reply-To: liste@biz.example\nX-Original-Sender: ada@ornek.example",
        "From: Ada Su <ada@ornek.example>\nSender: sekreter@ornek.example",
    ],
)
def test_from_is_the_author_unless_it_was_rewritten(head: str) -> None:
    assert _author(head) == ("Ada Su", "ada@ornek.example")


@pytest.mark.parametrize(
    ("line", "clock"),
    [
        ("2026-03-13T14:20:00+03:00", "11:20"),
        ("Fri, 13 Mar 2026 14:20:00 GMT+3", "11:20"),
        ("Fri, 13 Mar 2026 14:20:00 +03:00", "11:20"),
        ("Fri, 13 Mar 2026 14:20:00 TRT", "11:20"),
        ("Fri, 13 Mar 2026 02:20:00 PM +0300", "11:20"),
        ("Fri, 13 Mar 2026 14:20:60 +0300", "11:20"),
        ("Fri, 13 Mar 2026 14:20:00 -0000", "14:20"),
        ("Fri Mar 13 14:20:00 2026", "14:20"),
        ("Fri, 13 Mar 2026 14:20:00 GMT", "14:20"),
        ("Fri, 13 Mar 2026 14:20:00 EET", "12:20"),
    ],
)
def test_zones_are_read_as_programs_write_them(line: str, clock: str) -> None:
    date = header.parse_date(line.encode())
    assert date is not None
    assert date.strftime("%Y-%m-%d %H:%M") == f"2026-03-13 {clock}"


def test_a_name_may_contain_a_comma_or_brackets() -> None:
    (party,) = header.parse_addresses("Yılmaz, Ada <ada@ornek.example>".encode())
    assert party.name == "Yılmaz, Ada"
    (party,) = header.parse_addresses(b'"Ada (Pazaryeri)" <x@ornek.example>')
    assert party.name == "Ada (Pazaryeri)"


def test_a_header_may_have_two_parties() -> None:
    two = header.parse_addresses(b"Ali <ali@ornek.example>, Ada <ada@ornek.example>")
    assert [party.name for party in two] == ["Ali", "Ada"]


def test_a_space_within_an_encoded_word_is_read() -> None:
    assert header.decode_header(b"=?UTF-8?Q?=C4=B0ade talebi?=") == "İade talebi"
