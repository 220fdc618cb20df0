"""HTML -> text as a reader sees it. Never raises, never loses the words; script and style are gone.

Before: mime/parser.py, for mails without a plain part; channels whose vendors send HTML. After: the
text to classify. Time and memory grow with the length of the HTML, whatever is in it. Pure.
"""

import re
from collections.abc import Iterable, Iterator

from ingest.parsing.html.page import BLOCKS, PARAGRAPHS, Page
from ingest.parsing.html.tokens import Token, tokens

LAID_OUT = 2 * 1024 * 1024
"""Longest HTML that is laid out, in characters; of a longer one only the tags are taken away."""

_DATA = re.compile(r"data:[\w/+.-]{1,80};base64,[A-Za-z0-9+/=%]++")
_BREAKS = PARAGRAPHS | BLOCKS | {"br"}
_NOT_DISPLAYED = re.compile(r"display\s{0,20}:\s{0,20}none", re.IGNORECASE)
_HIDDEN = re.compile(r"\shidden(?=$|[\s=/>])", re.IGNORECASE)
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'")
_VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    }
)


def to_text(html: str, *, laid_out: bool = True) -> str:
    """Return the text of an HTML document, its paragraphs apart; without `laid_out` quicker."""
    if not html.strip():
        return ""
    html = _DATA.sub("", html) if "base64," in html else html
    if len(html) > LAID_OUT or not laid_out:
        return _flat(html)
    hides = _NOT_DISPLAYED.search(html) or _HIDDEN.search(html)
    return (_lay_out(_shown(list(tokens(html)))) if hides else "") or _lay_out(tokens(html))


def _lay_out(document: Iterable[Token]) -> str:
    page = Page()
    for token in document:
        if token.kind == "text":
            page.write(token.value)
        elif token.kind == "start":
            page.start(token.name, token.value)
        else:
            page.end(token.name)
    return page.text()


def _shown(document: list[Token]) -> Iterator[Token]:
    """Yield what stands in no hidden element."""
    hidden, index = _hidden_ranges(document), 0
    while index < len(document):
        if index in hidden:
            index = hidden[index]
        else:
            yield document[index]
        index += 1


def _hidden_ranges(document: list[Token]) -> dict[int, int]:
    """Return where each hidden element starts and ends; one that is never closed hides nothing."""
    ranges: dict[int, int] = {}
    opened: dict[str, list[tuple[int, bool]]] = {}
    for index, (kind, name, value) in enumerate(document):
        if kind == "text" or name in _VOID:
            continue
        starts = opened.setdefault(name, [])
        if starts and (kind == "end" or name == "p"):  # a paragraph ends where the next starts
            start, is_hidden = starts.pop()
            if is_hidden:
                ranges[start] = index if kind == "end" else index - 1
        if kind == "start":
            starts.append((index, _is_hidden(value)))
    return ranges


def _is_hidden(attributes: str) -> bool:
    """Say whether a start tag hides its element."""
    if _NOT_DISPLAYED.search(attributes):
        return True
    return _HIDDEN.search(attributes) is not None and bool(
        _HIDDEN.search(_VALUE.sub("", attributes))
    )


def _flat(html: str) -> str:
    """Return the words without their layout, for what is too long to lay out."""
    pieces = [
        token.value if token.kind == "text" else ("\n" if token.name in _BREAKS else "")
        for token in tokens(html)
    ]
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
