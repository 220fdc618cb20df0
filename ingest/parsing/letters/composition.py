"""Composes a letter and its marks into one character. Pure.

"I" with a dot above becomes İ. The "i̇" that programs make when they lower-case İ by English rules
becomes i, so that equal words are equal texts. Source: Unicode Standard Annex 15 (NFC).
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
        # The time to normalize a run of marks grows with the square of its length.
        text = unicodedata.normalize("NFC", _MARKS.sub(r"\1", text))
    return _DOTTED.sub("i", text) if "\u0307" in text else text
