"""Heard: a call as a transcript tells it, before anybody knows who is the customer.

Before: a reader of one vendor's form. After: roles.py, then ingest/channels/phone.py. Pure.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ingest.parsing.json_values import Text

Role = Literal["customer", "agent", "unknown"]

UNSURE = 0.5
"""Words the recogniser is less sure of than this are marked; 0 means that it was not said."""

_TIGHT = frozenset(".,;:!?%)]}…")


@dataclass(kw_only=True)
class Said:
    """One turn: who, when (seconds from the beginning), what.

    `role` is what the vendor declares; `channel` the recording's track, where it has several;
    `unsure` are places in the text, as (start, end), of words that may have been heard wrongly.
    """

    speaker: str
    text: str
    start: float = 0.0
    end: float = 0.0
    role: Role | None = None
    channel: str = ""
    confidence: float | None = None
    unsure: tuple[tuple[int, int], ...] = ()
    number: str = ""


@dataclass(kw_only=True)
class Heard:
    """A whole call. `id` is the vendor's name for it; numbers are as they came; `inferred` says
    that nobody told who of them is the customer."""

    form: str
    turns: list[Said]
    id: str = ""
    started_at: datetime | None = None
    duration: float | None = None
    queue: str | None = None
    agent: str | None = None
    customer: str = ""
    customer_number: str = ""
    customer_mail: str = ""
    agent_number: str = ""
    outbound: bool = False
    inferred: bool = False
    language: str = ""
    repaired: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word or mark of a recogniser."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str = ""


def joined(words: Iterable[Word]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text of words, no blank before a mark, and the places of the unsure ones."""
    made, unsure = "", []
    for word in words:
        text = word.text.strip()
        if not text:
            continue
        if made and not (len(text) == 1 and text in _TIGHT):
            made += " "
        at = len(made)
        made += text
        if word.confidence is not None and 0 < word.confidence < UNSURE:
            unsure.append((at, len(made)))
    return made, tuple(unsure)


def by_speaker(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yield the words of each turn: a new one wherever the speaker changes."""
    turn: list[Word] = []
    for word in words:
        if turn and word.speaker and word.speaker != turn[-1].speaker:
            yield turn
            turn = []
        turn.append(word if word.speaker or not turn else _of(word, turn[-1].speaker))
    if turn:
        yield turn


def _of(word: Word, speaker: str) -> Word:
    return Word(
        text=word.text,
        start=word.start or 0.0,
        end=word.end,
        confidence=word.confidence,
        speaker=speaker,
    )


def turn_of(words: list[Word], *, channel: str = "", speaker: str = "") -> Said:
    """Return the turn of one speaker's words; its confidence is their mean."""
    text, unsure = joined(words)
    told = [w.confidence for w in words if w.confidence]
    timed = [w for w in words if w.end > 0]
    return Said(
        speaker=speaker or words[0].speaker,
        text=text,
        channel=channel,
        unsure=unsure,
        start=timed[0].start if timed else 0.0,
        end=max((w.end for w in timed), default=0.0),
        confidence=sum(told) / len(told) if told else None,
    )


ROLES: dict[str, Role] = {
    "agent": "agent",
    "human_agent": "agent",
    "supervisor": "agent",
    "internal": "agent",
    "customer": "customer",
    "end_user": "customer",
    "external": "customer",
    "caller": "customer",
    "system": "unknown",
    "custom_bot": "unknown",
    "automated_agent": "unknown",
    "ai_agent": "unknown",
    "bot": "unknown",
    "ivr": "unknown",
    "acd": "unknown",
}


def role(told: str | None) -> Role | None:
    """Return the role that a vendor's word means; None when it says none."""
    return ROLES.get((told or "").lower())


def number(told: Text, scale: float = 1.0) -> float:
    try:
        made = float(told or 0) / scale
    except (ValueError, OverflowError):
        return 0.0
    return made if math.isfinite(made) and made >= 0 else 0.0


def sure_of(told: Text) -> float | None:
    """Return a confidence between 0 and 1; None where it is not set (0 means that too)."""
    made = number(told)
    return min(made, 1.0) if made else None


def span(told: Text | dict[str, Text]) -> float:
    """Return the seconds of "1.300s", or of {"seconds": 1, "nanos": 300000000}."""
    if isinstance(told, dict):
        return number(told.get("seconds")) + number(told.get("nanos"), 1e9)
    return number(str(told or "0").rstrip("s"))


def merged(turns: Iterable[Said], gap: float = 2.0) -> list[Said]:
    """Return turns in which a speaker's pieces, cut at pauses, are one again."""
    made: list[Said] = []
    texts: list[list[str]] = []
    unsure: list[list[tuple[int, int]]] = []
    length = 0
    for turn in turns:
        last = made[-1] if made else None
        if (
            last
            and turn.speaker
            and (turn.speaker, turn.channel) == (last.speaker, last.channel)
            and turn.start - last.end < gap
        ):
            at = length + 1
            unsure[-1] += [(a + at, b + at) for a, b in turn.unsure]
            texts[-1].append(turn.text)
            length, last.end = at + len(turn.text), max(last.end, turn.end)
        else:
            made.append(turn)
            texts.append([turn.text])
            unsure.append(list(turn.unsure))
            length = len(turn.text)
    for turn, pieces, marks in zip(made, texts, unsure, strict=True):
        turn.text, turn.unsure = " ".join(pieces), tuple(marks)
    return made


MAX_GAP_CHARS = 4000
"""A word is looked for so far behind the one before it."""


def places(text: str, words: list[Word]) -> tuple[tuple[int, int], ...]:
    made, at = [], 0
    for word in words:
        found = text.find(word.text.strip(), at, at + MAX_GAP_CHARS)
        if found < 0:
            continue
        at = found + len(word.text.strip())
        if word.confidence is not None and word.confidence < 0.5:
            made.append((found, at))
    return tuple(made)


def pauses(words: list[Word], gap: float = 1.5) -> Iterable[list[Word]]:
    """Yield the words of one track in pieces: a pause lets the other one speak."""
    part: list[Word] = []
    for word in words:
        if part and word.start - part[-1].end > gap:
            yield part
            part = []
        part.append(word)
    if part:
        yield part
