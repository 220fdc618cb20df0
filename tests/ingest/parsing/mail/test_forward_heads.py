"""The heads of forwarded mails in any language. Invented."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.forward import read_forward
from ingest.parsing.mail_text.mail_programs import LANGUAGES, Language

BARE = "Paketiniz yolda.\nDestek"


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
def test_a_forward_of_any_language_tells_its_author(language: Language) -> None:
    for title in language.forwarded.split("|"):
        forward = read_forward(
            f"Bakar mısınız?\n\n---------- {title} ----------\n{_block(language)}\n\n{BARE}", ""
        )
        assert forward is not None
        assert forward.original.sender is not None
        assert forward.original.sender.handle("email") == "destek@marka.example"
        assert forward.original.subject == "Paket"
        assert forward.words == f"Bakar mısınız?\n\n{BARE}"


def test_a_forward_whose_fields_run_together_is_read() -> None:
    text = (
        '  ----- İletilmiş Mesaj ----- Kimden: Can Öz <can@ornek.example>Kime: "ada@ornek.example" '
        "<ada@ornek.example>Cc: Eda <eda@ornek.example>Gönderilen: 3 Mart 2026 Salı 14:05:50 GMT+3Konu: Kırık\n"
        " Kutu kırık geldi.\nDeğiştirin."
    )
    forward = read_forward(text, "Fw: Kırık")
    assert forward is not None
    assert forward.original.sender is not None
    assert forward.original.sender.handle("email") == "can@ornek.example"
    assert [p.handle("email") for p in forward.original.recipients] == ["ada@ornek.example"]
    assert forward.original.sent_at == datetime(2026, 3, 3, 11, 5, 50, tzinfo=UTC)
    assert forward.original.subject == "Kırık"
    assert forward.words == "Kutu kırık geldi.\nDeğiştirin."


@pytest.mark.parametrize(
    "sentence",
    [
        'Am 03/03/2026, 14:05 schrieb "Can Öz" <can@ornek.example>:',
        "Le 03/03/2026 14:05, « Can Öz » <can@ornek.example> a écrit :",
        'El 03/03/2026, 14:05, "Can Öz" <can@ornek.example> escribió:',
        "Op 03/03/2026 14:05 heeft Can Öz <can@ornek.example> geschreven:",
        "Can Öz <can@ornek.example> skrev følgende den 03/03/2026 14:05:",
        "Dnia 03/03/2026 14:05 „Can Öz” <can@ornek.example> napisał:",
    ],
)
def test_a_sentence_of_any_language_tells_a_forwards_author(sentence: str) -> None:
    forward = read_forward(f"{sentence}\n\n    {BARE}", "Fwd: Paket")
    assert forward is not None
    assert forward.original.sender is not None
    author = forward.original.sender
    assert (author.name, author.handle("email")) == ("Can Öz", "can@ornek.example")
    assert forward.original.sent_at is not None
    assert forward.original.sent_at.day == 3
    assert forward.words.startswith("Paketiniz yolda.")


def test_the_title_of_an_original_does_not_belong_to_a_forwards_note() -> None:
    text = f"Bakar mısınız?\n\n--- Original Message ---\n{_block(LANGUAGES[1])}\n\n{BARE}"
    forward = read_forward(text, "FW: Paket")
    assert forward is not None
    assert forward.words == f"Bakar mısınız?\n\n{BARE}"


def test_lines_between_a_forwards_head_and_text_belong_to_neither() -> None:
    head = "From: Can <can@ornek.example>\nDate: 3 Mar 2026 14:05\nTo: ada\n<ada@ornek.example>\n"
    for end in (
        "====== Forwarded message ======",
        "-" * 60,
        "===8<======Original message text======",
    ):
        forward = read_forward(
            f"===== Forwarded message =====\n{head}{end}\n\n{BARE}", "Fwd: Paket"
        )
        assert forward is not None
        assert forward.words == BARE


def test_one_letter_names_a_field_behind_an_address() -> None:
    line = "----- Message transféré ----- De : Can <can@ornek.example>À : <ada@ornek.example>Envoyé : mardi 3 mars 2026 à 14:05Objet : Paquet"
    forward = read_forward(f"{line}\n{BARE}", "Tr : Paquet")
    assert forward is not None
    assert forward.original.sender is not None
    assert forward.original.sender.handle("email") == "can@ornek.example"
    assert forward.original.sent_at is not None


def test_the_first_lines_show_a_mail_that_is_only_a_forward() -> None:
    forward = read_forward(f"{_block(LANGUAGES[0])}\n\n{BARE}", "Paket")
    assert forward is not None
    assert forward.words == BARE
    assert read_forward(f"{_block(LANGUAGES[0])}\n\n{BARE}", "Paket", is_reply=True) is None
