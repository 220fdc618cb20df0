"""Answers as the mail programs of today write them in HTML: only the customer's words stay. Invented."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message

AUTHOR = "Destek &lt;destek@marka.example&gt;"
SIGNED = "<div>Galaxy cihazımdan gönderildi</div>"
HEAD = "3 Mar 2026 Sal, 14:05 tarihinde şunu yazdı:"
FIELDS = (
    f"<b>Kimden:</b> {AUTHOR}<br><b>Gönderildi:</b> 3 Mart 2026 Salı 14:05<br><b>Kime:</b> Ada<br>"
    "<b>Konu:</b> Kargo"
)
QUOTED = "<blockquote type='cite'><p>Yolda.</p></blockquote>"
ANSWERS = {
    "Outlook": f"<div class=WordSection1><p class=MsoNormal>Tamam.<o:p></o:p></p><div style='border-top:solid'>"
    f"<p class=MsoNormal>{FIELDS}<o:p></o:p></p></div><p class=MsoNormal>Yolda.</p></div>",
    "Outlook on the web": f"<div>Tamam.</div><hr><div id='divRplyFwdMsg'><font>{FIELDS}</font></div><div>Yolda.</div>",
    "Outlook on a telephone": f"<div>Tamam.</div><div>iOS için <a href='x'>Outlook</a>’u edinin</div><hr>"
    f"<div>{FIELDS}</div><div>Yolda.</div>",
    "Gmail": f"<div dir='auto'>Tamam.</div><br><div class='gmail_quote'><div class='gmail_attr'>{AUTHOR}, {HEAD}<br></div>"
    "<blockquote class='gmail_quote'><div>Yolda.</div></blockquote></div>",
    "Apple Mail": f"<body dir='auto'>Tamam.<br><div>iPhone’umdan gönderildi</div><div><br><blockquote type='cite'>{AUTHOR} "
    f"şunları yazdı (3 Mar 2026 14:05):<br><br></blockquote></div>{QUOTED}</body>",
    "Yahoo Mail": f"<div>Tamam.</div><div class='yahoo_quoted'><div>3 Mart 2026 Salı 14:05:11 GMT+3 tarihinde {AUTHOR} "
    "şunu yazdı:</div><div><br></div><div>Yolda.</div></div>",
    "Proton Mail": "<div>Tamam.</div><div>Sent with Proton Mail secure email.</div><div class='protonmail_quote'>"
    f"On Tuesday, March 3rd, 2026 at 2:05 PM, {AUTHOR} wrote:<br>{QUOTED}</div>",
    "Zoho Mail": f"<div>Tamam.</div><div>---- Tue, 03 Mar 2026 14:05:11 +0300 <b>{AUTHOR}</b> wrote ----<br><br>"
    "<blockquote id='blockquote_zmail'>Yolda.</blockquote></div>",
    "Yandex Mail": f"<div>Tamam.</div><div>03.03.2026, 14:05, {AUTHOR}:</div><blockquote><p>Yolda.</p></blockquote>"
    "<div>-- <br>Yandex.Mail mobil uygulamasından gönderildi</div>",
    "Mail.ru": f"<div>Tamam.</div><blockquote style='border-left:1px'>Вторник, 3 марта 2026, 14:05 +03:00 от {AUTHOR}:<br>"
    "<div>Yolda.</div></blockquote>",
    "Samsung Email": f"<div>Tamam.</div>{SIGNED}<div>-------- Orijinal mesaj --------</div><div>Kimden: {AUTHOR} </div>"
    "<div>Tarih: 3.03.2026  14:05  (GMT+03:00) </div><div>Alıcı: Ada </div><div>Konu: Kargo </div><div>Yolda.</div>",
    "Thunderbird": "<p>Tamam.</p><div class='moz-cite-prefix'>3.03.2026 14:05 tarihinde Destek yazdı:<br></div>"
    f"{QUOTED}",
}


@pytest.mark.parametrize("html", ANSWERS.values(), ids=ANSWERS.keys())
def test_only_the_words_above_the_quotation_are_the_customers(html: str) -> None:
    raw = (
        "From: Ada <ada@ornek.example>\nMessage-ID: <1@ornek.example>\nIn-Reply-To: <0@marka.example>\n"
        f"Content-Type: text/html; charset=utf-8\n\n{html}"
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    message, _ = parse_message(raw.encode(), brand="default", account="a", received_at=now)
    assert message.text == "Tamam."
    assert "Yolda." in message.full_text


def test_a_programs_quotation_is_cut_without_a_reply_header() -> None:
    raw = (
        "From: Ada <ada@ornek.example>\nMessage-ID: <2@ornek.example>\nSubject: Kargo\n"
        f"Content-Type: text/html; charset=utf-8\n\n<p>Kargom hâlâ gelmedi.</p>{QUOTED}"
    )
    now = datetime(2026, 11, 20, tzinfo=UTC)
    message, _ = parse_message(raw.encode(), brand="default", account="a", received_at=now)
    assert message.text == "Kargom hâlâ gelmedi."
    assert "> Yolda." in message.full_text
