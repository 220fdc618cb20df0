"""Plain text of the form `Label: words`, with or without times, or without labels.

A label is a word of the vocabulary, with at most a name behind it, or a numbered word as
recognisers write it, or a name that recurs before a colon. "Saat 14:30", "Müşteri No:" and "https:"
are not labels. Pure.
"""

import functools
import re
from collections import Counter
from itertools import pairwise

from ingest.parsing.calls.transcript import Transcript, Utterance
from schemas.text.fold import fold

_TIME = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2})(?:[.,](\d{1,3}))?"
_SPAN = r"(?:\s*(?:-+>?|–|—|→)\s*\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?)?"
_BRACKETED = re.compile(rf"^\s*[\[(]\s*{_TIME}{_SPAN}\s*[\])]\s*(?:[-–—|>]+\s*)?")
_BARE = re.compile(
    rf"^\s*(?:\d{{1,4}}[-./]\d{{1,2}}[-./]\d{{1,4}}[ T])?{_TIME}{_SPAN}\s+(?:[-–—|>]+\s*)?"
)
_LABEL = re.compile(
    r"^\s*(?:[-*•]\s+)?(\*\*|__)?([^\W\d_][^:\n*\[\]_\uff1a]{0,60}?)\s*"
    rf"(?:(\([^)\n\d:]{{1,60}}\))|[\[(]\s*{_TIME}\s*[\])])?\s*"
    r"(?:\1\s*[:\uff1a]|[:\uff1a]\s*\1?)(?!//)\s*(.*)$"
)
_DASHED = re.compile(r"^\s*([^\W\d_][^:\n\t]{0,40}?)(?:\t+|\s+[-–—]\s+)(.*)$")
_SQUARE = re.compile(r"^\s*\[([^\W\d_][^\]\n]{0,40})\][:\uff1a]?\s*(.*)$")
_TAGGED = re.compile(
    r"^\s*[\[(]((?:speaker|spk)[ _]?\d{1,2})[\])][:\uff1a]?\s*(.*)$", re.IGNORECASE
)
_ALONE = re.compile(
    r"^\s*(?:\*\*|__)?([^\W_][^:\n*]{0,40}?)(?:\*\*|__)?\s*[:\uff1a]?"
    rf"(?:\s+[\[(]?{_TIME}[\])]?)?\s*$"
)

_WIDE_GAP = re.compile(r"[^\S\n]{9,}")
"""A gap within a line is shortened, because the patterns would try each of its positions."""

_CACHED_LABELS = 64
"""A call has few speakers, and each speaks thousands of times."""

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
_FORM_FIELDS = frozenset(
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
"""A label with one of these words is a field of a form and not a speaker."""

NUMBERED = re.compile(
    r"^(speaker|spk|konusmaci|kisi|participant|guest|person|kanal|channel|ses|user|kullanici|caller"
    r"|arayan|s|spkr) ?\d{1,2}$"
)


@functools.lru_cache(maxsize=_CACHED_LABELS)
def role_of(label: str) -> str:
    """Return `agent`, `customer` or `machine` for a label, else an empty text."""
    words = fold(re.sub(r"\([^)]*\)", " ", label)).split()
    original = re.sub(r"\([^)]*\)", " ", label).split()
    if not words or len(words) > 6 or NUMBERED.match(" ".join(words)) or _FORM_FIELDS & set(words):
        return ""
    joined = " ".join(words)
    if any(joined.startswith(m) for m in _MACHINES):
        return "machine"
    if _AGENT & set(words) and (words[0] in _AGENT | _CUSTOMER | _OFFICE or len(words) <= 2):
        return "agent" if _is_named(words, original, _AGENT | _CUSTOMER | _OFFICE) else ""
    if joined in ("human agent", "cagri merkezi"):
        return "agent"
    if words[0] in _MACHINE:
        return "machine" if len(words) == 1 or words[-1].isdigit() else ""
    if words[0] in _CUSTOMER or joined == "end user":
        return "customer" if _is_named(words, original, _CUSTOMER | {"end"}) else ""
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


def _is_named(words: list[str], original: list[str], vocabulary: frozenset[str] | set[str]) -> bool:
    """Say whether the words outside the vocabulary may be a name, with capitals, or a number."""
    rest = [n for w, n in zip(words, original, strict=False) if w not in vocabulary]
    return all(n[:1].isupper() or n.isdigit() for n in rest)


def parse_plain_text(text: str) -> Transcript:
    """Return the utterances of a plain transcript; a text without labels has no speaker."""
    lines = [_WIDE_GAP.sub(" " * 8, x) for x in re.split(r"\r\n|\n|\r", text.lstrip("\ufeff"))]
    filled = [x for x in lines if x.strip()]
    # A bare time counts when most lines begin with one; elsewhere somebody mentions a time.
    bare = sum(bool(_BARE.match(x)) for x in filled) * 5 >= len(filled) * 3
    utterances = _parse_lines(lines, labels_in(lines, bare=bare), bare=bare)
    _count_from_zero(utterances)
    for utterance, following in pairwise(utterances):
        utterance.end = max(utterance.end, following.start)
    repaired = [] if any(u.start for u in utterances) else ["times.missing"]
    return Transcript(form="text", turns=utterances, repaired=repaired)


def _parse_lines(lines: list[str], labels: set[str], *, bare: bool) -> list[Utterance]:
    """Return the utterances of lines; a label can be on a line of its own above the words."""
    utterances: list[Utterance] = []
    continuations: dict[int, list[str]] = {}
    pending: tuple[str, float | None] | None = None
    for line in lines:
        rest, time = _split_time(line, bare=bare)
        label = split_label(rest, labels)
        if label is not None:
            speaker, words, label_time = label
            start = time if label_time is None else label_time
            utterances.append(_utterance(speaker, words, start, utterances))
            pending = None
            continue
        alone = _ALONE.match(rest)
        if alone and _key(alone[1]) in labels:
            pending = (alone[1].strip(), _seconds(alone.group(2, 3, 4, 5)) if alone[3] else time)
            continue
        if pending is not None and rest.strip():
            start = pending[1] if pending[1] is not None else time
            utterances.append(_utterance(pending[0], rest, start, utterances))
            pending = None
        elif rest.strip():
            if utterances and (time is None or labels):
                continuations.setdefault(len(utterances) - 1, []).append(rest.strip())
            else:
                utterances.append(_utterance("", rest, time, utterances))
    for index, further in continuations.items():
        utterances[index].text = "\n".join((utterances[index].text, *further)).strip()
    return [u for u in utterances if u.text]


def _utterance(
    speaker: str, words: str, time: float | None, previous: list[Utterance]
) -> Utterance:
    """Return an utterance; without a time of its own it begins with the previous one."""
    bracketed = _BRACKETED.match(words)
    if bracketed and time is None:
        time, words = _seconds(bracketed.group(1, 2, 3, 4)), words[bracketed.end() :]
    if time is None:
        time = previous[-1].start if previous else 0.0
    return Utterance(speaker=speaker, text=words.strip(), start=time, end=time)


def _count_from_zero(utterances: list[Utterance]) -> None:
    """Subtract the first time when the times are those of a clock on the wall."""
    first = utterances[0].start if utterances else 0.0
    if first >= 3600:
        for utterance in utterances:
            utterance.start = max(0.0, utterance.start - first)
            utterance.end = utterance.start


def split_label(line: str, labels: set[str]) -> tuple[str, str, float | None] | None:
    """Return speaker, words and time of a line that begins with one of the labels, else None."""
    tagged = _TAGGED.match(line)
    if tagged:
        return tagged[1], tagged[2], None
    match = _LABEL.match(line)
    if match and _key(match[2]) in labels:
        speaker = f"{match[2].strip()} {match[3]}" if match[3] else match[2].strip()
        time = _seconds(match.group(4, 5, 6, 7)) if match[5] else None
        return speaker, match[8], time
    for pattern in (_SQUARE, _DASHED):
        other = pattern.match(line)
        if other and _key(other[1]) in labels and _is_known(other[1]):
            return other[1].strip(), other[2], None
    return None


@functools.lru_cache(maxsize=_CACHED_LABELS)
def _key(label: str) -> str:
    return re.sub(r"\s+", " ", fold(label).strip())


@functools.lru_cache(maxsize=_CACHED_LABELS)
def _is_known(label: str) -> bool:
    return bool(role_of(label) or NUMBERED.match(_key(label)))


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    fraction_s = float(f"0.{fraction}") if fraction else 0.0
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + fraction_s


def _split_time(line: str, *, bare: bool) -> tuple[str, float | None]:
    """Return a line without the time at its beginning, and this time in seconds."""
    match = _BRACKETED.match(line)
    if match is None:
        match = _BARE.match(line)
        if match and not bare and not _LABEL.match(line[match.end() :]):
            match = None
    if match is None or int(match[3]) > 59:
        return line, None
    return line[match.end() :], _seconds(match.group(1, 2, 3, 4))


def labels_in(lines: list[str], *, bare: bool = False) -> set[str]:
    """Return the labels of speakers, which are known words and names that recur."""
    names: Counter[str] = Counter()
    vocabulary: set[str] = set()
    for line in lines:
        rest, _ = _split_time(line, bare=bare)
        match = _LABEL.match(rest)
        if match is not None:
            if _is_known(match[2]):
                vocabulary.add(_key(match[2]))
            elif len(match[2].split()) <= 4 and all(w[:1].isupper() for w in match[2].split()):
                names[_key(match[2])] += bool(match[8])
        for pattern in (_SQUARE, _DASHED, _ALONE):
            other = pattern.match(rest)
            if other and _is_known(other[1]):
                vocabulary.add(_key(other[1]))
    # With known labels, another word before a colon is more likely a word of the speaker.
    need = 3 if len(vocabulary) > 1 else 2
    return vocabulary | {label for label, count in names.items() if count >= need}
