"""The words of a message as PostgreSQL's full-text vector, in its binary form. Pure.

The server's parser takes three times as long. It splits no word of ASCII letters and digits but one
that begins with a number such as 2e5, and those it parses itself. The vectors have no positions,
because only a search for such a split word compares them.
"""

import re
from struct import Struct

_pack_count = Struct("!i").pack
_BEHIND_WORD = "\0\0\0"
"""The end of a word's text, and the number of its positions."""

_MAX_WORD_CHARS = 2046
"""The parser leaves out longer words."""

_SCIENTIFIC_NUMBER = re.compile("[0-9]+e[0-9]")
_BEHIND_DIGITS = ":"
"""The character behind 9 in ASCII."""


def vector_of(line: str) -> bytes | None:
    """Return the vector of words in ASCII letters and digits with spaces between them.

    None means that only the server can parse them.
    Source: `tsvectorsend` in PostgreSQL's tsvector.c.
    """
    words = sorted(set(line.split()))
    for word in words:
        if word >= _BEHIND_DIGITS:
            break
        if _SCIENTIFIC_NUMBER.match(word):
            return None
    if len(line) > _MAX_WORD_CHARS:
        words = [word for word in words if len(word) <= _MAX_WORD_CHARS]
    texts = _BEHIND_WORD.join([*words, ""])
    return _pack_count(len(words)) + texts.encode("ascii")
