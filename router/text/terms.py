"""The terms of a message, by which the watch finds many messages about one cause. Pure.

A term is the stem of a word, a short number or a topic of the rules. The stem is the first five
letters, which is the best cheap stem for Turkish, whose words grow at the end (Can et al.,
Information retrieval on Turkish texts, JASIST 59(3), 2008), and good enough for English.
"""

import re
from collections import Counter
from collections.abc import Iterable

from schemas.text.fold import fold

STEM_LETTERS = 5
MAX_TERM_CHARS = 2000
"""Only the beginning of a text has terms. The complaint is there; pages of conditions are not."""

_WORD = re.compile(r"[a-z0-9]{3,}")
_LONG_NUMBER = re.compile(r"\d{6}|\d{5}$")
_TOPIC = "topic:"


def find_terms(folded: str, topics: Iterable[str] = ()) -> frozenset[str]:
    """Return the terms of a folded text (schemas/text/fold.py) and its topics.

    A long number belongs to one person, so it is not a term that many messages share.
    """
    words = _WORD.findall(folded, 0, MAX_TERM_CHARS)
    stems = {word[:STEM_LETTERS] for word in words if not _LONG_NUMBER.match(word)}
    stems.update([_TOPIC + topic for topic in topics])
    return frozenset(stems)


def words_of_stems(texts: Iterable[str]) -> dict[str, str]:
    """Return the most frequent word of each stem, in its most frequent spelling."""
    spellings: dict[str, Counter[str]] = {}
    for text in texts:
        for word in _WORD.finditer(fold(text), 0, MAX_TERM_CHARS):
            # A folded text is as long as the text, with one space before it.
            typed = text[word.start() - 1 : word.end() - 1]
            spellings.setdefault(word[0][:STEM_LETTERS], Counter())[typed] += 1
    return {
        stem: min(typed, key=lambda word: (-typed[word], len(word), word))
        for stem, typed in spellings.items()
    }


def find_spans(folded: str, terms: Iterable[str]) -> list[tuple[int, int]]:
    """Return the span of the first word of each term, in characters of the text as typed."""
    missing, spans = set(terms), list[tuple[int, int]]()
    for word in _WORD.finditer(folded, 0, MAX_TERM_CHARS):
        stem = word[0][:STEM_LETTERS]
        if stem in missing:
            missing.discard(stem)
            spans.append((word.start() - 1, word.end() - 1))
    return spans


def topic_of(term: str) -> str | None:
    """Return the topic of a term, None for the stem of a word."""
    return term[len(_TOPIC) :] if term.startswith(_TOPIC) else None
