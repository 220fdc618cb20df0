"""The heads that mail programs write above a quoted mail, in any language. Invented."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing.mail.forward import read_forward
from ingest.parsing.mail_text.mail_programs import LANGUAGES, Language
from ingest.parsing.mail_text.reply import own_words

OWN = "Merhaba,\n\nKargom hâlâ gelmedi."
QUOTED = "> Paketiniz yolda.\n>\n> Destek"
BARE = "Paketiniz yolda.\nDestek"
SENTENCES = [
    "Destek Ekibi <destek@marka.example> schrieb am Di., 3. März 2026 um 14:05:",
    "Destek Ekibi <destek@marka.example> schrieb am Mo., 23.\nMärz 2026, 14:05:",
    "Am 03.03.26 um 14:05 schrieb Destek <destek@marka.example>:",
    "Den tis 3 mars 2026 kl 14:05 skrev Destek <destek@marka.example>:",
    "tir. 3. mars 2026 kl. 14.05 skrev Destek <destek@marka.example>:",
    "ti 3. maalisk. 2026 klo 14.05 Destek (destek@marka.example) kirjoitti:",
    "W dniu 3.03.2026 o 14:05, Destek pisze:",
    "wt., 3 mar 2026 o 14:05 Destek <destek@marka.example> napisał(a):",
    "Dne út 3. 3. 2026 14:05 uživatel Destek <destek@marka.example> napsal:",
    "Destek <destek@marka.example> ezt írta (időpont: 2026. márc. 3., K, 14:05):",
    "Pe mar., 3 mar. 2026 la 14:05, Destek <destek@marka.example> a scris:",
    "вт, 3 мар. 2026 г. в 14:05, Destek <destek@marka.example>:",
    "вторник, 3 марта 2026 г. пользователь Destek написал:",
    "вт, 3 бер. 2026 р. о 14:05 Destek <destek@marka.example> пише:",
    "في الثلاثاء، 3 مارس 2026 في 14:05 تمت كتابة ما يلي بواسطة Destek <destek@marka.example>:",
    "‫בתאריך יום ג׳, 3 במרץ 2026 ב-14:05 מאת ‪Destek‬‏ <‪destek@marka.example‬‏>:‬",
    "2026年3月3日(火) 14:05 Destek <destek@marka.example>:",
    "Destek <destek@marka.example> 于2026年3月3日周二 14:05写道：",
    "2026년 3월 3일 (화) 오후 2:05, Destek <destek@marka.example>님이 작성:",
    "El mar, 3 mar 2026 a las 14:05, Destek (<destek@marka.example>) escribió:",
    "Em ter., 3 de mar. de 2026 às 14:05, Destek <destek@marka.example> escreveu:",
    "Il giorno mar 3 mar 2026 alle ore 14:05 Destek <destek@marka.example> ha scritto:",
    "Le mar. 3 mars 2026 à 14:05, Destek <destek@marka.example> a écrit :",
    "Op di 3 mrt 2026 om 14:05 schreef Destek <destek@marka.example>:",
    "At 3/3/2026 02:05 PM, you wrote:",
    "---- On Tue, 03 Mar 2026 14:05:11 +0300 Destek<destek@marka.example> wrote ----",
    "In message <a1@marka.example> of 3 Mar 2026, Destek writes:",
    "ในวันที่ อ. 3 มี.ค. 2026 เวลา 14:05 Destek <destek@marka.example> เขียนว่า:",
    "V tor., 3. mar. 2026 ob 14:05 je oseba Destek <destek@marka.example> napisala:",
    "2026-03-03, an, 14:05 Destek <destek@marka.example> rašė:",
    "Missatge de Destek <destek@marka.example> del dia dt., 3 de març 2026 a les 14:05:",
    "Wiadomość napisana przez Destek <destek@marka.example> w dniu 3 mar 2026, o godz. 14:05:",
    "Quoting Destek <destek@marka.example>:",
    "3 Mar 2026, 14:05 by destek@marka.example:",
    "‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐",
    "##- Lütfen yanıtınızı bu satırın üzerine yazın -##",
]
"""One sentence of a program in each language, as a localized program writes it."""
UNSAID = [
    "2026-03-03 14:05 GMT+03:00 Destek Ekibi",
    "2026-03-03 14:05 GMT+03:00 Destek Ekibi <destek@marka.example>:",
    "2026/3/3 destek via Marka Forum <forum@marka.example>",
    "Posted by destek on 03/03/2026",
    "destek via Marka Forum wrote:",
]
"""Heads that only a quotation right below them tells from a person's words."""


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("quoted", [QUOTED, BARE])
def test_a_sentence_of_any_language_begins_the_quotation(sentence: str, quoted: str) -> None:
    assert own_words(f"{OWN}\n\n{sentence}\n\n{quoted}\n", is_reply=True) == OWN


@pytest.mark.parametrize("sentence", UNSAID)
def test_a_head_without_a_verb_or_a_date_needs_its_quotation(sentence: str) -> None:
    assert own_words(f"{OWN}\n\n{sentence}\n\n{QUOTED}\n", is_reply=True) == OWN
    bare = f"{OWN}\n\n{sentence}\n\n{BARE}"
    assert own_words(bare, is_reply=False) == bare


def _block(language: Language) -> str:
    sender, date, to, subject = (
        words.split("|")[0]
        for words in (language.sender, language.date, language.to, language.subject)
    )
    return (
        f"{sender}: Destek <destek@marka.example>\n{date}: 3.03.2026 14:05\n"
        f"{to}: Ada <ada@ornek.example>\n{subject}: Paket"
    )


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_the_fields_of_any_language_begin_the_quotation(language: Language) -> None:
    assert own_words(f"{OWN}\n\n{_block(language)}\n\n{BARE}", is_reply=True) == OWN
    reverse = "\n".join(reversed(_block(language).split("\n")))
    assert own_words(f"{OWN}\n\n{reverse}\n\n{BARE}", is_reply=True) == OWN


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_the_titles_of_any_language_begin_the_quotation(language: Language) -> None:
    for title in language.original.split("|"):
        text = f"{OWN}\n\n-----{title}-----\n{_block(language)}\n\n{BARE}"
        assert own_words(text, is_reply=True) == OWN


@pytest.mark.parametrize(
    "block",
    [
        "From: Destek <destek@marka.example>\nReply-To: <r@marka.example>\nDate: 3 Mar 2026 14:05",
        "Da: Destek <destek@marka.example>\nRisposta: r@marka.example\nData: 3 marzo 2026",
        "Betreff: Paket\nVon: Destek <destek@marka.example>\nDatum: 3.3.2026",
        "From: Destek <destek@marka.example>\nTo: Ada <ada@ornek.example>,\n  Can <can@ornek.example>\nSubject: x",
        "From: Destek Ekibi \n<destek@marka.example> \nSent: Tuesday\nTo: Ada\nSubject: x",
        "**From:** destek=a@marka.example <destek=a@marka.example>**On Behalf Of** Destek\n**Sent:** Tuesday\n**To:** Ada",
        "*From:* Destek <destek@marka.example>\n\n*Sent:* Tuesday\n\n*To:* Ada\n\n*Subject:* x",
    ],
)
def test_fields_have_any_order_and_need_no_title(block: str) -> None:
    assert own_words(f"{OWN}\n\n{block}\n\n{BARE}", is_reply=True) == OWN


@pytest.mark.parametrize(
    "text",
    [
        "Konu: fatura\nGönderen: Ada Yılmaz\nTarih: 3 Mart\nFaturam yanlış.",
        "Gelen kargo:\nFrom: İzmir\nTo: Ankara\nGelmedi.",
        "3 Mart 2026 günü kurye bana yazdı:\nKapıdayım\nAma gelmedi.",
        "On the phone your colleague wrote:\nwe pay it back\nYou did not.",
        "Merhaba,\n12.03.2026 14:30 tarihinde kuryeniz yazdı:\nadreste yok\nEvdeydim.",
        "Merhaba,\n12.03.2026 14:30 tarihinde ekibiniz şunu yazdı:\nçözüldü\nÇözülmedi.",
        "Hello,\nOn 12 March 2026 the courier wrote:\nnobody at home\nI was.",
        "Kargom:\nGönderen: Ada Su\nAlıcı: Ali <ali@ornek.example>\nTarih: 12.03.2026\nNerede?",
        "Sepette 3 ürün vardı, sayfada yazdı:\nstok yok",
        "No: 12345\nTarih: 12.03.2026 14:20\nKonu: iade\nNe zaman?",
        "Telefonum yok.\n\nSamsung telefonum Ankara'dan gönderildi",
        "İstediklerim\n--\nİade edin.\nFaturayı gönderin.\nBeni arayın.",
        "Merhaba,\n\nBu e-posta ile gizli verilerimin silinmesini istiyorum. Yetkisiz kişilere "
        "verilmiş, bundan kim sorumlu?\n\nAda",
        "Sipariş detayım:\n> Ürün: Ayakkabı\n> Renk: siyah\n\nYanlış geldi.",
        "Fiyat\n>500 TL olmaz\nİade edin.",
        "DİKKAT: Kurum dışı bir kaynaktan geliyorum, elektrik kaçağı var!\n\nAcil bakın.",
    ],
)
def test_a_persons_own_list_or_story_stays(text: str) -> None:
    assert own_words(text, is_reply=True) == text


def test_a_person_with_the_name_deniz_is_quoted() -> None:
    sentence = "12.03.2026 14:30 tarihinde Deniz Akdeniz <deniz@marka.example> şunu yazdı:"
    assert own_words(f"{OWN}\n\n{sentence}\n\n{BARE}", is_reply=True) == OWN


def test_words_above_between_and_below_quotations_stay() -> None:
    text = f"Önce\n\n{SENTENCES[0]}\n> bir\n\nArada\n\n> iki\n\nSonra"
    assert own_words(text, is_reply=True) == "Önce\n\nArada\n\nSonra"


def test_a_sentence_that_shares_its_line_with_words_is_cut_from_it() -> None:
    sentence = "Le mar. 3 mars 2026 à 14:05, Destek <destek@marka.example> a écrit :"
    assert own_words(f"{OWN} {sentence}\n{QUOTED}", is_reply=True) == OWN
    other = "Kargom gelmedi. On Tue, Mar 3, 2026 at 2:05 PM Destek <destek@marka.example> wrote:"
    assert own_words(f"{other}\n\n{QUOTED}", is_reply=True) == "Kargom gelmedi."


def test_words_below_a_quotation_do_not_belong_to_the_signature_above() -> None:
    text = f"Önce\n-- \nAda Su\n0532 111 22 33\n\n{SENTENCES[0]}\n{QUOTED}\n\nSonra"
    assert own_words(text, is_reply=True) == "Önce\n\nSonra"


def test_questions_and_answers_are_not_a_quotation_by_initials() -> None:
    text = "S> Modem yanıyor mu?\nC> Hayır.\nS> Kablo takılı mı?\nC> Evet."
    assert own_words(text, is_reply=True) == text


def test_a_text_that_begins_with_a_quotation_continues_below_it() -> None:
    text = f"{SENTENCES[2]}\n{QUOTED}\n\nHayır, gelmedi."
    assert own_words(text, is_reply=True) == "Hayır, gelmedi."


def test_a_quotation_with_its_authors_initials_is_cut() -> None:
    text = f"{OWN}\n\nMD> Paketiniz yolda.\nMD> \nMD> Destek"
    assert own_words(text, is_reply=True) == OWN


def test_a_link_that_was_broken_out_of_its_quotation_is_cut() -> None:
    link = "> Takip adresi: https://kargo.example/gonderi/sorgula/ayrinti?numara=5521&di"
    assert (
        own_words(f"Gelmedi.\n\n{link}\nl=tr&kaynak=posta>\n>\n> Destek", is_reply=True)
        == "Gelmedi."
    )


def test_an_answer_right_below_a_quoted_question_stays() -> None:
    question = "> Paketinizin üzerinde yazan takip numarasını bize yazabilir misiniz lütfen?"
    text = f"{question}\nnumara 5521\n> Adresiniz doğru mu?\nEvet"
    assert own_words(text, is_reply=True) == "numara 5521\nEvet"


PIECES = st.sampled_from(
    [
        *SENTENCES,
        *UNSAID,
        *(_block(language) for language in LANGUAGES),
        "-----Original Message-----",
        "----- İletilmiş Mesaj ----- Kimden: a <a@b.example>Kime: b",
        "> a",
        "a",
        "",
        "-- ",
        "____",
        "\u202b",
    ]
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12), st.sampled_from(["\n", "\n\n", " "]), st.booleans())
def test_no_mix_of_heads_and_words_fails_or_leaves_nothing(
    pieces: list[str], separator: str, is_reply: bool
) -> None:
    text = separator.join(pieces)
    assert bool(own_words(text, is_reply=is_reply).strip()) == bool(text.strip())
    read_forward(text, "Fwd: Paket", is_reply=is_reply)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_a_languages_row_names_its_programs_and_repeats_no_word(language: Language) -> None:
    assert language.source
    for column in language:
        words = column.split("|")
        assert len(words) == len(set(words))
