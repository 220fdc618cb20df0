"""Our words as another system takes them: what is quoted in them stays words there.

Before: an action has an answer, in which a customer's words may be quoted, and a place that came
with the customer's message. After: an address of one path, and a text that pings nobody and says no
more than it shows. Pure. Source: RFC 3986, 3.3; CommonMark 0.31, 2.4.
"""

import re
from collections.abc import Callable
from urllib.parse import quote

from schemas.errors import Rejected

_JOINER = "\u2060"
"""WORD JOINER: it has no width, and no system takes it for a part of a name."""

_MENTION = re.compile(r"(?<![A-Za-z0-9_])([@\uff20])(?=[\w\[])")
_REDDIT_MENTION = re.compile(r"(?<![A-Za-z0-9_])(/?[ur]/)(?=[\w-])", re.IGNORECASE | re.ASCII)
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._/:?#$&+,=%-]+(?=\s|$)")
_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#|~^!&]")
_LINE_START = re.compile(r"^([ \t]*)(?:([-+=])|(\d{1,9})([.)]))?", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def path_segment(value: str, safe: str = "") -> str:
    """Return a value as one segment of a path; raise Rejected for what is none.

    A client takes `.` and `..` for a way to other paths, even where they are quoted.
    """
    if not value or value in (".", "..") or _CONTROL.search(value):
        raise Rejected("reply.no_address", f"{value[:100]!r} is no place to answer to")
    return quote(value, safe=safe)


def without_mentions(text: str, keep: str = "") -> str:
    """Return a text in which no `@name` pings anybody but `keep`, a name without its `@`."""
    kept = re.compile(rf"@{re.escape(keep)}(?![\w@-]|\.\w)", re.IGNORECASE) if keep else None

    def broken(match: re.Match[str]) -> str:
        if kept is not None and kept.match(text, match.start()):
            return match[0]
        return match[1] + _JOINER

    return _MENTION.sub(broken, text)


def without_reddit_mentions(text: str) -> str:
    """Return a text in which no `u/name` pings anybody."""
    return _REDDIT_MENTION.sub(rf"\1{_JOINER}", text)


def as_markdown(text: str) -> str:
    """Return Markdown that shows the text as it is; an address that is shown may be followed."""
    text = _outside_urls(text, lambda part: _MARKUP.sub(r"\\\g<0>", part))
    return _LINE_START.sub(_plain_start, text)


def _outside_urls(text: str, change: Callable[[str], str]) -> str:
    """Return the text changed but for the plain addresses in it."""
    made, at = [], 0
    for match in _PLAIN_URL.finditer(text):
        if match.start() and not text[match.start() - 1].isspace():
            continue
        made += [change(text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*made, change(text[at:])])


def _plain_start(match: re.Match[str]) -> str:
    """Return the begin of a line without what would make it code, a list or a heading."""
    indent, sign, number, after = match.groups()
    spaces = "\u00a0" * len(indent.expandtabs(4))
    if sign:
        return f"{spaces}\\{sign}"
    return f"{spaces}{number}\\{after}" if number else spaces
