"""Personal numbers in any text: all separators, all positions, and no false finding."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.text.iban import bare_iban, iban_holds
from schemas.text.personal_numbers import (
    card_holds,
    find_personal_numbers,
    identity_holds,
    tax_holds,
)

SEPARATORS = [
    " ",
    "\xa0",
    "\u2009",
    "\u2007",
    "\u202f",
    "  ",
    "   ",
    ".",
    "-",
    "\u2010",
    "\u2011",
    "\u2013",
    "\u2212",
    "/",
    " - ",
    "_",
    "\u00b7",
    "\u200b",
    ". ",
]


def _kinds_and_numbers(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in find_personal_numbers(text)]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(
    ("kind", "groups"),
    [
        ("iban", "TR52 0001 2009 4520 0058 0000 01"),
        ("iban", "TR52 00012 0 0945200058000001"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("iban", "FR14 2004 1010 0505 0001 3M02 606"),
        ("iban", "NL91 ABNA 0417 1643 00"),
        ("iban", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
        ("card_number", "4242 4242 4242 4242"),
        ("card_number", "42424242 42424242"),
        ("card_number", "3714 496353 98431"),
        ("card_number", "5200 8282 8282 8210"),
        ("card_number", "6 0 1 1 1 1 1 1 1 1 1 1 1 1 1 7"),
        ("identity_number", "293 048 571 10"),
        ("identity_number", "29 304 857 110"),
        ("identity_number", "29304 857110"),
        ("identity_number", "2 9 3 0 4 8 5 7 1 1 0"),
    ],
)
def test_a_number_is_found_with_every_separator(kind: str, groups: str, separator: str) -> None:
    number = separator.join(groups.split())
    assert _kinds_and_numbers(f"Numaram {number}, teşekkürler") == [(kind, number)]
    assert _kinds_and_numbers(number) == [(kind, number)]


@pytest.mark.parametrize("gap", ["", *SEPARATORS, "\n", "\r\n> ", "    \r\n  > > > "])
@pytest.mark.parametrize("country", ["TR", "tr", "Tr"])
def test_the_head_of_an_iban_may_have_gaps(country: str, gap: str) -> None:
    number = f"{country}{gap}5{gap}20001200945200058000001"
    assert _kinds_and_numbers(f"IBAN numaram 12 {number}") == [("iban", number)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ibanımTR520001200945200058000001'dir", [("iban", "TR520001200945200058000001")]),
        ("İBAN:tr520001200945200058000001.", [("iban", "tr520001200945200058000001")]),
        ("(TR52(0001)2009 4520 0058 0000 01)", [("iban", "TR52(0001)2009 4520 0058 0000 01")]),
        (
            "> TR52 0001 2009\n> 4520 0058 0000 01",
            [("iban", "TR52 0001 2009\n> 4520 0058 0000 01")],
        ),
        ("ıt60x0542811101000000123456", [("iban", "ıt60x0542811101000000123456")]),
        ("Kart 4242 4242\r\n4242 4242", [("card_number", "4242 4242\r\n4242 4242")]),
        ("4242 4242 4242 4242 12/28 123", [("card_number", "4242 4242 4242 4242")]),
        ("Ａ ４２４２ 4242 4242 4242", [("card_number", "４２４２ 4242 4242 4242")]),
        ("Ayşe-29304857110-05321112233", [("identity_number", "29304857110")]),
        (
            "4242424242424242 29304857110",
            [("card_number", "4242424242424242"), ("identity_number", "29304857110")],
        ),
        ("vergi numaram 456 123 7896", [("tax_number", "456 123 7896")]),
        ("VKN:4561237896", [("tax_number", "4561237896")]),
        ("numaram 4561237896", []),
    ],
)
def test_a_number_is_found_at_any_position(text: str, wanted: list[tuple[str, str]]) -> None:
    assert _kinds_and_numbers(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "TR530001200945200058000001",
        "TR5200012009452000580000012",
        "4242 4242 4242 4241",
        "29304857161",
        "09304857165",
        "IMEI 356938035643809",
        "barkod 8690504123456",
        "1767225600000",
        "31.12.2026 14.30",
        "05.06.2024 145 TL",
        "0532 111 22 33",
        "1.250.000,00 TL",
        "192.168.100.101",
        "2026-03-01 12 34",
        "Sipariş 2024-1130-0917",
        "4242\n4242\n4242\n4242",
        "no 15 gün 1234",
        "12,34,56,78,90,12,34,56",
        "",
    ],
)
def test_other_numbers_are_not_personal(text: str) -> None:
    assert _kinds_and_numbers(text) == []


def test_all_numbers_of_a_long_text_are_found() -> None:
    text = "29304857110, 4242 4242 4242 4242; TR52 0001 2009 4520 0058 0000 01\n" * 200
    kinds = [kind for kind, _, _ in find_personal_numbers(text)]
    assert kinds == ["identity_number", "card_number", "iban"] * 200


def _identity(seed: random.Random) -> str:
    while True:
        number = str(seed.randrange(10**10, 10**11))
        digits = [int(x) for x in number[:9]]
        tenth = (sum(digits[0::2]) * 7 - sum(digits[1::2])) % 10
        number = f"{number[:9]}{tenth}{(sum(digits) + tenth) % 10}"
        if identity_holds(number):
            return number


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(SEPARATORS),
    st.text("ab ,;:!?\nçı", max_size=20),
)
def test_any_identity_number_is_found_in_any_words(
    seed: random.Random, separator: str, words: str
) -> None:
    number = _identity(seed)
    typed = separator.join([number[:3], number[3:6], number[6:9], number[9:]])
    text = f"{words}x: {typed}; {words}"
    assert _kinds_and_numbers(text) == [("identity_number", typed)]


@given(st.text(alphabet="0123456789٣４ \xa0\n>.-/()TRtrGBgbIıİ\x00", max_size=200))
def test_places_are_in_order_and_inside_the_text(text: str) -> None:
    previous_end = 0
    for _, start, end in find_personal_numbers(text):
        assert previous_end <= start < end <= len(text)
        previous_end = end


def test_check_digits_decide() -> None:
    assert card_holds("4242424242424242")
    assert not card_holds("4242424242424241")
    assert not card_holds("424242424242424")
    assert tax_holds("4561237896")
    assert not tax_holds("4561237891")
    assert iban_holds(bare_iban("tr52-0001 2009.4520 0058 0000 01"))
    assert not iban_holds("TR330006100519786457841327")
    assert identity_holds("10000000146")
    assert not identity_holds("10000000147")
