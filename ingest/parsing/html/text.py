"""Returns the text of HTML without its scripts and styles. Never raises, never loses words. Pure.

Mails without a plain text, and channels whose vendors send HTML, need it. Time and memory grow with
the length of the HTML, whatever it contains.
"""

import re
from collections.abc import Iterable, Iterator

from ingest.parsing.html.page import BLOCKS, PARAGRAPHS, Page
from ingest.parsing.html.tokens import HtmlToken, tokenize

MAX_LAID_OUT_CHARS = 2 * 1024 * 1024
"""A longer HTML only loses its tags, and is not laid out."""

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
    """Return the text of an HTML document with its paragraphs; without `laid_out` it is faster."""
    if not html.strip():
        return ""
    html = _DATA.sub("", html) if "base64," in html else html
    if len(html) > MAX_LAID_OUT_CHARS or not laid_out:
        return _strip_tags(html)
    hides = _NOT_DISPLAYED.search(html) or _HIDDEN.search(html)
    return (_lay_out(_visible_tokens(list(tokenize(html)))) if hides else "") or _lay_out(
        tokenize(html)
    )


def _lay_out(document: Iterable[HtmlToken]) -> str:
    page = Page()
    for token in document:
        if token.kind == "text":
            page.write(token.value)
        elif token.kind == "start":
            page.start(token.name, token.value)
        else:
            page.end(token.name)
    return page.text()


def _visible_tokens(document: list[HtmlToken]) -> Iterator[HtmlToken]:
    """Yield the tokens outside of hidden elements."""
    hidden, index = _hidden_ranges(document), 0
    while index < len(document):
        if index in hidden:
            index = hidden[index]
        else:
            yield document[index]
        index += 1


def _hidden_ranges(document: list[HtmlToken]) -> dict[int, int]:
    """Return start and end of each hidden element; one that never closes hides nothing."""
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


def _strip_tags(html: str) -> str:
    """Return the words without layout, for HTML that is too long to lay out."""
    pieces = [
        token.value if token.kind == "text" else ("\n" if token.name in _BREAKS else "")
        for token in tokenize(html)
    ]
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
