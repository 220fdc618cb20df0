"""Rules -> a pack that finds their terms word by word. Pure.

The rarest word of each term is its anchor. An automaton finds the anchors in a word, and only a
text with the anchor is searched for the other words of the term.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from hashlib import sha256

import ahocorasick_rs
import msgspec

from router.text.rule import Rule
from router.text.rules import Conditions, Pack, Phrase, WordTerms
from router.text.word_cache import WordCache
from schemas.errors import ConfigError, Problem
from schemas.text.fold import fold

_SHORT_WORD_TERMS = (60, 60, 60, 60, 15, 5)
"""By its length, a short word counts as if it were in this many more terms, because it is frequent
in texts."""

_SOFTENED = {"k": "g", "p": "b", "t": "d"}
_MIN_SOFTENED_STEM = 4
"""A shorter stem is not found softened, because too many other words begin with it."""

_TERM = re.compile(r"^[^\s*]+\*?(?: [^\s*]+\*?)*$")


def compile_pack(name: str, rules: Iterable[Rule]) -> Pack:
    """Return the compiled pack; raise ConfigError with every mistake in its rules."""
    rules = tuple(rules)
    problems = _problems(rules)
    if problems:
        raise ConfigError(problems)
    terms = _TermNumbers(rules)
    conditions: list[Conditions | None] = []
    rules_of_term: defaultdict[int, list[int]] = defaultdict(list)
    for index, rule in enumerate(rules):
        some, every, never = (
            frozenset(map(terms.number, group)) for group in (rule.any, rule.all, rule.none)
        )
        # Most rules need any one term, and a hit on it is all that they need.
        conditions.append((some, every, never) if every or never else None)
        for term in some | every:
            rules_of_term[term].append(index)
    body = msgspec.json.encode(rules)
    return Pack(
        name=name,
        version=f"{name}-{sha256(body).hexdigest()[:12]}",
        rules=rules,
        _word_terms=WordCache(_word_finder(terms.by_anchor)),
        _rules_of_term=[rules_of_term[term] for term in range(len(terms))],
        _conditions=conditions,
    )


class _TermNumbers:
    """The numbers of the rules' terms, and the terms by the anchors that lead to them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.by_anchor: dict[str, list[int | Phrase]] = defaultdict(list)
        self._numbers: dict[str, int] = {}
        self._terms_with = Counter(
            word
            for rule in rules
            for term in (*rule.any, *rule.all, *rule.none)
            for word in set(_words(term))
        )

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, term: str) -> int:
        """Return the number of a term, a new one for a new term."""
        number = self._numbers.get(term)
        if number is None:
            number = self._numbers[term] = len(self._numbers)
            self._add_anchors(number, _words(term))
        return number

    def _add_anchors(self, number: int, words: list[str]) -> None:
        rarest = min(words, key=self._frequency)
        for anchor in _anchors(rarest):
            self.by_anchor[anchor].append(
                (number, *_piece(words, rarest), _pattern(words)) if len(words) > 1 else number
            )

    def _frequency(self, word: str) -> tuple[int, int]:
        """Return how frequent a word is; between equals, a longer word is rarer."""
        short = _SHORT_WORD_TERMS[len(word)] if len(word) < len(_SHORT_WORD_TERMS) else 0
        return self._terms_with[word] + short, -len(word)


def _words(term: str) -> list[str]:
    """Return the words of a term, folded, each with its star."""
    words = [
        fold(word.removesuffix("*")).strip() + ("*" if word.endswith("*") else "")
        for word in term.split()
    ]
    return [folded for word in words for folded in word.split()]


def _pattern(words: list[str]) -> re.Pattern[str]:
    """Return the pattern of a phrase in a folded text."""
    patterns = []
    for word in words:
        stem = word.removesuffix("*")
        if word.endswith("*"):
            last = stem[-1]
            ending = f"[{last}{_SOFTENED[last]}]" if last in _SOFTENED else re.escape(last)
            patterns.append(f"{re.escape(stem[:-1])}{ending}[a-z0-9]*")
        else:
            patterns.append(re.escape(stem))
    return re.compile(f" {' +'.join(patterns)} ")


def _anchors(word: str) -> list[str]:
    """Return the strings of which a text has one if it has the word."""
    if not word.endswith("*"):
        return [f" {word} "]
    stem = word[:-1]
    soft = _SOFTENED.get(stem[-1])
    if soft is None or len(stem) < _MIN_SOFTENED_STEM:
        return [f" {stem}"]
    return [f" {stem}", f" {stem[:-1]}{soft}"]


def _piece(words: list[str], rarest: str) -> tuple[str, bool]:
    """Return a piece of a text that a phrase needs, and whether the piece is enough.

    It is enough if only the last word has a star and its stem is not softened.
    """
    *first, last = words
    stem = last.removesuffix("*")
    soft = last.endswith("*") and stem[-1] in _SOFTENED
    if not any(word.endswith("*") for word in first):
        piece = " ".join([*first, stem[:-1] if soft else stem])
        return f" {piece}" + ("" if last.endswith("*") else " "), not soft
    other = max((word for word in words if word != rarest), key=len, default=rarest)
    if not other.endswith("*"):
        return f" {other} ", False
    return f" {other[:-2] if other[-2] in _SOFTENED else other[:-1]}", False


def _word_finder(by_anchor: dict[str, list[int | Phrase]]) -> Callable[[str], WordTerms | None]:
    """Return a function that finds the terms whose anchors a word has, None without one."""
    automaton = ahocorasick_rs.AhoCorasick(list(by_anchor))
    terms_by_pattern = list(by_anchor.values())

    def find(word: str) -> WordTerms | None:
        matches = automaton.find_matches_as_indexes(f" {word} ", overlapping=True)
        entries = [entry for match in matches for entry in terms_by_pattern[match[0]]]
        terms = tuple([entry for entry in entries if isinstance(entry, int)])
        phrases = tuple([entry for entry in entries if not isinstance(entry, int)])
        return (terms, phrases) if entries else None

    return find


def _problems(rules: tuple[Rule, ...]) -> list[Problem]:
    """Return every mistake in the rules of a pack."""
    if not rules:
        return [Problem("the pack has no rules")]
    problems = []
    ids = set[str]()
    for rule in rules:
        if rule.id in ids:
            problems.append(Problem(f"{rule.id}: two rules have this id. Rename one."))
        ids.add(rule.id)
        if not rule.any and not rule.all:
            problems.append(Problem(f"{rule.id}: has neither `any` nor `all`. Add terms."))
        problems += [
            Problem(f"{rule.id}: {term!r} is not a term. Write words, a star at an end.")
            for term in (*rule.any, *rule.all, *rule.none)
            if not _TERM.match(term) or not fold(term.replace("*", "")).strip()
        ]
    return problems
