"""Text in composed form: one sign for a letter and its marks. Pure.

Before: text of any source. After: "I" with a dot above it is İ, and the "i̇" that programs make when
they lower-case İ by English rules is i, so that the same word is the same characters.
Source: Unicode Standard Annex 15 (NFC).
"""

import re
import unicodedata

_MARKS = re.compile("([\u0300-\u036f]{30})[\u0300-\u036f]+")
_DOTTED = re.compile("[iı]\u0307(?![\u0300-\u036f])")


def compose(text: str) -> str:
    """Return the text in NFC, with i for i and a combining dot."""
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFC", text):
        # Normalizing a long run of marks takes time that grows with its square.
        text = unicodedata.normalize("NFC", _MARKS.sub(r"\1", text))
    return _DOTTED.sub("i", text) if "\u0307" in text else text
