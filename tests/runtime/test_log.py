"""A log never shows a whole address."""

from runtime.log import redacted


def test_an_address_keeps_its_first_letter_and_its_domain() -> None:
    assert redacted("ayse@ornek.example") == "a…@ornek.example"
