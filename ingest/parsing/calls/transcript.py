"""The common form of a call's transcript, before the roles of its speakers are certain. Pure.

The parser of a vendor's format makes it, roles.py sets the roles, and the phone channel
makes a Message of it.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ingest.parsing.json_values import Text

Role = Literal["customer", "agent", "unknown"]

UNSURE_BELOW = 0.5
"""Words of a lower confidence are unsure. Vendors write 0 when they report no confidence."""

_MARKS_WITHOUT_BLANK = frozenset(".,;:!?%)]}…")


@dataclass(kw_only=True)
class Utterance:
    """The words that one speaker says at a stretch; times are seconds from the beginning.

    `role` is the role that the vendor declares. `channel` is the track of the recording, empty when
    it has only one. `unsure` has the offsets (start, end) in the text of words that the recogniser
    may have misheard.
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
class Transcript:
    """A whole call.

    `id` is the vendor's name for it. Phone numbers are as the vendor wrote them. `inferred` says
    that the vendor does not declare the customer, and that the order of the parties decided.
    """

    form: str
    turns: list[Utterance]
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
    """One word or punctuation mark of a recogniser."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    speaker: str = ""


def join_words(words: Iterable[Word]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text of words, and the offsets of the unsure ones.

    Punctuation follows a word without a blank.
    """
    joined, unsure = "", []
    for word in words:
        text = word.text.strip()
        if not text:
            continue
        if joined and not (len(text) == 1 and text in _MARKS_WITHOUT_BLANK):
            joined += " "
        start = len(joined)
        joined += text
        if word.confidence is not None and 0 < word.confidence < UNSURE_BELOW:
            unsure.append((start, len(joined)))
    return joined, tuple(unsure)


def split_by_speaker(words: Iterable[Word]) -> Iterator[list[Word]]:
    """Yield the words of each utterance; a new one begins where the speaker changes."""
    utterance: list[Word] = []
    for word in words:
        if utterance and word.speaker and word.speaker != utterance[-1].speaker:
            yield utterance
            utterance = []
        utterance.append(
            word if word.speaker or not utterance else _with_speaker(word, utterance[-1].speaker)
        )
    if utterance:
        yield utterance


def _with_speaker(word: Word, speaker: str) -> Word:
    return Word(
        text=word.text,
        start=word.start or 0.0,
        end=word.end,
        confidence=word.confidence,
        speaker=speaker,
    )


def build_utterance(words: list[Word], *, channel: str = "", speaker: str = "") -> Utterance:
    """Return the utterance of one speaker's words; its confidence is their mean."""
    text, unsure = join_words(words)
    confidences = [w.confidence for w in words if w.confidence]
    timed = [w for w in words if w.end > 0]
    return Utterance(
        speaker=speaker or words[0].speaker,
        text=text,
        channel=channel,
        unsure=unsure,
        start=timed[0].start if timed else 0.0,
        end=max((w.end for w in timed), default=0.0),
        confidence=sum(confidences) / len(confidences) if confidences else None,
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


def parse_role(label: str | None) -> Role | None:
    """Return the role that a vendor's label means, None for an unknown label."""
    return ROLES.get((label or "").lower())


def parse_number(value: Text, scale: float = 1.0) -> float:
    """Return a value divided by its scale, 0 when it is not a positive number."""
    try:
        number = float(value or 0) / scale
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number >= 0 else 0.0


def parse_confidence(value: Text) -> float | None:
    """Return a confidence between 0 and 1, None when it is absent or 0."""
    confidence = parse_number(value)
    return min(confidence, 1.0) if confidence else None


def parse_duration(value: Text | dict[str, Text]) -> float:
    """Return the seconds of "1.300s", or of `{"seconds": 1, "nanos": 300000000}`."""
    if isinstance(value, dict):
        return parse_number(value.get("seconds")) + parse_number(value.get("nanos"), 1e9)
    return parse_number(str(value or "0").rstrip("s"))


def merge_utterances(utterances: Iterable[Utterance], gap: float = 2.0) -> list[Utterance]:
    """Join the pieces of a speaker between which the recogniser heard a pause.

    `gap` is the longest such pause in seconds.
    """
    merged: list[Utterance] = []
    texts: list[list[str]] = []
    unsure: list[list[tuple[int, int]]] = []
    length = 0
    for utterance in utterances:
        last = merged[-1] if merged else None
        if (
            last
            and utterance.speaker
            and (utterance.speaker, utterance.channel) == (last.speaker, last.channel)
            and utterance.start - last.end < gap
        ):
            shift = length + 1
            unsure[-1] += [(a + shift, b + shift) for a, b in utterance.unsure]
            texts[-1].append(utterance.text)
            length, last.end = shift + len(utterance.text), max(last.end, utterance.end)
        else:
            merged.append(utterance)
            texts.append([utterance.text])
            unsure.append(list(utterance.unsure))
            length = len(utterance.text)
    for utterance, pieces, offsets in zip(merged, texts, unsure, strict=True):
        utterance.text, utterance.unsure = " ".join(pieces), tuple(offsets)
    return merged


MAX_GAP_CHARS = 4000
"""The search for a word ends this far behind the previous word, so that its cost stays linear."""


def locate_unsure_words(text: str, words: list[Word]) -> tuple[tuple[int, int], ...]:
    """Return the offsets of unsure words in a text that the vendor joined."""
    offsets, end = [], 0
    for word in words:
        start = text.find(word.text.strip(), end, end + MAX_GAP_CHARS)
        if start < 0:
            continue
        end = start + len(word.text.strip())
        if word.confidence is not None and word.confidence < UNSURE_BELOW:
            offsets.append((start, end))
    return tuple(offsets)


def split_at_pauses(words: list[Word], gap: float = 1.5) -> Iterable[list[Word]]:
    """Yield the words of one track in pieces, because the other side speaks in a pause.

    `gap` is the shortest such pause in seconds.
    """
    piece: list[Word] = []
    for word in words:
        if piece and word.start - piece[-1].end > gap:
            yield piece
            piece = []
        piece.append(word)
    if piece:
        yield piece
