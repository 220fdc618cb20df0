"""The language of a text: Turkish, English, or neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.models.language import detect_language, detect_languages
from schemas.text.fold import fold


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Kargom hala gelmedi, ne zaman gelir?", "tr"),
        ("siparisim nerede kaldi acaba, cok bekledim", "tr"),
        ("Where is my order? I have been waiting for a week.", "en"),
        ("Wo ist meine Bestellung? Ich habe sie noch nicht bekommen.", "und"),
        ("Où est ma commande? Je ne l'ai pas reçue et je suis déçu.", "und"),
        ("123456", "und"),
        ("", "und"),
        ("😀", "und"),
        # one word, slang, no Turkish letters, brands of others in them
        ("fatura", "tr"),
        ("selam", "tr"),
        ("kampanya", "tr"),
        ("tşk", "tr"),
        ("nbr", "tr"),
        ("siparis", "tr"),
        ("modem bozuk", "tr"),
        ("allah belanizi versin", "tr"),
        ("gerizekali sirket", "tr"),
        ("internet yok @destek https://x.example", "tr"),
        ("refund", "en"),
        ("hi", "en"),
        ("thx", "en"),
        ("cancel", "en"),
        ("Lost password", "en"),
        ("Transfer isn't working?", "en"),
        # small words that other languages have too
        ("i zadowalającego wynagrodzenia i do rodzinie", "und"),
        ("hüququ var, olsun bu və ya başqa", "und"),
        ("aide et à une assistance", "und"),
        # neighbours, other scripts
        ("Internet geht nicht", "und"),
        ("Quiero devolver el producto", "und"),
        ("Non funziona", "und"),
        ("Gdzie jest moje zamówienie?", "und"),
        ("Danke schön", "und"),
        ("Zəhmət olmasa kömək edin", "und"),
        ("Pulumu geri qaytarın", "und"),
        ("Где мой заказ?", "und"),
        ("أين طلبي؟", "und"),
        ("我的订单在哪里?", "und"),
    ],
)
def test_turkish_english_or_neither(text: str, wanted: str) -> None:
    assert detect_language(text) == wanted


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_the_language_of_a_text_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    assert detect_languages(texts, [fold(t).split() for t in texts]) == [
        detect_language(t) for t in texts
    ]
