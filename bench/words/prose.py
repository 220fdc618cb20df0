"""Finds words and constructions that make a sentence hard to read.

A sentence is subject, active verb, object. Code in backticks and quoted words are the texts of others,
so both are left out. Pure.
"""

import re
from collections.abc import Iterator

from bench.words.finding import Finding, Passage


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(" ", r"\s+"), re.IGNORECASE)


_IS = r"(?:is|are|was|were|be|been|being)"
_ADVERB = r"(?:(?:not|never|also|then|now|still|already|only|first|always|even) )?"
_PEOPLE = r"(?:customers?|callers?|agents?|persons?|people|speakers?|somebody|senders?|users?)\b"
_WORDS = "anew|mend(?:s|ed|ing)?|lies|stands|had|besides|whoever|thereof"

_RULES = (
    ("passive of telling", _pattern(rf"(\w+ )?\b{_IS} {_ADVERB}(?:told|said|asked)\b")),
    ("none as predicate", re.compile(rf"\b{_IS}\s+none\b")),  # `is None` is code
    ("no as predicate", _pattern(rf"\b{_IS} no (?!longer\b|more\b|less\b|later\b|other than\b)")),
    ("word", _pattern(rf"\b(?:{_WORDS})\b")),
    ("word", _pattern(rf"\b{_IS} {_ADVERB}due\b(?! to\b)")),
    ("word", _pattern(r"\b(?:goes|went) on\b")),
)
_SMALL_START = re.compile(r"\W*(?:what|who|whoever|of|so)\b", re.IGNORECASE)
_CAPITAL_START = re.compile(r"\W*(?:What|Who|Whoever|Of|So)\b")
_SENTENCE_END = re.compile(
    r"[.!?][\"')\]*_]*\s+(?=[\"'(\[*_]*[A-ZÇĞİÖŞÜ])|\n\s*\n|\n\s*(?:[-*]|\d+\.) "
)
_NOT_OURS = re.compile(
    r"``.*?``|`[^`]*`|\"[^\"]{1,300}\"|“[^”]*”|«[^»]*»|https?://\S+|^.*[│├└┌┐┘─►▲▼◄].*$",
    re.DOTALL | re.MULTILINE,
)
_SHOWN_CHARS = 70  # a finding fits on a line of a terminal
_COLON = re.compile(r":(?=\s|\Z)")


def prose_findings(passage: Passage) -> Iterator[Finding]:
    """Yield the findings of a text, sentence by sentence."""
    text = _NOT_OURS.sub(_blank, passage.text)
    for start, sentence in _sentences(text):
        small = start == 0 and passage.kind not in {"paragraph", "item"}
        if (_SMALL_START if small else _CAPITAL_START).match(sentence) and not _asks(sentence):
            yield _finding(passage, "beginning", start)
        for rule, pattern in _RULES:
            for match in pattern.finditer(sentence):
                if not _is_idiom(rule, sentence, match):
                    yield _finding(passage, rule, start + match.start())
    colons = list(_COLON.finditer(text)) if passage.kind == "docstring" else []
    if len(colons) > 1:
        yield _finding(passage, f"{len(colons)} colons", colons[1].start())


def _is_idiom(rule: str, sentence: str, match: re.Match[str]) -> bool:
    """Say whether it is ordinary English: `there is no …`, or a person as the subject of telling."""
    if rule == "passive of telling":
        return re.match(_PEOPLE, match[1] or "", re.IGNORECASE) is not None
    if rule.endswith("predicate"):
        before = sentence[: match.start()]
        return re.search(r"\bthere(?:\s+\w+){0,2}\s*\Z", before, re.IGNORECASE) is not None
    return False


def _asks(sentence: str) -> bool:
    return sentence.rstrip(" \n'\")*_").endswith("?")


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence with its offset."""
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield start, text[start : end.end()]
        start = end.end()
    yield start, text[start:]


def _blank(match: re.Match[str]) -> str:
    """Return a word of the same length and lines, so that offsets stay right."""
    return re.sub(r"[^\n]", "Q", match[0])


def _finding(passage: Passage, rule: str, offset: int) -> Finding:
    rest = passage.text[offset:]
    line = passage.line + passage.text.count("\n", 0, offset + len(rest) - len(rest.lstrip()))
    return Finding(line, rule, " ".join(rest[:_SHOWN_CHARS].split()))
