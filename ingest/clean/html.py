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


def to_text(html: str) -> str:
    """Return the text of an HTML document, its paragraphs apart."""
    html = _visible(_DATA.sub("", html))
    if not html.strip():
        return ""
    plain = _tidy(unescape(_TAG.sub("", _BREAK.sub("\n", html))))
    if len(html) > LAID_OUT:
        return plain
    try:
        text = _tidy(get_text(html, _CONFIG))
    except (ValueError, RecursionError, AttributeError, IndexError, TypeError):
        return plain
    # Beyond a depth the layouter drops what it can't nest: then the words count, not the layout.
    whole = len(_WORDS.findall(plain))
    return plain if len(_WORDS.findall(text)) < 0.9 * whole else text


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
