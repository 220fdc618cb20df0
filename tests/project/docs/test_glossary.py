"""docs/glossary.md explains each of our own words once, and names a file that exists."""

import re

from tests.support.paths import ROOT

PAGE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
TABLES = [
    [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
]
ROWS = [row for table in TABLES for row in table]


def test_a_word_is_explained_once_and_in_alphabetical_order() -> None:
    words = [row[0] for row in ROWS]
    assert len(words) == len(set(words))
    for table in TABLES:
        assert [row[0] for row in table] == sorted(row[0] for row in table)


def test_a_word_has_a_turkish_word_and_one_sentence() -> None:
    for word, turkish, meaning, _ in ROWS:
        assert turkish, word
        assert re.fullmatch(r"[A-Z][^.]*\.", meaning), word


def test_the_file_to_read_first_exists() -> None:
    missing = [row[3] for row in ROWS if not (ROOT / row[3].strip("`")).is_file()]
    assert not missing
