"""The customer's own words, forwards, dates, threads: what mail programs really write. Invented."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.html import text as html
from ingest.parsing.mail.forward import read_original
from ingest.parsing.mail.message import parse_message
from ingest.parsing.mail_text import reply
from ingest.parsing.mime import header
from ingest.parsing.mime.calendar_text import read_calendar
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OWN = "Merhaba,\n\nKargom hâlâ gelmedi, bakar mısınız?"
QUOTED = "> Siparişiniz kargoya verildi.\n> Marka Destek"
BARE = "Siparişiniz kargoya verildi.\nMarka Destek"


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


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("quoted", [QUOTED, BARE])
def test_what_is_quoted_below_a_head_is_cut(head: str, quoted: str) -> None:
    assert _read(f"{OWN}\n\n{head}\n\n{quoted}\n", "In-Reply-To: <0@marka.example>\n").text == OWN


@pytest.mark.parametrize("head", HEADS)
def test_the_line_right_above_a_head_is_the_customers(head: str) -> None:
    text = f"Teşekkürler.\nAdresim Moda Caddesi 12.\n{head}\n\n{QUOTED}\n"
    own = _read(text, "In-Reply-To: <0@marka.example>\n").text
    assert own == "Teşekkürler.\nAdresim Moda Caddesi 12."


@pytest.mark.parametrize(
    "block",
    [
        "Kimden: Marka Destek <destek@marka.example>\nGönderme Tarihi: 13 Mart 2026 14:05\nKime: Ada\nKonu: Sipariş",
        "________________________________\nKimden: Marka <destek@marka.example>\nGönderildi: 13 Mart 2026 Cuma 14:05\nKime: Ada\nKonu: Sipariş",
        "*Kimden:* Marka <destek@marka.example>\n*Gönderilme Tarihi:* 13 Mart 2026\n*Alıcı:* Ada\n*Konu:* Sipariş",
        "From: Brand <destek@marka.example>\nSent: Friday, March 13, 2026 2:05 PM\nTo: Ada\nSubject: Order",
        "-----Orijinal İleti-----\nKimden: Marka",
        " ------------------------------\n\n*From:* Brand [mailto:x@marka.example]\n*Sent:* Friday\n*To:* a\n*Subject:* b",
    ],
)
def test_outlooks_block_is_a_quote_in_a_reply(block: str) -> None:
    assert _read(f"{OWN}\n\n{block}\n\n{BARE}", "Subject: Ynt: Sipariş\n").text == OWN


@pytest.mark.parametrize(
    "text",
    [
        'Merhaba,\n12.03.2026 14:30 tarihinde temsilciniz bana şunu yazdı:\n"İadeniz onaylandı"\nAma para gelmedi!',
        "Şikâyet:\nAyşe <ayse@marka.example> bana yazdı:\nhallolacak\nAma hallolmadı.",
        "Kargo bilgileri şöyle:\nGönderen: Ada Yılmaz\nTarih: 12.03.2026 14:30\nKime: Ali\niadem yapılmadı",
        "-- Orijinal fatura no 55 --\nbu fatura yanlış",
        "Sorunlarım:\n--\n1. Ürün kırık\n2. Fatura yok, lütfen gönderin.",
        "Merhaba\n--\nSiparişim gelmedi, iade istiyorum.",
        "İyi günler\nSamsung TV yanlış adrese gönderildi.",
        "Merhaba\niPhone kutusu açık gönderildi",
        "Merhaba\nSipariş eski telefonumdan gönderildi",
        "Merhaba\niPhone depodan gönderildi",
        "Here is another one\nSent from my desk, which is easier than my mobile phone.",
        "Bu e-posta ve ekleri gizlidir, neden herkese gönderdiniz?\nŞikâyetçiyim.",
    ],
)
@pytest.mark.parametrize("head", ["", "In-Reply-To: <0@marka.example>\n"])
def test_words_of_the_customer_that_look_like_something_else_are_kept(text: str, head: str) -> None:
    assert _read(text, head).text == text


@pytest.mark.parametrize(
    "last",
    [
        "iPhone'umdan gönderildi",
        "Galaxy'den gönderildi",
        "Samsung Galaxy cihazımdan gönderildi",
        "Sent from my iPhone",
        "Sent from my Verizon Wireless BlackBerry",
        "Sent from Yahoo Mail on Android",
        "Windows için Posta ile gönderildi",
        "iOS için Outlook uygulamasını edinin<https://aka.ms/x>",
        "Android için Outlook'u edinin",
        "Mobil cihazımdan gönderilmiştir",
        "Get Outlook for iOS<https://aka.ms/x>",
        "Android’de Yahoo Postadan gönderildi",
        "Bu e-posta mesajı ve ekleri gizlidir, yalnızca muhatabına aittir. Yetkisiz kullanımından "
        "gönderen sorumlu değildir; yanlış aldıysanız silmenizi rica ederiz.",
        "________________________________\nThis email and any attachments are confidential and intended "
        "for the recipient only. Unauthorized use is prohibited; please delete it.",
        "-- \nAda Yılmaz\n0532 111 22 33",
        "_______________________________________________\ndestek mailing list\ndestek@liste.example\n"
        "https://liste.example/mailman/listinfo/destek",
        "--\nAda Yılmaz\nSatın Alma Uzmanı\nÖrnek A.Ş.",
    ],
)
def test_what_programs_and_lawyers_write_below_is_cut(last: str) -> None:
    assert _read(f"{OWN}\n\n{last}").text == OWN


def test_answers_between_the_lines_of_an_html_quote_are_the_customers() -> None:
    body = (
        "<p>Cevaplarım aşağıda:</p><div class='gmail_quote'><div class='gmail_attr'>"
        "13 Mar 2026 Cum, 14:05 tarihinde Marka &lt;destek@marka.example&gt; şunu yazdı:<br></div>"
        "<blockquote class='gmail_quote'>Numaranız kargoya verildi mi?</blockquote>"
        "<p>Hayır, numaram 12345</p><blockquote class='gmail_quote'>Adresiniz?</blockquote><p>Moda</p></div>"
    )
    message = _read(body, "In-Reply-To: <0@marka.example>\n", "text/html")
    assert message.text.split("\n\n")[0] == "Cevaplarım aşağıda:"
    assert "Hayır, numaram 12345" in message.text
    assert "Moda" in message.text
    assert "Adresiniz" not in message.text
    assert "> Adresiniz?" in message.full_text


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            "<div>Kargom nerede?</div><blockquote type='cite'>Siparişiniz yolda.<br>Marka</blockquote>",
            "Kargom nerede?",
        ),
        (
            "<div class='moz-cite-prefix'>13.03.2026 14:05 tarihinde Marka yazdı:<br></div>"
            "<blockquote type='cite'>Yolda.</blockquote><p>Gelmedi, iade istiyorum.</p>",
            "Gelmedi, iade istiyorum.",
        ),
        ("<div style='display:none'>önizleme</div><div>Görünen</div>", "Görünen"),
    ],
)
def test_html_replies_keep_what_was_written_now(body: str, wanted: str) -> None:
    assert _read(body, "In-Reply-To: <0@marka.example>\n", "text/html").text == wanted


def test_a_quotation_of_ones_own_in_html_is_ones_own() -> None:
    message = _read(
        "<p>Sözleşmede</p><blockquote>iade 14 gün</blockquote><p>yazıyor.</p>", "", "text/html"
    )
    assert message.text.split() == ["Sözleşmede", "iade", "14", "gün", "yazıyor."]


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


def test_a_forward_within_what_is_quoted_makes_no_forward_of_the_answer() -> None:
    quote = "> ---------- Forwarded message ---------\n> Gönderen: Can <can@ornek.example>\n> ORASI"
    message = _read(
        f"{OWN}\n\n{HEADS[0]}\n\n> Bilginize.\n{quote}\n",
        "Subject: Re: Fwd: x\nIn-Reply-To: <0@y>\n",
    )
    assert (message.forwarded, message.text) == (None, OWN)


@pytest.mark.parametrize("prefix", ["FW", "[EXTERNAL] FW", "[Destek #12] İlt", "Weitergeleitet"])
def test_a_forward_is_known_by_its_subject_whatever_stands_before_it(prefix: str) -> None:
    block = "Kimden: Can <can@ornek.example>\nTarih: 3 Mart 2026 14:05\nKime: ada\nKonu: Paket"
    head = f"Subject: {prefix}: Paket\nIn-Reply-To: <0@marka.example>\n"
    message = _read(f"Bakın.\n\n{block}\n\nPaket kırık.", head)
    assert message.forwarded is not None
    assert message.text == "Bakın.\n\nPaket kırık."


def test_a_traveller_who_writes_from_and_to_forwards_nothing() -> None:
    text = (
        "From: Istanbul\nTo: Berlin\nDate: 3 March 2026 09:12\nSubject: seat\n\nPlease change it."
    )
    assert read_original(text, "My seat") is None


@pytest.mark.parametrize(
    "prefix",
    [
        "Ynt.",
        "Yanıt",
        "Cevap",
        "Antwort",
        "VS",
        "R",
        "Rép ",
        "Ответ",
        "Re^2",
        "Re(3)",
        "답장",
        "תשובה",
        "[EXTERNAL] Re",
        "[Destek #12] Ynt",
        "***SPAM*** Re",
    ],
)
def test_an_answer_without_references_is_known_by_its_subject(prefix: str) -> None:
    text = f"{OWN}\n\n{HEADS[0]}\n\n{BARE}\n"
    assert _read(text, f"Subject: {prefix}: Kargo\n").text == OWN


def test_fields_that_run_together_begin_the_quotation_and_a_persons_do_not() -> None:
    fields = (
        "From: Marka <destek@marka.example> Sent: 13 Mar 2026 14:05 To: Ada <ada@ornek.example>"
    )
    assert reply.own_words(f"{OWN}\n\n{fields} Subject: Re: x\n\n{BARE}", is_reply=True) == OWN
    bold = "*Kimden:* Marka <destek@marka.example> *Tarih:* 13.03.2026 *Kime:* Ada *Konu:* x"
    assert reply.own_words(f"{OWN}\n\n{bold}\n\n{BARE}", is_reply=True) == OWN
    own = (
        f"{OWN} Yazan: ada@ornek.example From: İzmir To: Ankara Date: 3 Mart Subject: iade\nBakın."
    )
    assert reply.own_words(own, is_reply=True) == own


def test_a_mail_that_is_shown_within_an_answer_stays_and_what_it_quotes_goes() -> None:
    shown = "---------- Forwarded message ---------\nFrom: Kargo <k@kargo.example>\n"
    shown += (
        "Date: 3 Mar 2026 14:05\nSubject: Paket\nTo: <ada@ornek.example>\n\nPaket teslim edildi."
    )
    text = f"{OWN}\n\n{shown}\n\n{HEADS[0]}\n\n{QUOTED}"
    assert reply.own_words(text, is_reply=True) == f"{OWN}\n\n{shown}"


def test_an_address_in_in_reply_to_is_no_thread() -> None:
    reply_to = (
        'In-Reply-To: Marka Destek <destek@marka.example> of "Fri, 13 Mar" <0@marka.example>\n'
    )
    assert _read("x", reply_to).thread == ("<0@marka.example>", "<1@x>")
    assert _read("x", "In-Reply-To: <destek@marka.example>\n").thread == ("<1@x>",)
    strangers = {_read("x", "In-Reply-To: Your message of Friday\n").conversation}
    assert strangers == {_read("x").conversation}


@pytest.mark.parametrize(
    ("line", "wanted"),
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
def test_zones_are_read_as_programs_write_them(line: str, wanted: str) -> None:
    date = header.parse_date(line.encode())
    assert date is not None
    assert date.strftime("%Y-%m-%d %H:%M") == f"2026-03-13 {wanted}"


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


def test_names_and_words_of_headers() -> None:
    (party,) = header.parse_addresses("Yılmaz, Ada <ada@ornek.example>".encode())
    assert party.name == "Yılmaz, Ada"
    two = header.parse_addresses(b"Ali <ali@ornek.example>, Ada <ada@ornek.example>")
    assert [p.name for p in two] == ["Ali", "Ada"]
    (party,) = header.parse_addresses(b'"Ada (Pazaryeri)" <x@ornek.example>')
    assert party.name == "Ada (Pazaryeri)"
    assert header.decode_header(b"=?UTF-8?Q?=C4=B0ade talebi?=") == "İade talebi"


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
        raw + label.encode() + b"\n\n" + __import__("base64").encodebytes(data),
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


_LINES = st.lists(
    st.sampled_from(
        [
            *HEADS,
            QUOTED,
            "--",
            "-- ",
            "Kimden: x",
            "> a",
            "Sent from my iPhone",
            "Konu: y",
            OWN,
            "",
            "____",
        ]
    ),
    max_size=12,
)


@given(_LINES, st.booleans())
def test_cutting_never_leaves_nothing_and_never_adds(lines: list[str], is_reply: bool) -> None:
    text = "\n".join(lines)
    own = reply.own_words(text, is_reply=is_reply)
    assert bool(own.strip()) == bool(text.strip())
    assert set(own.split()) <= set(text.split())
    read_original(text, "Fwd: x")


@given(st.text(alphabet="<>/abcdeqlokut =\"'-:\ue000\ue001 cite", max_size=200))
def test_no_html_makes_the_text_fail(text: str) -> None:
    html.to_text(f"<blockquote type=cite>{text}<blockquote>{text}</blockquote>")


@pytest.mark.parametrize("name", ["DESCRIPTION", "Description", "DESCRİPTİON", "descrıptıon"])
def test_the_names_of_a_calendars_fields_are_read_in_any_case(name: str) -> None:
    assert (
        read_calendar(f"BEGIN:VEVENT\n{name}:Gelemiyorum, beni arayın\n")
        == "Gelemiyorum, beni arayın"
    )
