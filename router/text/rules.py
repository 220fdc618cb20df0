"""Rules as data, and the matching of a compiled pack against a text, with evidence. Pure.

A rule names terms, which are folded words. A star matches any ending ("fatura*" finds
"faturamdaki"); a stem that ends in k, p or t before its star is also found softened ("abonelik*"
finds "aboneliğim"). The time of a match grows with the terms that a text has, not with the number
of rules. pack_compiler.py makes a pack of rules, and pack_files.py reads them.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.text.rule import Hit, Rule
from router.text.word_cache import WordCache
from schemas.decision import Evidence

_MAX_SPANS = 5
"""Spans of evidence that a hit keeps."""

Phrase = tuple[int, str, bool, re.Pattern[str]]
"""A term of several words.

It has the term's number, a piece of the text that the term needs, whether the piece is enough, and
the pattern of the whole term.
"""

WordTerms = tuple[tuple[int, ...], tuple[Phrase, ...]]
"""The terms of one word that a word has, and the phrases that may begin or end with it."""

Conditions = tuple[frozenset[int], frozenset[int], frozenset[int]]
"""The numbers of a rule's terms in `any`, `all` and `none`."""

_Finder = str | re.Pattern[str]
"""A word of the folded text, or the pattern of a phrase. Most are never looked up in the text."""


@dataclass
class Pack:
    """A compiled set of rules; `version` is a hash of what the rules say.

    `_rules_of_term` has the indexes of the rules that name a term in `any` or `all`. `_conditions`
    is None for a rule that needs any one of its terms and nothing else.
    """

    name: str
    version: str
    rules: tuple[Rule, ...]
    _word_terms: WordCache[WordTerms | None] = field(repr=False)
    _rules_of_term: list[list[int]] = field(repr=False)
    _conditions: list[Conditions | None] = field(repr=False)

    def match(self, text: str, folded: str, words: Sequence[str] | None = None) -> list[Hit]:
        """Return the hits of the rules on a text, in the pack's order.

        A caller that has split the folded text passes its words in.
        """
        finders = self._find_terms(folded.split() if words is None else words)
        if not finders:
            return []
        by_rule: defaultdict[int, list[_Finder]] = defaultdict(list)
        for term, finder in finders.items():
            for index in self._rules_of_term[term]:
                by_rule[index].append(finder)
        hits = []
        for index in sorted(by_rule):
            conditions = self._conditions[index]
            if conditions is not None:
                # A rule without `all` is here because the text has one of `any`.
                some, every, never = conditions
                if not never.isdisjoint(finders) or (
                    every and (not every <= finders.keys() or (some and some.isdisjoint(finders)))
                ):
                    continue
            spans = _spans(folded, by_rule[index])
            evidence = [Evidence(start=a, end=b, text=text[a:b]) for a, b in spans]
            hits.append(Hit(self.rules[index], tuple(evidence)))
        return hits

    def _find_terms(self, words: Sequence[str]) -> dict[int, _Finder]:
        """Return a finder for each term that a folded text has."""
        finders: dict[int, _Finder] = {}
        tried = set[int]()  # a phrase is tried once a text
        word_terms, spaced = self._word_terms, f" {' '.join(words)} "
        for word in filter(word_terms.__getitem__, words):
            terms, phrases = word_terms[word] or ((), ())
            for term in terms:
                if term not in finders:
                    finders[term] = word
            for term, piece, is_enough, pattern in phrases:
                if term in tried:
                    continue
                tried.add(term)
                if piece in spaced and (is_enough or pattern.search(spaced) is not None):
                    finders[term] = pattern
        return finders


def _spans(folded: str, finders: Sequence[_Finder]) -> list[tuple[int, int]]:
    """Return the spans of a rule's terms in the order of the text, without the last of many."""
    if len(finders) == 1:
        return [_span(folded, finders[0])]
    return sorted({_span(folded, finder) for finder in finders})[:_MAX_SPANS]


def _span(folded: str, finder: _Finder) -> tuple[int, int]:
    """Return the first span of a term in the text as typed, without the spaces around it.

    Offsets in the folded text are one higher.
    """
    if isinstance(finder, str):
        start = folded.index(f" {finder} ")
        return start, start + len(finder)
    match = finder.search(folded)
    assert match is not None, "the term is in the words"
    return match.start(), match.end() - 2
