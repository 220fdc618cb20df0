"""The customer's own words, as mail programs and people write replies. Invented."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.html.text import to_text
from ingest.parsing.mail.forward import read_original
from ingest.parsing.mail.message import parse_message
from ingest.parsing.mail_text import reply
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
def test_the_quotation_below_a_head_is_cut(head: str, quoted: str) -> None:
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
def test_the_lines_of_programs_and_lawyers_are_cut(last: str) -> None:
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
def test_html_replies_keep_the_new_words(body: str, wanted: str) -> None:
    assert _read(body, "In-Reply-To: <0@marka.example>\n", "text/html").text == wanted


def test_a_quotation_of_ones_own_in_html_is_ones_own() -> None:
    message = _read(
        "<p>Sözleşmede</p><blockquote>iade 14 gün</blockquote><p>yazıyor.</p>", "", "text/html"
    )
    assert message.text.split() == ["Sözleşmede", "iade", "14", "gün", "yazıyor."]


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


def test_a_mail_shown_within_an_answer_stays_without_its_quotation() -> None:
    shown = "---------- Forwarded message ---------\nFrom: Kargo <k@kargo.example>\n"
    shown += (
        "Date: 3 Mar 2026 14:05\nSubject: Paket\nTo: <ada@ornek.example>\n\nPaket teslim edildi."
    )
    text = f"{OWN}\n\n{shown}\n\n{HEADS[0]}\n\n{QUOTED}"
    assert reply.own_words(text, is_reply=True) == f"{OWN}\n\n{shown}"


def test_an_address_in_in_reply_to_is_not_a_thread() -> None:
    reply_to = (
        'In-Reply-To: Marka Destek <destek@marka.example> of "Fri, 13 Mar" <0@marka.example>\n'
    )
    assert _read("x", reply_to).thread == ("<0@marka.example>", "<1@x>")
    assert _read("x", "In-Reply-To: <destek@marka.example>\n").thread == ("<1@x>",)
    strangers = {_read("x", "In-Reply-To: Your message of Friday\n").conversation}
    assert strangers == {_read("x").conversation}


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
    to_text(f"<blockquote type=cite>{text}<blockquote>{text}</blockquote>")


@pytest.mark.parametrize(
    "quote",
    [
        "Ada Örnek <ada@ornek.example>, 27 Ara 2025 Cmt, 16:05 tarihinde şunu yazdı:\n> eski",
        "Ada Örnek <ada@ornek.example>, 27 Ara 2025 Cmt, 16:05\ntarihinde şunu yazdı:\n\n> eski",
        '"Ada" <ada@ornek.example>, 28/10/2021 12:46 tarihinde şunu yazdı:\neski',
        "-----Orijinal İleti-----\nKimden: Ada\neski",
        "Kimden: Ada <a@b.example>\nGönderme Tarihi: bugün\nKime: x\nKonu: y\n\neski",
        "On Mon, 1 Jan 2026 at 10:00, Ada <a@b.example> wrote:\n> eski",
        "From: Ada\nSent: Monday\nTo: x\nSubject: y\n\neski",
    ],
)
def test_a_quotation_is_cut(quote: str) -> None:
    assert reply.own_words(f"Evet, lütfen.\n\n{quote}\n", is_reply=True) == "Evet, lütfen."


def test_the_customers_words_are_never_lost() -> None:
    reply_text = "On Mon, Ada wrote:\n> soru\n"
    assert reply.own_words(reply_text, is_reply=True)
    assert reply.own_words("> hepsi alıntı", is_reply=True) == "> hepsi alıntı"


def test_a_phones_signature_is_cut() -> None:
    assert (
        reply.own_words("Kargom nerede?\n\niPhone'umdan gönderildi", is_reply=False)
        == "Kargom nerede?"
    )
