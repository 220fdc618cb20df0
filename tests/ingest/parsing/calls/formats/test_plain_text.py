"""Plain text is read by the labels of its speakers."""

import pytest

from tests.support.ingest.phone_calls import parse_call, spoken_by


@pytest.mark.parametrize(
    "text",
    [
        "Müşteri Temsilcisi: Buyurun\nMüşteri: Kargom gelmedi\nSaat 14:30: hala yok",
        "[00:00:01] MT (Ali): Buyurun\n[00:00:05] Arayan: Kargom gelmedi\nSaat 14:30: hala yok",
        "**Agent:** Buyurun\n**Customer:** Kargom gelmedi\nSaat 14:30: hala yok",
        "Operatör\nBuyurun\n\nMüşteri\nKargom gelmedi\nSaat 14:30: hala yok",
        "TEMSİLCİ: Buyurun\nMÜŞTERİ: Kargom gelmedi\nSaat 14:30: hala yok",
    ],
)
def test_plain_text_is_read_with_its_labels(text: str) -> None:
    assert spoken_by(parse_call(text)) == [
        ("agent", "Buyurun"),
        ("customer", "Kargom gelmedi\nSaat 14:30: hala yok"),
    ]


def test_a_text_without_labels_is_everybodys() -> None:
    message = parse_call("Kargom gelmedi, saat 14:30: bekliyorum https://x.example\nHala yok")
    assert spoken_by(message)[0][0] == "unknown"
    assert message.text.startswith("Kargom gelmedi")
    assert "roles.unknown" in message.repaired


@pytest.mark.parametrize(
    ("text", "customer_text"),
    [
        ("Temsilci: Randevu?\nMüşteri: Var\n14:30 gibi dediniz", "Var\n14:30 gibi dediniz"),
        (
            "MT: Buyurun\nMüşteri: Sitede yazıyor:\nMüşteri hizmetleri numarası: 0850",
            "Sitede yazıyor:\nMüşteri hizmetleri numarası: 0850",
        ),
        ("Agent [00:00:01]: Hi\nCustomer [00:00:05]: Help", "Help"),
        ("[Temsilci] Buyurun\n[Müşteri] Yardım", "Yardım"),
        ("Temsilci - Buyurun\nMüşteri - Yardım", "Yardım"),
        ("Customer Support Agent: Hi\nCustomer: Help", "Help"),
        ("14:05:10 Temsilci: Buyurun\n14:05:16 Müşteri: Yardım", "Yardım"),
    ],
)
def test_the_customers_words_are_neither_lost_nor_mixed(text: str, customer_text: str) -> None:
    message = parse_call(text)
    assert message.text == customer_text
    assert message.call is not None
    assert message.call.turns[-1].start < 60
