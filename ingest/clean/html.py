"""HTML -> text as a reader sees it. Never raises; script, style and head are gone.

Before: mime.py, for mails without a plain part. After: the text to classify. Pure.
"""

import re
from html import unescape

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

_CONFIG = ParserConfig(css=CSS_PROFILES["strict"], display_links=False)
_HIDDEN = re.compile(
    r"<!--.*?-->|<(script|style|head|title)\b.*?</\1\s*>|<\?xml[^>]*\?>", re.I | re.S
)
_TAG = re.compile(r"<[^>]*>")


def to_text(html: str) -> str:
    """Return the text of an HTML document, its paragraphs apart."""
    html = _HIDDEN.sub(" ", html)
    if not html.strip():
        return ""
    try:
        text = get_text(html, _CONFIG)
    except (ValueError, RecursionError, AttributeError, IndexError, TypeError):
        # Broken beyond laying out: the words without the tags are better than nothing.
        text = unescape(_TAG.sub(" ", html))
    text = "\n".join(line.strip() for line in text.replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip()
