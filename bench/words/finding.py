"""One finding of the checks, and one text to check. Pure data."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["docstring", "comment", "message", "paragraph", "item"]
"""A `message` is an error text, a help text or an output line of a command. An `item` is a list item
or a table cell of a page."""


@dataclass(frozen=True, order=True)
class Finding:
    """A word that CONTRIBUTING rules out, with the rule that names it."""

    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True)
class Passage:
    """A text of one kind; its first character is on `line`."""

    line: int
    kind: Kind
    text: str
