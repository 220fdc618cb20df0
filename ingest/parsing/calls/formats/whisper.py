"""The Whisper family: OpenAI, whisper-timestamped, WhisperX, whisper.cpp.

What it invents on silence is left out, and said. Source: the projects' own output. Pure.
"""

import math
import re

import msgspec

from ingest.parsing.calls.transcript import (
    Heard,
    Said,
    Word,
    by_speaker,
    number,
    places,
    role,
    sure_of,
    turn_of,
)
from ingest.parsing.json_values import Text, read
from schemas.base import Record

_NOTHING = re.compile(
    r"^\W*(?:altyaz[ıi] m\.?k\.?|izledi[ğg]iniz i[çc]in te[şs]ekk[üu]r(?:ler| ederi[mz])"
    r"|abone olmay[ıi] unutmay[ıi]n|thanks? (?:you )?for watching|subtitles by .*"
    r"|\[?(?:music|m[üu]zik|blank_audio)\]?)\W*$",
    re.IGNORECASE,
)
"""What the models write when nobody speaks: what stood under many films."""

_MAX_NOTHING_CHARS = 200
_TURN_MARK = re.compile(r"\s{0,99}\[SPEAKER_TURN\]\s*")


def _is_invented(text: str) -> bool:
    return len(text) <= _MAX_NOTHING_CHARS and _NOTHING.match(text) is not None


class WhisperWord(Record, frozen=True, kw_only=True):
    """A word; what could not be aligned has no times."""

    word: str = ""
    text: str = ""
    start: Text = None
    end: Text = None
    score: Text = None
    confidence: Text = None
    probability: Text = None
    speaker: Text = None


class WhisperSegment(Record, frozen=True, kw_only=True):
    """A segment."""

    start: Text = 0
    end: Text = 0
    text: str = ""
    speaker: Text = None
    avg_logprob: Text = None
    no_speech_prob: Text = None
    confidence: Text = None
    words: msgspec.Raw = msgspec.Raw()


class Speaker(Record, frozen=True, kw_only=True):
    """What a speaker of the World Transcription Format is called."""

    label: str | None = ""


class Whisper(Record, frozen=True, kw_only=True):
    """The whole."""

    segments: tuple[WhisperSegment, ...] = ()
    language: str | None = None
    duration: Text = None
    task: str | None = None
    text: str | None = None
    words: tuple[WhisperWord, ...] = ()
    speakers: dict[str, Speaker] = {}  # noqa: RUF012 - msgspec copies it


def whisper(raw: bytes) -> Heard:
    """Return a transcript of the Whisper family; what it invents on silence is left out."""
    told = read(Whisper, raw)
    turns: list[Said] = []
    repaired: list[str] = []
    for one in told.segments:
        silent = number(one.no_speech_prob) > 0.6 and _float(one.avg_logprob) < -1
        if silent or _is_invented(one.text):
            repaired.append("speech.invented")
            continue
        words = _words(one)
        sure = sure_of(one.confidence)
        if sure is None and one.avg_logprob is not None:
            sure = min(1.0, math.exp(_float(one.avg_logprob)))
        speakers = {w.speaker for w in words if w.speaker}
        if len(speakers) > 1:
            turns += [turn_of(w) for w in by_speaker(words)]
            continue
        text = one.text.strip()
        who = "" if one.speaker in (None, "?") else str(one.speaker)
        who = told.speakers.get(who, Speaker()).label or who
        turns.append(
            Said(
                speaker=who or next(iter(speakers), ""),
                text=text,
                start=number(one.start),
                end=number(one.end),
                confidence=sure,
                role=role(who),
                unsure=places(text, words),
            )
        )
    if not told.segments and told.text:
        timed = [_whisper_word(w) for w in told.words]
        turns = [
            Said(
                speaker="",
                text=told.text.strip(),
                start=timed[0].start if timed else 0.0,
                end=timed[-1].end if timed else 0.0,
                unsure=places(told.text.strip(), timed),
            )
        ]
    if told.task == "translate":
        repaired.append("speech.translated")
    return Heard(
        form="whisper",
        turns=turns,
        duration=number(told.duration) or None,
        language=told.language or "",
        repaired=list(dict.fromkeys(repaired)),
    )


def _words(segment: WhisperSegment) -> list[Word]:
    """Return a segment's words; the World Transcription Format has only their numbers there."""
    raw = bytes(segment.words)
    if raw[:1] != b"[" or re.match(rb"\[\s*[\d\]]", raw):
        return []
    return [_whisper_word(w) for w in read(tuple[WhisperWord, ...], raw)]


def _float(told: Text) -> float:
    try:
        return float(told or 0)
    except ValueError:
        return 0.0


def _whisper_word(word: WhisperWord) -> Word:
    told = next((c for c in (word.confidence, word.score, word.probability) if c is not None), None)
    return Word(
        text=word.word or word.text,
        start=number(word.start),
        end=number(word.end),
        confidence=sure_of(told),
        speaker="" if word.speaker is None else str(word.speaker),
    )


class CppSpan(Record, frozen=True, kw_only=True):
    """Milliseconds."""

    begin: Text = msgspec.field(default=0, name="from")
    to: Text = 0


class CppToken(Record, frozen=True, kw_only=True):
    """A piece of a word."""

    text: str = ""
    p: Text = None


class CppSegment(Record, frozen=True, kw_only=True):
    """A segment; `speaker` only of stereo recordings."""

    offsets: CppSpan = CppSpan()
    text: str = ""
    speaker: Text = None
    speaker_turn_next: bool = False
    tokens: tuple[CppToken, ...] = ()


class CppResult(Record, frozen=True, kw_only=True):
    """The language."""

    language: str | None = None


class Cpp(Record, frozen=True, kw_only=True):
    """The whole."""

    transcription: tuple[CppSegment, ...] = ()
    result: CppResult = CppResult()


def whisper_cpp(raw: bytes) -> Heard:
    """Return a transcript of whisper.cpp."""
    told = read(Cpp, raw)
    turns, repaired, turn = [], [], 0
    marked = any(s.speaker_turn_next for s in told.transcription)
    for one in told.transcription:
        text = _TURN_MARK.sub(" ", one.text).strip()
        if not text or _is_invented(text):
            repaired.append("speech.invented")
            continue
        sure = [p for t in one.tokens if (p := sure_of(t.p)) and not t.text.startswith("[_")]
        who = "" if one.speaker in (None, "?") else f"speaker {one.speaker}"
        if marked and not who:
            who = f"speaker {turn % 2}"
        turns.append(
            Said(
                speaker=who,
                text=text,
                start=number(one.offsets.begin, 1000),
                end=number(one.offsets.to, 1000),
                confidence=sum(sure) / len(sure) if sure else None,
            )
        )
        turn += one.speaker_turn_next
    return Heard(
        form="whisper.cpp",
        turns=turns,
        language=told.result.language or "",
        repaired=list(dict.fromkeys(repaired)),
    )
