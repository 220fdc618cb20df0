"""Fills in the generated blocks of a page, and leaves the rest to its author. Pure.

A block is the text between the lines `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import re
from collections.abc import Callable, Iterable, Sequence

_BLOCK = re.compile(
    r"^(?P<begin><!-- generated: (?P<name>[\w ]+) -->\n).*?^(?P<end><!-- end -->)$",
    re.MULTILINE | re.DOTALL,
)


def names(text: str) -> list[str]:
    """Return the names of a page's blocks, in their order."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def fill(text: str, write: Callable[[str], str]) -> str:
    """Return the page with each block as `write` gives it for the block's name."""

    def block(match: re.Match[str]) -> str:
        return f"{match['begin']}{write(match['name']).strip()}\n{match['end']}"

    return _BLOCK.sub(block, text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; a `|` in a cell is escaped."""
    cells = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |".replace("  ", " ") for row in cells)
