"""HTML -> text as a reader sees it. Never raises, never loses the words; script and style are gone.

Before: mime.py, for mails without a plain part. After: the text to classify. Pure.
"""

import re
from html import unescape

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

LAID_OUT = 512 * 1024
"""Longest HTML that is laid out, in characters; of a longer one only the tags are taken away."""

_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False)
_OPEN = re.compile(r"<(?:!--|(script|style|head|title)\b[^<>]{0,2000}>|\?xml)", re.IGNORECASE)
_DATA = re.compile(r"data:[\w/+.-]{1,80};base64,[A-Za-z0-9+/=%]+")
_BREAK = re.compile(r"</?(?:p|div|br|tr|li|h[1-6]|table|blockquote)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_WORDS = re.compile(r"\w+")


def to_text(html: str, *, laid_out: bool = True) -> str:
    """Return the text of an HTML document, its paragraphs apart; without `laid_out` quicker."""
    html = _cited(_HIDDEN.sub(" ", _visible(_DATA.sub("", html))))
    if not html.strip():
        return ""
    plain = _quoted(_tidy(unescape(_TAG.sub("", _BREAK.sub("\n", html)))))
    if len(html) > LAID_OUT or not laid_out:
        return plain
    try:
        text = _quoted(_tidy(get_text(html, _CONFIG)))
    except (ValueError, RecursionError, AttributeError, IndexError, TypeError):
        return plain
    # Beyond a depth the layouter drops what it can't nest: then the words count, not the layout.
    whole = len(_WORDS.findall(plain))
    return plain if len(_WORDS.findall(text)) < 0.9 * whole else text


_QUOTE = re.compile(r"<(/?)blockquote\b([^<>]*)>", re.IGNORECASE)
_CITE = re.compile(
    r"type\s*=\s*[\"']?cite|gmail_quote|moz-|yahoo_quoted|protonmail_quote|^cite$", re.I
)
_HEADED = re.compile(
    r"(?:wrote|yazdı|yazmış|schrieb|écrit|escribió|>|&gt;)\s*:\s*(?:</?\w+[^<>]{0,200}>\s*){0,8}$",
    re.I,
)
_OPENS, _CLOSES = "\ue000", "\ue001"
_HIDDEN = re.compile(
    r"<(div|span|p|td)\b[^<>]{0,400}display\s*:\s*none[^<>]{0,400}>[^<>]{0,2000}</\1\s*>",
    re.IGNORECASE,
)


def _cited(html: str) -> str:
    """Mark where a mail program put the mail that is answered: its lines get a ">" as in plain
    text, so that answers between them are told from it."""
    made, at, open_marks = [], 0, list[bool]()
    for match in _QUOTE.finditer(html):
        made.append(html[at : match.start()])
        at = match.end()
        if not match[1]:
            before = html[max(0, match.start() - 600) : match.start()]
            cited = bool(_CITE.search(match[2]) or _HEADED.search(before)) and len(open_marks) < 20
            open_marks.append(cited)
            made.append(f"<div>{_OPENS}</div><div>" if cited else match[0])
        elif open_marks:
            made.append(f"</div><div>{_CLOSES}</div>" if open_marks.pop() else match[0])
    made.append(html[at:])
    return "".join(made) if len(made) > 1 else html


def _quoted(text: str) -> str:
    """Write a ">" before the lines between the marks, one for each depth."""
    if _OPENS not in text:
        return text
    made, depth = [], 0
    for line in text.split("\n"):
        for piece in re.split(f"([{_OPENS}{_CLOSES}])", line):
            if piece == _OPENS:
                depth += 1
            elif piece == _CLOSES:
                depth = max(0, depth - 1)
            elif piece.strip() or not re.search(f"[{_OPENS}{_CLOSES}]", line):
                made.append("> " * depth + piece.strip() if depth else piece)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(made)).strip()


def _visible(html: str) -> str:
    """Take comments, scripts, styles and the head out, looking at each place once."""
    made, at, missing = [], 0, set[str]()
    while (match := _OPEN.search(html, at)) is not None:
        made.append(html[at : match.start()])
        name = (match[1] or "").lower()
        end = f"</{name}" if name else ("-->" if match[0] == "<!--" else "?>")
        closing = re.compile(re.escape(end), re.IGNORECASE)
        there = None if end in missing else closing.search(html, match.end())
        found = there.start() if there else -1
        if found < 0:
            missing.add(end)
            at = match.end()
            continue
        close = html.find(">", found) if name else found + len(end) - 1
        at = close + 1 if close >= 0 else len(html)
        made.append(" ")
    made.append(html[at:])
    return "".join(made)


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
