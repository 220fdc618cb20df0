"""Plain text: `Label: words`, with or without times, or no labels at all.

A label is a word of the vocabulary with at most a name behind it, a numbered word as recognisers
write it, or a name that comes back before a colon; "Saat 14:30", "Müşteri No:" and "https:" are
none. Pure.
"""

import functools
import re
from collections import Counter
from itertools import pairwise

from ingest.parsing.calls.transcript import Heard, Said
from schemas.text.fold import fold

_T = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?"
_SPAN = r"(?:\s*(?:-+>?|–|—|→)\s*\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?)?"
_BRACKETED = re.compile(rf"^\s*[\[(]\s*{_T}{_SPAN}\s*[\])]\s*(?:[-–—|>]+\s*)?")
_BARE = re.compile(
    rf"^\s*(?:\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}[ T])?{_T}{_SPAN}\s+(?:[-–—|>]+\s*)?"
)
_LABEL = re.compile(
    r"^\s*(?:[-*•]\s+)?(\*\*|__)?([^\W\d_][^:\n*\[\]_\uff1a]{0,60}?)\s*"
    rf"(?:(\([^)\n\d:]{{1,60}}\))|[\[(]\s*{_T}\s*[\])])?\s*"
    r"(?:\1\s*[:\uff1a]|[:\uff1a]\s*\1?)(?!//)\s*(.*)$"
)
_DASHED = re.compile(r"^\s*([^\W\d_][^:\n\t]{0,40}?)(?:\t+|\s+[-–—]\s+)(.*)$")
_SQUARE = re.compile(r"^\s*\[([^\W\d_][^\]\n]{0,40})\][:\uff1a]?\s*(.*)$")
_TAGGED = re.compile(
    r"^\s*[\[(]((?:speaker|spk)[ _]?\d{1,2})[\])][:\uff1a]?\s*(.*)$", re.IGNORECASE
)
_ALONE = re.compile(
    r"^\s*(?:\*\*|__)?([^\W_][^:\n*]{0,40}?)(?:\*\*|__)?\s*[:\uff1a]?"
    rf"(?:\s+[\[(]?{_T}[\])]?)?\s*$"
)

_WIDE = re.compile(r"[^\S\n]{9,}")
"""A gap within a line; one of any width would be tried at each of its places."""

_LABELS = 64
"""Labels that are remembered: a call has few speakers, and each speaks thousands of times."""

_AGENT = frozenset(
    {
        "temsilci",
        "temsilcisi",
        "yetkili",
        "yetkilisi",
        "uzman",
        "uzmani",
        "danisman",
        "danismani",
        "gorevli",
        "gorevlisi",
        "operator",
        "operatoru",
        "agent",
        "advisor",
        "adviser",
        "rep",
        "representative",
        "support",
        "destek",
        "csr",
        "mt",
        "manager",
        "supervisor",
        "employee",
        "internal",
        "hizmetleri",
        "iliskileri",
        "care",
        "service",
        "asistani",
    }
)
_CUSTOMER = frozenset(
    {
        "customer",
        "client",
        "caller",
        "musteri",
        "arayan",
        "abone",
        "kullanici",
        "user",
        "external",
        "misafir",
        "hasta",
        "vatandas",
        "guest",
        "uye",
    }
)
_MACHINE = frozenset(
    {
        "ivr",
        "bot",
        "sistem",
        "system",
    }
)
_MACHINES = (
    "sesli yanit",
    "dijital asistan",
    "sanal asistan",
    "custom bot",
    "automated agent",
    "ai agent",
    "voice assistant",
)
_NONE = frozenset(
    {
        "no",
        "numara",
        "numarasi",
        "adi",
        "soyadi",
        "id",
        "name",
        "phone",
        "telefon",
        "telefonu",
        "number",
        "error",
        "hatti",
        "talebi",
        "talep",
        "mail",
        "email",
        "eposta",
        "adresi",
        "address",
        "tarih",
        "tarihi",
        "date",
        "notu",
        "not",
        "note",
        "kodu",
        "code",
        "tel",
        "sikayeti",
        "sorunu",
        "bilgisi",
        "bilgileri",
        "memnuniyeti",
        "suresi",
        "puani",
    }
)
"""Words after which it is a field of a form, and nobody speaks."""

NUMBERED = re.compile(
    r"^(speaker|spk|konusmaci|kisi|participant|guest|person|kanal|channel|ses|user|kullanici|caller"
    r"|arayan|s|spkr) ?\d{1,2}$"
)


@functools.lru_cache(maxsize=_LABELS)
def role_of(label: str) -> str:
    """Return agent, customer, machine or an empty text for a label."""
    words = fold(re.sub(r"\([^)]*\)", " ", label)).split()
    named = re.sub(r"\([^)]*\)", " ", label).split()
    if not words or len(words) > 6 or NUMBERED.match(" ".join(words)) or _NONE & set(words):
        return ""
    whole = " ".join(words)
    if any(whole.startswith(m) for m in _MACHINES):
        return "machine"
    if _AGENT & set(words) and (words[0] in _AGENT | _CUSTOMER | _OFFICE or len(words) <= 2):
        return "agent" if _names(words, named, _AGENT | _CUSTOMER | _OFFICE) else ""
    if whole in ("human agent", "cagri merkezi"):
        return "agent"
    if words[0] in _MACHINE:
        return "machine" if len(words) == 1 or words[-1].isdigit() else ""
    if words[0] in _CUSTOMER or whole == "end user":
        return "customer" if _names(words, named, _CUSTOMER | {"end"}) else ""
    return ""


_OFFICE = frozenset(
    {
        "cagri",
        "merkezi",
        "santral",
        "teknik",
        "technical",
        "call",
        "center",
        "centre",
        "sales",
        "satis",
        "human",
        "success",
        "personeli",
        "musteri",
        "customer",
        "client",
        "help",
        "desk",
    }
)


def _names(words: list[str], named: list[str], known: frozenset[str] | set[str]) -> bool:
    """Say whether what stands beside the known words may be a name: capitals, or a number."""
    rest = [n for w, n in zip(words, named, strict=False) if w not in known]
    return all(n[:1].isupper() or n.isdigit() for n in rest)


def text(told: str) -> Heard:
    """Return a plain transcript's turns; without labels it is one turn of nobody's."""
    lines = [_WIDE.sub(" " * 8, x) for x in re.split(r"\r\n|\n|\r", told.lstrip("\ufeff"))]
    written = [x for x in lines if x.strip()]
    # A bare time counts where many lines begin with one: else somebody speaks of a time.
    bare = sum(bool(_BARE.match(x)) for x in written) * 5 >= len(written) * 3
    labels = labels_in(lines, bare=bare)
    turns: list[Said] = []
    below: dict[int, list[str]] = {}
    pending: tuple[str, float | None] | None = None
    for line in lines:
        rest, at = _timed(line, bare=bare)
        found = labelled(rest, labels)
        if found is not None:
            speaker, said, inner = found
            turns.append(_turn(speaker, said, at if inner is None else inner, turns))
            pending = None
            continue
        alone = _ALONE.match(rest)
        if alone and _key(alone[1]) in labels:
            told_at = _seconds(alone.group(2, 3, 4, 5)) if alone[3] else at
            pending = (alone[1].strip(), told_at)
            continue
        if pending is not None and rest.strip():
            turns.append(
                _turn(pending[0], rest, pending[1] if pending[1] is not None else at, turns)
            )
            pending = None
        elif rest.strip():
            if turns and (at is None or labels):
                below.setdefault(len(turns) - 1, []).append(rest.strip())
            else:
                turns.append(_turn("", rest, at, turns))
    for number, further in below.items():
        turns[number].text = "\n".join((turns[number].text, *further)).strip()
    turns = [t for t in turns if t.text]
    _from_zero(turns)
    for one, following in pairwise(turns):
        one.end = max(one.end, following.start)
    repaired = [] if any(t.start for t in turns) else ["times.missing"]
    return Heard(form="text", turns=turns, repaired=repaired)


def _turn(speaker: str, said: str, at: float | None, before: list[Said]) -> Said:
    """Return a turn; without a time of its own it follows the one before."""
    inner = _BRACKETED.match(said)
    if inner and at is None:
        at, said = _seconds(inner.group(1, 2, 3, 4)), said[inner.end() :]
    start = at if at is not None else before[-1].start if before else 0.0
    return Said(speaker=speaker, text=said.strip(), start=start, end=start)


def _from_zero(turns: list[Said]) -> None:
    """Where the clock of the wall was written, make the first turn the beginning."""
    first = turns[0].start if turns else 0.0
    if first >= 3600:
        for turn in turns:
            turn.start = max(0.0, turn.start - first)
            turn.end = turn.start


def labelled(line: str, labels: set[str]) -> tuple[str, str, float | None] | None:
    """Return speaker, words and time of a line that begins with one of the labels, else None."""
    tagged = _TAGGED.match(line)
    if tagged:
        return tagged[1], tagged[2], None
    found = _LABEL.match(line)
    if found and _key(found[2]) in labels:
        speaker = f"{found[2].strip()} {found[3]}" if found[3] else found[2].strip()
        at = _seconds(found.group(4, 5, 6, 7)) if found[5] else None
        return speaker, found[8], at
    for form in (_SQUARE, _DASHED):
        other = form.match(line)
        if other and _key(other[1]) in labels and _known(other[1]):
            return other[1].strip(), other[2], None
    return None


@functools.lru_cache(maxsize=_LABELS)
def _key(label: str) -> str:
    return re.sub(r"\s+", " ", fold(label).strip())


@functools.lru_cache(maxsize=_LABELS)
def _known(label: str) -> bool:
    return bool(role_of(label) or NUMBERED.match(_key(label)))


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    behind = float(f"0.{fraction}") if fraction else 0.0
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + behind


def _timed(line: str, *, bare: bool) -> tuple[str, float | None]:
    """Return a line without the time at its head, and that in seconds."""
    found = _BRACKETED.match(line)
    if found is None:
        found = _BARE.match(line)
        if found and not bare and not _LABEL.match(line[found.end() :]):
            found = None
    if found is None or int(found[3]) > 59:
        return line, None
    return line[found.end() :], _seconds(found.group(1, 2, 3, 4))


def labels_in(lines: list[str], *, bare: bool = False) -> set[str]:
    """Return what stands for a speaker: known words, and names that come back."""
    seen: Counter[str] = Counter()
    known: set[str] = set()
    for line in lines:
        rest, _ = _timed(line, bare=bare)
        found = _LABEL.match(rest)
        if found is not None:
            if _known(found[2]):
                known.add(_key(found[2]))
            elif len(found[2].split()) <= 4 and all(w[:1].isupper() for w in found[2].split()):
                seen[_key(found[2])] += bool(found[8])
        for form in (_SQUARE, _DASHED, _ALONE):
            other = form.match(rest)
            if other and _known(other[1]):
                known.add(_key(other[1]))
    # Beside known labels a word with a colon is more likely a word of theirs.
    need = 3 if len(known) > 1 else 2
    return known | {label for label, count in seen.items() if count >= need}
