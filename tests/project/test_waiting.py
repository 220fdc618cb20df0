"""Tests wait for conditions: only tests/support/waiting.py may sleep."""

import re

from tests.support.paths import ROOT

_SLEEP = re.compile(r"\b(?:time|asyncio)\.sleep\((?!0\))|\"sleep\"")
"""A sleep of some length, or its name in a string."""


def test_only_one_file_of_the_tests_sleeps() -> None:
    sleeping = {
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path.name != "test_waiting.py" and _SLEEP.search(path.read_text())
    }
    assert sleeping == {"waiting.py"}
