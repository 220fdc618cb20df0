"""Entities of a text: kinds, values, spans, masks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.text.entities import find_entities
from schemas.text.fold import fold


def test_entities_have_spans_and_personal_numbers_are_masked() -> None:
    text = "Sipariş no: SP-12345, 1.250,90 TL, 0532 123 45 67, a@b.example, kimlik 10000000146"
    by_kind = {e.kind: e for e in find_entities(text, fold(text))}
    assert by_kind["order_number"].value == "SP-12345"
    assert by_kind["amount"].value == "1.250,90 TRY"
    assert by_kind["phone"].value == "+905321234567"
    assert by_kind["email"].value == "a@b.example"
    assert by_kind["identity_number"].value == "********146"
    for entity in by_kind.values():
        assert 0 <= entity.start < entity.end <= len(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("VKN 1234567890, 1234567891", [("tax_number", "*******890", "1234567890")]),
        (
            "Kart 4111 1111 1111 1111, 4111 1111 1111 1112",
            [("card_number", "*************111", "4111 1111 1111 1111")],
        ),
        ("9792 0000 0000 0003", [("card_number", "*************003", "9792 0000 0000 0003")]),
        (
            "iban tr33 0006 1005 1978 6457 8413 26",
            [("iban", "***********************326", "tr33 0006 1005 1978 6457 8413 26")],
        ),
        ("GB29NWBK60161331926819.", [("iban", "*******************819", "GB29NWBK60161331926819")]),
        (
            "1.250,50 TL, ₺300, $ 12.5, 45 euro, 100 liradan",
            [
                ("amount", "1.250,50 TRY", "1.250,50 TL"),
                ("amount", "300 TRY", "₺300"),
                ("amount", "12.5 USD", "$ 12.5"),
                ("amount", "45 EUR", "45 euro"),
                ("amount", "100 TRY", "100 liradan"),
            ],
        ),
        (
            "(0532) 111 22 33 +90 532 111 22 34, +44 20 7946 0958",
            [
                ("phone", "+905321112233", "0532) 111 22 33"),
                ("phone", "+905321112234", "+90 532 111 22 34"),
                ("phone", "+442079460958", "+44 20 7946 0958"),
            ],
        ),
        (
            "12.05.2026 3/4/26 2026-01-31 31.02.2026",
            [
                ("date", "2026-05-12", "12.05.2026"),
                ("date", "2026-04-03", "3/4/26"),
                ("date", "2026-01-31", "2026-01-31"),
            ],
        ),
        (
            "15 Mayıs'ta, May 3 2026, 5 Mart 2025 günü, 40 mart",
            [
                ("date", "--05-15", "15 Mayıs"),
                ("date", "2026-05-03", "May 3 2026"),
                ("date", "2025-03-05", "5 Mart 2025"),
            ],
        ),
        (
            "Sipariş no: ABC-123456, takip no 7710023456, tesisat 4400123",
            [
                ("order_number", "ABC-123456", "ABC-123456"),
                ("tracking_number", "7710023456", "7710023456"),
                ("customer_no", "4400123", "4400123"),
            ],
        ),
        (
            "123456 numaralı siparişim, 7654321 nolu fatura, SP-99812 no'lu siparişi",
            [
                ("order_number", "123456", "123456"),
                ("invoice_number", "7654321", "7654321"),
                ("order_number", "SP-99812", "SP-99812"),
            ],
        ),
        (
            "Kargom gelmedi, 4581237 numarali siparis, takip 7710023 no'lu sipariş",
            [("order_number", "4581237", "4581237"), ("order_number", "7710023", "7710023")],
        ),
        ("siparişim 123456 numaralı, gelmedi", [("order_number", "123456", "123456")]),
        (
            "89000 tl fatura geldi, 2023 faturası, 1 siparişim",
            [("amount", "89000 TRY", "89000 tl")],
        ),
        ("tesisat no 4455667788", [("customer_no", "4455667788", "4455667788")]),
        ("vergi no 4455667788, faturayı buna kesin", [("tax_number", "*******788", "4455667788")]),
        ("mayıs ayı tl yok 5", []),
        ("1,2,3 tl12 12tlx", []),
        (
            "45 lıra, 20 LİRA, 7 dollarſ, 3 EURO",
            [
                ("amount", "45 TRY", "45 lıra"),
                ("amount", "20 TRY", "20 LİRA"),
                ("amount", "7 USD", "7 dollarſ"),
                ("amount", "3 EUR", "3 EURO"),
            ],
        ),
    ],
)
def test_each_entity_has_its_value_and_span(text: str, wanted: list[tuple[str, str, str]]) -> None:
    entities = [(e.kind, e.value, text[e.start : e.end]) for e in find_entities(text, fold(text))]
    assert entities == wanted


@given(st.text(alphabet="0123456789٣² \xa0.,-/+()TRtrLlIıİiſK₺$@aşM:\n", max_size=80))
def test_any_numbers_are_read_without_an_error(text: str) -> None:
    for e in find_entities(text, fold(text)):
        assert 0 <= e.start < e.end <= len(text)


def test_digits_of_other_scripts_make_no_card() -> None:
    text = "kart 4111111111111112, ٣٣٣٣ ٣٣٣٣ ٣٣٣٣ ٣٣٣٣"
    assert find_entities(text, fold(text)) == ()
