"""Finds the sentences of a Markdown page: paragraphs, list items and table cells.

It leaves out headings and head rows, which are not sentences, and code. Pure.
"""

import re
from collections.abc import Iterator

from bench.words.finding import Kind, Passage

_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
_RULER = re.compile(r"\s*\|[\s|:-]+\|\s*")
_LINK = re.compile(r"\]\([^)]*\)")
_FENCE = ("```", "~~~")
_NOT_PROSE = ("#", "|", "<")  # headings, tables, HTML


def passages(source: str) -> Iterator[Passage]:
    """Yield each text of a page."""
    block: list[str] = []
    kind: Kind = "paragraph"
    fenced = False
    lines = [_LINK.sub("]", line) for line in source.split("\n")]
    for number, line in enumerate([*lines, ""], 1):
        fence = line.lstrip().startswith(_FENCE)
        item = _ITEM.match(line)
        is_code = fence or fenced
        continues = bool(line.strip()) and not line.lstrip().startswith(_NOT_PROSE)
        ends = is_code or item or not continues
        if ends and block:
            yield Passage(number - len(block), kind, "\n".join(block))
            block = []
        fenced = fenced != fence
        if item and not fenced:
            block, kind = [line[item.end() :]], "item"
        elif line.startswith("|") and not fenced:
            yield from _cells(lines, number)
        elif not ends:
            kind = kind if block else "paragraph"
            block.append(line)


def _cells(lines: list[str], number: int) -> Iterator[Passage]:
    """Yield the cells of a row of a table, but not of its head."""
    row = lines[number - 1]
    following = lines[number] if number < len(lines) else ""
    if not _RULER.fullmatch(row) and not _RULER.fullmatch(following):
        for cell in row.strip().strip("|").split("|"):
            if cell.strip():
                yield Passage(number, "item", cell.strip())
