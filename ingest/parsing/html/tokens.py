"""Splits HTML into its texts and tags; each character is examined a few times. Pure.

text.py lays the tokens out. Comments, scripts, styles and titles are left out; one that never
closes hides nothing, so that no words are lost. Source: the HTML standard, 13.2.5 (tokenization),
as far as mails need it.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_TAG = re.compile(
    r"<(/?)([a-zA-Z][^\s<>/]*+)"
    r"(?:((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>|([^<>]*+)>)"
    r"|<[!?][^<>]*+>"
)
"""A tag; its quoted values can have ">", an odd quote ends with the tag, and "<" always ends it."""

UNSHOWN = frozenset({"script", "style", "title"})
"""Elements whose content is not markup, and which browsers do not show."""

_CLOSINGS = {name: re.compile(f"</{name}", re.IGNORECASE) for name in UNSHOWN}
_ZEROS = re.compile(r"&#0++(?=[0-9])")
_HUGE = re.compile(r"&#[0-9]{8,};?")


class HtmlToken(NamedTuple):
    """A text, or the start or the end of an element.

    `kind` is text, start or end. `name` is the element's name in lower case, empty for a text.
    `value` is the text with its character references resolved, or the attributes of a start tag.
    """

    kind: str
    name: str
    value: str


def tokenize(html: str) -> Iterator[HtmlToken]:
    """Yield the texts and tags of a document."""
    position, unclosed = 0, set[str]()
    text_start = 0
    while (position := html.find("<", position)) >= 0:
        if html.startswith("<!--", position):
            start, name, after = position, "", _comment_end(html, position, unclosed)
            end_tag, attributes = False, ""
        else:
            match = _TAG.match(html, position)
            if match is None:
                position += 1
                continue
            start, after = position, match.end()
            name, end_tag = (match[2] or "").lower(), bool(match[1])
            attributes = match[3] or match[4] or ""
        if start > text_start:
            yield HtmlToken("text", "", resolve(html[text_start:start]))
        if name in UNSHOWN:
            after = after if end_tag else _content_end(html, after, name, unclosed)
        elif name:
            yield HtmlToken("end" if end_tag else "start", name, attributes)
        position = text_start = after
    if text_start < len(html):
        yield HtmlToken("text", "", resolve(html[text_start:]))


def resolve(text: str) -> str:
    """Return a text with its character references resolved."""
    if "&" not in text:
        return text
    if "&#" in text:
        # Python refuses numbers with thousands of digits.
        text = _HUGE.sub("\ufffd", _ZEROS.sub("&#", text))
    return unescape(text)


def _comment_end(html: str, start: int, unclosed: set[str]) -> int:
    """Return the end of a comment; one that never closes has only four characters."""
    if html.startswith((">", "->"), start + 4):
        return html.index(">", start) + 1
    end = -1 if "--" in unclosed else html.find("-->", start + 4)
    if end >= 0:
        return end + 3
    unclosed.add("--")
    return start + 4


def _content_end(html: str, start: int, name: str, unclosed: set[str]) -> int:
    """Return the end of an invisible element, or of its start tag if it never closes."""
    closing = None if name in unclosed else _CLOSINGS[name].search(html, start)
    if closing is None:
        unclosed.add(name)
        return start
    end = html.find(">", closing.end())
    return end + 1 if end >= 0 else len(html)
