"""Rules as data: read from a pack, compiled, matched word by word with their evidence.

Before: router/packs/. After: decision/decide.py. A rule names terms: words in their folded form, a
star where any ending may follow ("fatura*" finds "faturamdaki"); a stem that ends in k, p or t
before its star is also found softened ("abonelik*" finds "aboneliğim"). Time grows with what a text
hits, not with how many rules there are. Pure but for `load`, which reads the pack's files.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import ahocorasick_rs
import msgspec

from router.text.word_cache import Known
from schemas.base import Record
from schemas.decision import Evidence
from schemas.errors import ConfigError, Problem
from schemas.text.fold import fold

PACKS = Path(__file__).parent.parent / "packs"
_SHORT = (60, 60, 60, 60, 15, 5)
"""By length: short words stand in many texts, as if so many terms had them."""

_SHOWN = 5  # spans of evidence kept of one rule
_SOFTENED = {"k": "g", "p": "b", "t": "d"}
_TERM = re.compile(r"^[^\s*]+\*?(?: [^\s*]+\*?)*$")
RuleId = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]*(\\.[a-z0-9_]+)+$")]


class Rule(Record, frozen=True, kw_only=True):
    """One rule: it fires when one of `any`, all of `all` and none of `none` are in the text.

    `weight` counts for the department, `priority` adds points (0 to 100 in all), `sentiment`
    adds to -1 to 1, `severity` is a floor from 0 to 2, `flag` marks the decision ("spam" keeps an
    item from the departments). `match` and `no_match` are its samples.
    """

    id: RuleId
    department: str | None = None
    intent: str | None = None
    topics: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    weight: Annotated[float, msgspec.Meta(ge=0, le=10)] = 1.0
    priority: Annotated[int, msgspec.Meta(ge=-50, le=100)] = 0
    sentiment: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.0
    severity: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    flag: Annotated[str, msgspec.Meta(pattern="^[a-z_]{0,40}$")] = ""
    owner: str = ""
    tr: str
    en: str
    match: tuple[str, ...]
    no_match: tuple[str, ...]


class _File(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    department: str | None = None
    owner: str = ""
    rule: tuple[dict[str, object], ...] = ()


class _Rule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same with unknown keys refused: a mistyped `nome` must not switch a condition off."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A rule that fired, with the places that made it fire."""

    rule: Rule
    evidence: tuple[Evidence, ...]


_Phrase = tuple[int, str, bool, re.Pattern[str]]
"""A term of several words: a piece that has to be among the text's words, whether that is all there
is to ask, and the pattern of the whole."""

_Place = str | re.Pattern[str]
"""A word of the folded text, or what finds words of it: most places are never shown."""

_Anchors = tuple[tuple[int, ...], tuple[_Phrase, ...]]
"""What stands where a word does, terms of this one word, and terms that may stand there."""


@dataclass
class Pack:
    """A compiled set of rules; `version` is a hash of what the rules say."""

    name: str
    version: str
    rules: tuple[Rule, ...]
    _anchors: Known[_Anchors | None] = field(repr=False)
    _by_term: list[list[int]] = field(repr=False)
    _needs: list[tuple[frozenset[int], frozenset[int], frozenset[int]] | None] = field(repr=False)

    def hits(self, text: str, folded: str, words: Sequence[str] | None = None) -> list[Hit]:
        """Return the rules that fire on a text, in the pack's order; `words` are the folded text's,
        where they are known."""
        found = self._found(folded, folded.split() if words is None else words)
        if not found:
            return []
        by_rule: defaultdict[int, list[_Place]] = defaultdict(list)
        for term, place in found.items():
            for index in self._by_term[term]:
                by_rule[index].append(place)
        made = []
        for index in sorted(by_rule):
            needs = self._needs[index]
            if needs is not None:
                # One of `any` is there, or the rule would not be asked, unless it asks for `all`.
                some, every, never = needs
                if not never.isdisjoint(found) or (
                    every and (not every <= found.keys() or (some and some.isdisjoint(found)))
                ):
                    continue
            spans = sorted({_span(folded, place) for place in by_rule[index]})[:_SHOWN]
            evidence = [Evidence(start=a, end=b, text=text[a:b]) for a, b in spans]
            made.append(Hit(self.rules[index], tuple(evidence)))
        return made

    def _found(self, folded: str, words: Sequence[str]) -> dict[int, _Place]:
        """Return the terms that are in a folded text, with what they are found by."""
        found: dict[int, _Place] = {}
        looked = set[int]()  # a term of several words is looked for once a text
        known, spaced = self._anchors, f" {' '.join(words)} "
        for word in filter(known.__getitem__, words):
            terms, phrases = known[word] or ((), ())
            for term in terms:
                if term not in found:
                    found[term] = word
            for term, piece, whole, pattern in phrases:
                if term in looked:
                    continue
                looked.add(term)
                if piece in spaced and (whole or pattern.search(spaced) is not None):
                    found[term] = pattern
        return found


def _span(folded: str, place: _Place) -> tuple[int, int]:
    """Return where what was found stands first in the text as it is written: one before its place
    in the folded text, without the spaces around it."""
    if isinstance(place, str):
        start = folded.index(f" {place} ")
        return start, start + len(place)
    match = place.search(folded)
    assert match is not None, "it was found among the words"
    return match.start(), match.end() - 2


def _regex(words: list[str]) -> re.Pattern[str]:
    parts = []
    for word in words:
        stem = word.removesuffix("*")
        if word.endswith("*"):
            last = stem[-1]
            soft = f"[{last}{_SOFTENED[last]}]" if last in _SOFTENED else re.escape(last)
            parts.append(f"{re.escape(stem[:-1])}{soft}[a-z0-9]*")
        else:
            parts.append(re.escape(stem))
    return re.compile(f" {' +'.join(parts)} ")


def _words(term: str) -> list[str]:
    """Return the words of a term, folded, each with its star."""
    words = [
        fold(w.removesuffix("*")).strip() + ("*" if w.endswith("*") else "") for w in term.split()
    ]
    return [part for word in words for part in word.split()]


def _anchors(word: str) -> list[str]:
    """Return the literal strings one of which stands in the text when the word does."""
    if not word.endswith("*"):
        return [f" {word} "]
    stem = word[:-1]
    soft = _SOFTENED.get(stem[-1])
    return [f" {stem}"] + ([f" {stem[:-1]}{soft}"] if soft and len(stem) > 3 else [])


def _piece(words: list[str], rarest: str) -> tuple[str, bool]:
    """Return what stands among a text's words when these do one behind the other, and whether they
    do wherever it stands: where only the last has another ending, and is not softened."""
    *first, last = words
    stem = last.removesuffix("*")
    soft = last.endswith("*") and stem[-1] in _SOFTENED
    if not any(w.endswith("*") for w in first):
        piece = " ".join([*first, stem[:-1] if soft else stem])
        return f" {piece}" + ("" if last.endswith("*") else " "), not soft
    other = max((w for w in words if w != rarest), key=len, default=rarest)
    if not other.endswith("*"):
        return f" {other} ", False
    return f" {other[:-2] if other[-2] in _SOFTENED else other[:-1]}", False


def compile_pack(name: str, rules: Iterable[Rule]) -> Pack:
    """Return the compiled pack; raise ConfigError with everything that is wrong in it."""
    rules = tuple(rules)
    problems = _check(rules)
    if problems:
        raise ConfigError(problems)
    terms: dict[str, int] = {}
    anchors: dict[str, list[int | _Phrase]] = defaultdict(list)
    often = Counter(
        word
        for rule in rules
        for term in (*rule.any, *rule.all, *rule.none)
        for word in set(_words(term))
    )

    def number(term: str) -> int:
        if term in terms:
            return terms[term]
        terms[term] = len(terms)
        words = _words(term)
        # The others are looked at only where the rarest word stands: of those that few terms have,
        # the longest.
        rarest = min(
            words,
            key=lambda w: (often[w] + (_SHORT[len(w)] if len(w) < len(_SHORT) else 0), -len(w)),
        )
        for anchor in _anchors(rarest):
            anchors[anchor].append(
                (terms[term], *_piece(words, rarest), _regex(words))
                if len(words) > 1
                else terms[term]
            )
        return terms[term]

    needs: list[tuple[frozenset[int], frozenset[int], frozenset[int]] | None] = []
    by_term: defaultdict[int, list[int]] = defaultdict(list)
    for index, rule in enumerate(rules):
        some, every, never = (
            frozenset(map(number, group)) for group in (rule.any, rule.all, rule.none)
        )
        # Most rules ask for any one term: for those a hit is all there is to know.
        needs.append((some, every, never) if every or never else None)
        for term in some | every:
            by_term[term].append(index)
    body = msgspec.json.encode(rules)
    return Pack(
        name=name,
        version=f"{name}-{sha256(body).hexdigest()[:12]}",
        rules=rules,
        _anchors=Known(_looker(anchors)),
        _by_term=[by_term[t] for t in range(len(terms))],
        _needs=needs,
    )


def _looker(anchors: dict[str, list[int | _Phrase]]) -> Callable[[str], _Anchors | None]:
    """Return what finds the anchors that stand in a word, None where there are none."""
    automaton, by_pattern = ahocorasick_rs.AhoCorasick(list(anchors)), list(anchors.values())

    def look(word: str) -> _Anchors | None:
        matches = automaton.find_matches_as_indexes(f" {word} ", overlapping=True)
        found = [anchor for match in matches for anchor in by_pattern[match[0]]]
        terms = tuple([a for a in found if isinstance(a, int)])
        phrases = tuple([a for a in found if not isinstance(a, int)])
        return (terms, phrases) if found else None

    return look


def _check(rules: tuple[Rule, ...]) -> list[Problem]:
    problems, seen = [], set()
    for rule in rules:
        if rule.id in seen:
            problems.append(Problem(f"{rule.id}: two rules have this id. Rename one."))
        seen.add(rule.id)
        if not rule.any and not rule.all:
            problems.append(Problem(f"{rule.id}: has neither `any` nor `all`. Add terms."))
        problems += [
            Problem(f"{rule.id}: {term!r} is not a term. Write words, a star at an end.")
            for term in (*rule.any, *rule.all, *rule.none)
            if not _TERM.match(term) or not fold(term.replace("*", "")).strip()
        ]
    return problems or ([] if rules else [Problem("the pack has no rules")])


def load(folder: Path) -> Pack:
    """Read a pack's *.toml files; raise ConfigError with file, rule and mend of every mistake."""
    problems: list[Problem] = []
    rules: list[Rule] = []
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ConfigError([Problem(f"{folder}: no rules there. Give a folder with *.toml files.")])
    for path in files:
        try:
            file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            problems.append(Problem(f"{path}: {error}"))
            continue
        for at, table in enumerate(file.rule):
            whole = {"department": file.department, "owner": file.owner, **table}
            try:
                rules.append(msgspec.convert(whole, _Rule))
            except msgspec.ValidationError as error:
                problems.append(Problem(f"{path}: rule {table.get('id', at)!r}: {error}"))
    try:
        pack = compile_pack(folder.name, rules)
    except ConfigError as error:
        raise ConfigError(problems + [Problem(f"{folder}: {p}") for p in error.problems]) from error
    if problems:
        raise ConfigError(problems)
    return pack
