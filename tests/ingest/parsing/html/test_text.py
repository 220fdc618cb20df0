"""HTML as people's programs and strangers write it, read as a browser shows it. Invented."""

import pytest

from ingest.parsing.html.text import to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<html><head><meta charset=utf-8>Kargom kayıp.</head><body>Arayın.</body></html>",
            "Kargom kayıp.\nArayın.",
        ),
        ("<head><style>p{}</style><p>Faturam yanlış.</p></head>", "Faturam yanlış."),
        ("<head><title>Konu</title></head>Modem bozuk", "Modem bozuk"),
        ("<title>Kapanmayan başlık, modem bozuk", "Kapanmayan başlık, modem bozuk"),
        ("Önce<!-- hiç bitmeyen not sonra", "Önce hiç bitmeyen not sonra"),
        ("a<!-->b<!--->c<!-- x -->d", "abcd"),
        ("<![if !mso]>Merhaba<![endif]-->", "Merhaba"),
        ('<a title="100 > 50">az</a>', "az"),
        ("<a title='kesme\">işareti</a> kaldı", "işareti kaldı"),
        ("3 < 5 ve 7 > 2", "3 < 5 ve 7 > 2"),
        ("<q>Yarın gelir</q> dediniz", '"Yarın gelir" dediniz'),
        ("<pre>bir\n  iki</pre>", "bir\niki"),
        ("<ol><li>Kutu<li>Kablo</ol><ul><li>Pil</ul>", "1. Kutu\n2. Kablo\n* Pil"),
        ("bir<br><br><br><br>iki", "bir\n\niki"),
        ("<p>bir</p><p>iki</p>", "bir\n\niki"),
    ],
)
def test_a_document_reads_as_a_browser_shows_it(html: str, text: str) -> None:
    assert to_text(html) == text


def test_the_cells_of_a_row_are_on_one_line() -> None:
    row = "<tr><td><p>{}</p></td><td><p>{}</p></td></tr>"
    html = f"<table>{row.format('Sipariş', '5521')}{row.format('Tutar', '120 TL')}</table>"
    assert to_text(html) == "Sipariş 5521\nTutar 120 TL"


def test_columns_of_several_lines_are_not_mixed() -> None:
    html = "<table><tr><td>Kargom<br>gelmedi</td><td>Destek<br>hattı</td></tr></table>"
    assert to_text(html) == "Kargom\ngelmedi\nDestek\nhattı"


@pytest.mark.parametrize("hidden", ["style='display: none'", 'style="x:y;DISPLAY:none"', "hidden"])
def test_nested_hidden_elements_are_not_read(hidden: str) -> None:
    html = f"<div {hidden}><div>ön <b>izleme</b></div>metni</div><p>Kargom gelmedi.</p>"
    assert to_text(html) == "Kargom gelmedi."


@pytest.mark.parametrize("shown", ["style='overflow: hidden '", 'alt="a hidden b"'])
def test_text_about_hiding_is_shown(shown: str) -> None:
    assert to_text(f"<div {shown}>Kargom gelmedi.</div> Arayın.") == "Kargom gelmedi.\nArayın."


def test_an_element_that_is_never_closed_hides_nothing() -> None:
    assert to_text("<div style='display:none'>Kargom gelmedi.") == "Kargom gelmedi."


def test_a_document_that_hides_all_its_words_is_read_in_full() -> None:
    assert to_text("<div style='display:none'>Kargom gelmedi.</div>") == "Kargom gelmedi."


def test_an_answered_mail_is_marked_by_its_depth_up_to_a_limit() -> None:
    deep = "<blockquote type=cite>" * 1000 + "dip"
    assert to_text(f"üst{deep}") == "üst\n" + "> " * 20 + "dip"


def test_characters_for_private_use_are_a_customers_text() -> None:
    assert to_text("Kargom \ue000\ue001gelmedi.") == "Kargom \ue000\ue001gelmedi."


def test_a_reference_with_thousands_of_digits_is_not_a_character() -> None:
    assert to_text("a&#" + "9" * 5000 + ";b&#" + "0" * 5000 + "65;") == "a\ufffdbA"


@pytest.mark.parametrize("verb", ["napisał(a)", "пише", "kirjoitti", "写道", "ha scritto"])
def test_a_quotation_below_a_programs_sentence_is_an_answered_mail(verb: str) -> None:
    html = f"Gelmedi.<div>Destek {verb}:<br></div><blockquote>Yolda.</blockquote>"
    assert to_text(html) == f"Gelmedi.\nDestek {verb}:\n> Yolda."
