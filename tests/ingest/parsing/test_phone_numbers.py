"""Phone numbers become E.164, or empty where they are not numbers."""

import pytest

from ingest.parsing.phone_numbers import e164


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("0532 111 22 33", "+905321112233"),
        ("+44 20 7946 0958", "+442079460958"),
        ("00905321112233", "+905321112233"),
        ("tel:x", ""),
        ("", ""),
        ("Anonymous", ""),
        ("12", ""),
    ],
)
def test_numbers_become_e164(number: str, expected: str) -> None:
    assert e164(number, "TR") == expected
