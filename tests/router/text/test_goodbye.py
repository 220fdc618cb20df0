"""A goodbye is recognised, and no request with thanks in it is taken for one."""

from pathlib import Path

import pytest

from router.text.goodbye import MAX_GOODBYE_CHARS, is_goodbye
from tests.support.paths import ROOT

DATA = ROOT / "tests" / "data" / "goodbyes"
MIN_RECOGNISED = 0.95
"""The least share of the goodbyes of the development set, whose texts are invented."""


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_nearly_every_goodbye_is_recognised() -> None:
    texts = _lines(DATA / "goodbyes.txt")
    missed = [text for text in texts if not is_goodbye(text)]
    assert len(missed) <= len(texts) * (1 - MIN_RECOGNISED), missed


def test_no_request_is_taken_for_a_goodbye() -> None:
    assert [text for text in _lines(DATA / "follow_ups.txt") if is_goodbye(text)] == []


@pytest.mark.parametrize("text", ["", "…", "?", "👍 ?", "0", "x" * 300, "\n\n"])
def test_a_text_without_thanks_is_no_goodbye(text: str) -> None:
    assert not is_goodbye(text)


def test_a_long_text_goes_to_people() -> None:
    assert is_goodbye("çok teşekkürler")
    assert not is_goodbye("çok teşekkürler " * (MAX_GOODBYE_CHARS // 16 + 1))


def test_the_senders_name_is_a_signature() -> None:
    assert not is_goodbye("Teşekkürler\nZerrin Örnek")
    assert is_goodbye("Teşekkürler\nZerrin Örnek", "Zerrin Örnek")
