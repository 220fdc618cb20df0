"""Telephone numbers with the separators people use; invented numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.text.entities import find_entities
from router.text.phone_numbers import find_phones
from schemas.text.fold import fold


def _phones(text: str) -> list[tuple[str, str]]:
    return [(value, text[start:end]) for value, start, end in find_phones(text)]


@pytest.mark.parametrize(
    "number",
    [
        "05417776655",
        "0541 777 66 55",
        "0541-777-66-55",
        "0541.777.66.55",
        "0541/777 66 55",
        "0 541 - 777 66 55",
        "0541 7776655",
        "0541 77 76 655",
        "541 777 66 55",
        "5417776655",
        "0541\xa0777\xa066\xa055",
        "0541\u2009777\u200966\u200955",
        "0541\u2011777\u201166\u201155",
        "0541  777  66  55",
        "0541\n777 66 55",
        "0 5 4 1 7 7 7 6 6 5 5",
        "+905417776655",
        "+90 541 777 66 55",
        "+90-541-777-66-55",
        "+90 (0) 541 777 66 55",
        "+90(0)541 777 66 55",
        "+90 0 541 777 66 55",
        "+90-(0)-541-777-6655",
        "0090 541 777 66 55",
        "0090 (0) 541 777 66 55",
        "90 541 777 66 55",
        "0541)777 66 55",
        "0541_777_66_55",
        "0541 – 777 – 66 – 55",
    ],
)
def test_a_mobile_number_is_one_number_in_each_spelling(number: str) -> None:
    text = f"Beni {number} numarasından arayın"
    assert _phones(text) == [("+905417776655", number)]
    assert [(e.kind, e.value) for e in find_entities(text, fold(text))] == [
        ("phone", "+905417776655")
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("+90 (0) 312 444 55 66", ["+903124445566"]),
        ("0216 333 22 11 dahili 4", ["+902163332211"]),
        ("+44(0) 7911 123456", ["+447911123456"]),
        ("+49 (0) 40 123456", ["+4940123456"]),
        ("+39 06 1234 5678", ["+390612345678"]),
        ("+1 (415) 555-2671", ["+14155552671"]),
        ("+44 20 7946 0018, 0541 777 66 55", ["+442079460018", "+905417776655"]),
        ("0541 777 66 55 0542 777 66 55", ["+905417776655", "+905427776655"]),
        ("0541-777-66-55/0542-777-66-55", ["+905417776655", "+905427776655"]),
        ("+905417776655+905427776655", ["+905417776655", "+905427776655"]),
    ],
)
def test_numbers_of_lines_and_of_other_countries_are_phones(text: str, wanted: list[str]) -> None:
    assert [value for value, _ in _phones(text)] == wanted


@pytest.mark.parametrize(
    "text",
    [
        "444 1 234",
        "Sipariş 10024567",
        "05.06.2024 123",
        "12.05.2026 14.30",
        "2026-03-01 10:20",
        "5.417.776.655 TL",
        "54177766551",
        "AB5417776655",
        "Sipariş 2024-0541-7776655",
        "+1000 puan",
        "Sürüm 2024 1130 0917",
        "212 333 22 11",
        "0541 777 66 5",
        "10\n20\n30\n40\n50\n60",
        "",
    ],
)
def test_other_numbers_are_not_phone_numbers(text: str) -> None:
    assert _phones(text) == []


@given(st.text(alphabet="0123456789+() .-\n\xa0٣x", max_size=120))
def test_spans_are_in_order_and_inside_the_text(text: str) -> None:
    previous_end = 0
    for value, start, end in find_phones(text):
        assert previous_end <= start < end <= len(text)
        assert value[1:].isascii()
        previous_end = end
