"""Plain text: `Label: words`, with or without times, or no labels at all.

A label is a word of the vocabulary, or words that come back before a colon; "Saat 14:30" and
"https:" are none. Pure.
"""

import re
from collections import Counter
from itertools import pairwise

from ingest.clean.calls.heard import Heard, Said
from schemas.fold import fold

_STAMP = re.compile(
    r"^\s*[\[(]?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:[.,]\d+)?[\])]?\s*(?:[-–—|>]+\s*)?"
)
_LABEL = re.compile(
    r"^\s*(?:[-*•]\s+)?(\*\*|__)?([^\W\d_][^:\n*_]{0,60}?)\s*"
    r"(\([^)\n]{1,60}\))?\s*"
    r"(?:\1\s*[:\uff1a]|[:\uff1a]\s*\1?)\s*(.*)$"
)
_ALONE = re.compile(r"^\s*(?:\*\*|__)?([^\W\d_][^:\n*_]{0,40}?)(?:\*\*|__)?\s*[:\uff1a]?\s*$")

AGENT = (
    "musteri temsilcisi", "musteri hizmetleri temsilcisi", "musteri hizmetleri",
    "musteri danismani", "cagri merkezi", "customer service representative", "customer service",
    "customer care", "representative", "temsilci", "operator", "danisman", "yetkili", "gorevli",
    "destek", "agent",
    "advisor", "adviser", "support", "rep", "csr", "mt", "employee", "supervisor", "human agent",
    "internal",
)  # fmt: skip
CUSTOMER = (
    "customer", "client", "caller", "musteri", "arayan", "abone", "kullanici", "user", "end user",
    "external", "misafir", "hasta", "vatandas", "guest",
)  # fmt: skip
MACHINE = ("ivr", "bot", "sistem", "system", "sesli yanit", "custom bot", "automated agent",
           "ai agent", "asistan", "santral")  # fmt: skip
NUMBERED = re.compile(
    r"^(speaker|spk|konusmaci|kisi|participant|guest|person|kanal|channel|ses) ?\d{1,2}$"
)


def role_of(label: str) -> str:
    """Return agent, customer, machine or an empty text for a label; the longest word counts."""
    found = re.sub(r"\s+", " ", fold(label).strip())
    kinds = [(w, k) for k, words in (("agent", AGENT), ("customer", CUSTOMER), ("machine", MACHINE))
             for w in words]  # fmt: skip
    for word, kind in sorted(kinds, key=lambda p: -len(p[0])):
        if re.match(rf"{re.escape(word)}(?:$|[ _\-(\d./])", found):
            return kind
    return ""


def text(told: str) -> Heard:
    """Return a plain transcript's turns; without labels it is one turn of nobody's."""
    lines = re.split(r"\r\n|\n|\r", told.lstrip("\ufeff"))
    labels = _labels(lines)
    turns: list[Said] = []
    pending: tuple[str, float | None] | None = None
    for line in lines:
        rest, at = _timed(line)
        found = _LABEL.match(rest)
        if found and _key(found[2]) in labels:
            turns.append(_turn(_named(found[2], found[3]), found[4], at))
            pending = None
            continue
        alone = _ALONE.match(rest)
        if alone and _key(alone[1]) in labels:
            pending = (alone[1].strip(), at)
            continue
        if pending is not None and rest.strip():
            turns.append(_turn(pending[0], rest, pending[1] if pending[1] is not None else at))
            pending = None
        elif rest.strip():
            if turns and at is None:
                turns[-1].text = f"{turns[-1].text}\n{rest.strip()}".strip()
            else:
                turns.append(_turn("", rest, at))
    turns = [t for t in turns if t.text]
    for one, following in pairwise(turns):
        one.end = max(one.end, following.start) if following.start else one.end
    repaired = [] if any(t.start for t in turns) else ["times.missing"]
    return Heard(form="text", turns=turns, repaired=repaired)


def _turn(speaker: str, said: str, at: float | None) -> Said:
    return Said(speaker=speaker, text=said.strip(), start=at or 0.0, end=at or 0.0)


def _named(label: str, name: str | None) -> str:
    return f"{label.strip()} {name}" if name else label.strip()


def _key(label: str) -> str:
    return re.sub(r"\s+", " ", fold(label).strip())


def _timed(line: str) -> tuple[str, float | None]:
    """Return a line without the time at its head, and that in seconds."""
    found = _STAMP.match(line)
    if found is None or int(found[3]) > 59:
        return line, None
    at = int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3])
    return line[found.end() :], float(at)


def _labels(lines: list[str]) -> set[str]:
    """Return what stands for a speaker: words of the vocabulary, and short ones that recur."""
    seen: Counter[str] = Counter()
    known: set[str] = set()
    for line in lines:
        rest, at = _timed(line)
        found = _LABEL.match(rest)
        if found is not None:
            label = _key(found[2])
            if found[4].startswith("//"):
                continue
            if (role_of(label) and len(label.split()) <= 6) or NUMBERED.match(label):
                known.add(label)
            elif len(label.split()) <= 4 and found[4]:
                seen[label] += 2 if at is not None else 1
        alone = _ALONE.match(rest)
        if alone and (role_of(alone[1]) or NUMBERED.match(_key(alone[1]))):
            known.add(_key(alone[1]))
    return known | {label for label, count in seen.items() if count >= 2}
