"""Other capitals, other spaces and decomposed letters change no decision. Invented sentences."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.letters.composition import compose
from router.decision.decide import decide_message
from schemas.decision import Decision
from tests.support.messages import NOW, message, policy

SENTENCES = [
    "Siparişim on gündür yolda, kargom nerede kaldı?",
    "30 lıra yukledıgım halde ınternet gelmedı",
    "15 Mayıs'ta 250 TL ödedim, faturam hâlâ kapanmadı",
    "Iğdır şubesinde ilgisizlik had safhada!",
    "Şifremi unuttum, ayse.oz@ornek.example adresime kod gelmiyor",
    "İade talebim: SİP-77120 no'lu sipariş",
    "Beni 0541 777 66 55 numarasından arayın, IBAN TR52 0001 2009 4520 0058 0000 01",
    "Modemin ışıkları yanıyor ama internet yok; bıktım artık",
    "Hattımı İngiltere'de kullanabilir miyim?",
    "My invoice is wrong, I want a refund of $120",
    "I have a question about my password",
    "Kimlik numaram 29304857110, üyeliğimi iptal edin",
    "QR kodla giriş yapamıyorum, sinir oldum",
]


def _turkish_capitals(text: str) -> str:
    return text.replace("i", "İ").replace("ı", "I").upper()


def _turkish_small(text: str) -> str:
    return text.replace("I", "ı").replace("İ", "i").lower()


SAME: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "small": str.lower,
    "Turkish capitals": _turkish_capitals,
    "Turkish small": _turkish_small,
    "first letters": str.title,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "two spaces": lambda text: text.replace(" ", "  "),
    "no-break spaces": lambda text: text.replace(" ", "\xa0"),
    "thin spaces": lambda text: text.replace(" ", "\u2009"),
    "spaces around": lambda text: f" \n{text}\t ",
}
OTHER: dict[str, Callable[[str], str]] = {
    "without Turkish letters": lambda text: (
        unicodedata.normalize("NFD", text).encode("ascii", "ignore").decode()
    ),
    "without dots": lambda text: text.replace("i", "ı"),
    "decomposed for good": lambda text: unicodedata.normalize("NFKD", text),
    "doubled": lambda text: f"{text} {text}",
    "long s": lambda text: text.replace("s", "ſ").replace("k", "K"),
}


def _decide(text: str) -> Decision:
    return decide_message(message(compose(text)), None, policy(), NOW).decision


def _outcome(decision: Decision) -> tuple[object, ...]:
    entities = tuple((entity.kind, entity.value.upper()) for entity in decision.entities)
    return (decision.department, decision.action, decision.intent, decision.language, entities)


@pytest.mark.parametrize("way", SAME)
@pytest.mark.parametrize("text", SENTENCES)
def test_case_composition_and_spaces_change_no_decision(text: str, way: str) -> None:
    assert _outcome(_decide(SAME[way](text))) == _outcome(_decide(text))


@given(
    st.sampled_from(SENTENCES),
    st.lists(st.sampled_from([*SAME.values(), *OTHER.values()]), max_size=3),
    st.integers(0, 120),
    st.integers(0, 120),
)
def test_no_variant_of_a_text_raises(
    text: str, ways: list[Callable[[str], str]], first: int, last: int
) -> None:
    for way in ways:
        text = way(text)
    decide_message(message(text[first : first + last]), None, policy(), NOW)
    decide_message(message(text), None, policy(), NOW)
