"""The examples of README.md, CONTRIBUTING.md and docs/: fenced blocks, and commands in a line.

A comment just before a block changes its test, as
`<!-- example: not run, WHY -->` or `<!-- example: may exit 1, WHY -->`. Without a comment the block runs, and so do all new examples.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

_BLOCK = re.compile(
    r"(?:^ *<!-- example: (?P<how>not run|may exit 1), (?P<why>[^>]+) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_IN_LINE = re.compile(r"`(santral [^`]+)`")


@dataclass(frozen=True, kw_only=True)
class DocsExample:
    """A block: its position, its language, and the kind of its test."""

    page: str
    line: int
    kind: str
    how: str
    text: str

    @property
    def location(self) -> str:
        """Its page and line."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return the pages with examples."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read(text: str, page: str) -> list[DocsExample]:
    """Return the blocks of a page in their order."""
    return [
        DocsExample(
            page=page,
            line=text.count("\n", 0, match.start()) + 1,
            kind=match["kind"],
            how=match["how"] or "run",
            text="\n".join(
                line.removeprefix(match["indent"]) for line in match["text"].splitlines()
            ),
        )
        for match in _BLOCK.finditer(text)
    ]


def examples(*kinds: str) -> list[DocsExample]:
    """Return every block of these languages that runs."""
    every = [e for page in pages() for e in read(page.read_text(), str(page.relative_to(ROOT)))]
    return [e for e in every if e.kind in kinds and e.how != "not run"]


def commands() -> list[tuple[str, str]]:
    """Return every command of ours within a line of text, with its page."""
    return [
        (str(page.relative_to(ROOT)), command.replace("\\|", "|"))
        for page in pages()
        for command in _IN_LINE.findall(page.read_text())
    ]
