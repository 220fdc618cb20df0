"""What a message is about, in pieces that messages can share; which incident has them. Pure.

Before: a folded text and its topics. After: the watch counts terms, the router asks which incident
a message belongs to. A word counts by its first five letters: the best cheap stem there is for
Turkish, whose words grow at the end (Can et al., Information retrieval on Turkish texts, JASIST
59(3), 2008), and good enough for English.
"""

import re
from collections import Counter
from collections.abc import Iterable

from schemas.text.fold import fold

STEM = 5
LOOKED_AT = 2000
"""Characters of a text whose words count: the complaint stands there, pages of terms do not."""

_WORD = re.compile(r"[a-z0-9]{3,}")
_LONG_NUMBER = re.compile(r"\d{6}|\d{5}$")
_TOPIC = "topic:"


def terms(folded: str, topics: Iterable[str] = ()) -> frozenset[str]:
    """Return the terms of a folded text (schemas/text/fold.py): stems, short numbers, and topics.

    Long numbers are one person's, and no mark of what many share.
    """
    found = {
        word[:STEM] for word in _WORD.findall(folded, 0, LOOKED_AT) if not _LONG_NUMBER.match(word)
    }
    found.update([_TOPIC + t for t in topics])
    return frozenset(found)


def words(texts: Iterable[str]) -> dict[str, str]:
    """Return for each stem the word that texts have most often, as most of them write it."""
    seen: dict[str, Counter[str]] = {}
    for text in texts:
        for found in _WORD.finditer(fold(text), 0, LOOKED_AT):
            # A folded text is as long as the text, with one space before it.
            typed = text[found.start() - 1 : found.end() - 1]
            seen.setdefault(found[0][:STEM], Counter())[typed] += 1
    return {
        stem: min(typed, key=lambda word: (-typed[word], len(word), word))
        for stem, typed in seen.items()
    }


def places(folded: str, found: Iterable[str]) -> list[tuple[int, int]]:
    """Return where words with these terms stand first, in the text as it is written."""
    wanted, made = set(found), list[tuple[int, int]]()
    for word in _WORD.finditer(folded, 0, LOOKED_AT):
        if word[0][:STEM] in wanted:
            wanted.discard(word[0][:STEM])
            made.append((word.start() - 1, word.end() - 1))
    return made


def topic_of(term: str) -> str | None:
    """Return the topic that a term stands for, None for a word."""
    return term[len(_TOPIC) :] if term.startswith(_TOPIC) else None
