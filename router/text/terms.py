"""What a message is about, in pieces that messages can share; which incident has them. Pure.

Before: a folded text and its topics. After: the watch counts terms, the router asks which incident
a message belongs to. A word counts by its first five letters: the best cheap stem there is for
Turkish, whose words grow at the end (Can et al., Information retrieval on Turkish texts, JASIST
59(3), 2008), and good enough for English.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from schemas.incident import Incident, Sign
from schemas.text.fold import fold

STEM = 5
LOOKED_AT = 2000
"""Characters of a text whose words count: the complaint stands there, pages of terms do not."""

_WORD = re.compile(r"[a-z0-9]{3,}")
_LONG_NUMBER = re.compile(r"\d{6}|\d{5}$")
_CALM = frozenset({"information", "thanks", "feedback"})
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


def trouble(intent: str, sentiment: float, severity: int) -> bool:
    """Say whether a message may tell of something that went wrong: who asks about a campaign, gives
    thanks or praises does not, however many they are."""
    if severity or sentiment < 0:
        return True
    return intent not in _CALM and sentiment <= 0


def fits(
    found: frozenset[str], troubled: bool, signs: Iterable[Sign], needed: float
) -> tuple[float, tuple[str, ...]] | None:
    """Return how much a message's terms weigh by an incident's signs, and which they are; None when
    that is too little. A message that tells of no trouble needs two: a place may be a question."""
    had = [s for s in signs if s.term in found]
    score = sum(s.weight for s in had)
    if not had or score < needed or (not troubled and len(had) < 2):
        return None
    return score, tuple(s.term for s in had)


class Belongs(NamedTuple):
    """An incident that a message belongs to, how strongly, and the terms that say so."""

    incident: Incident
    score: float
    terms: tuple[str, ...]


def belongs(found: frozenset[str], troubled: bool, incidents: Iterable[Incident]) -> Belongs | None:
    """Return the incident to whose signs a message's terms fit best, None when none fits."""
    best: Belongs | None = None
    for incident in incidents:
        had = fits(found, troubled, incident.signs, incident.needed)
        if had is not None and (best is None or had[0] > best.score):
            best = Belongs(incident, *had)
    return best
