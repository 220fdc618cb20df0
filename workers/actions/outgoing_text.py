"""Escapes our answers for other systems, so that a quoted text stays a text there. Pure.

An answer may quote a customer, who may write mentions and markup. The escaped text notifies nobody
and has no markup, and an id of the vendor stays one segment of a path.
Source: RFC 3986, 3.3; CommonMark 0.31, 2.4.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from schemas.errors import Rejected

_JOINER = "\u2060"
"""WORD JOINER has no width, and no system allows it in a name."""

_MENTION = re.compile(r"(?<![A-Za-z0-9_])([@\uff20])(?=[\w\[])")
_REDDIT_MENTION = re.compile(r"(?<![A-Za-z0-9_])(/?[ur]/)(?=[\w-])", re.IGNORECASE | re.ASCII)
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._/:?#$&+,=%-]+(?=\s|$)")
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#|~^!&]")
_LINE_START = re.compile(r"^([ \t]*)(?:([-+=])|(\d{1,9})([.)]))?", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def path_segment(value: str, safe: str = "") -> str:
    """Return a value as one segment of a path; raise Rejected if it can't be one.

    A client resolves `.` and `..` to other paths, even when they are percent-encoded.
    """
    if not value or value in (".", "..") or _CONTROL.search(value):
        raise Rejected("reply.no_address", f"{value[:100]!r} is not an address to answer to")
    return quote(value, safe=safe)


def without_mentions(text: str, keep: str = "") -> str:
    """Return a text in which no `@name` pings anybody but `keep`, a name without its `@`."""
    allowed = re.compile(rf"@{re.escape(keep)}(?![\w@-]|\.\w)", re.IGNORECASE) if keep else None

    def break_mention(match: re.Match[str]) -> str:
        if allowed is not None and allowed.match(text, match.start()):
            return match[0]
        return match[1] + _JOINER

    return _MENTION.sub(break_mention, text)


def without_reddit_mentions(text: str) -> str:
    """Return a text in which no `u/name` pings anybody."""
    return _REDDIT_MENTION.sub(rf"\1{_JOINER}", text)


def as_markdown(text: str) -> str:
    """Return Markdown that shows the text unchanged; plain addresses may become links."""
    text = _outside_urls(text, lambda words: _MARKUP.sub(r"\\\g<0>", words))
    return _LINE_START.sub(_plain_start, text)


def _outside_urls(text: str, change: Callable[[str], str]) -> str:
    """Return the text with `change` applied to all but its plain addresses."""
    pieces, end = [], 0
    for match in _PLAIN_URL.finditer(text):
        if match.start() and not text[match.start() - 1].isspace():
            continue
        pieces += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*pieces, change(text[end:])])


def _plain_start(match: re.Match[str]) -> str:
    """Return the beginning of a line without the signs of code, lists and headings."""
    indent, sign, number, after = match.groups()
    spaces = "\u00a0" * len(indent.expandtabs(4))
    if sign:
        return f"{spaces}\\{sign}"
    return f"{spaces}{number}\\{after}" if number else spaces
