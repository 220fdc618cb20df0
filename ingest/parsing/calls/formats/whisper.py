"""Transcripts of OpenAI's Whisper, whisper-timestamped, WhisperX and whisper.cpp. Pure.

Sentences that the models invent during silence are left out, and `repaired` says so.
Source: the output of these programs.
"""

import math
import re

import msgspec

from ingest.parsing.calls.transcript import (
    Transcript,
    Utterance,
    Word,
    build_utterance,
    locate_unsure_words,
    parse_confidence,
    parse_number,
    parse_role,
    split_by_speaker,
)
from ingest.parsing.json_values import Text, decode_json
from schemas.base import Record

_INVENTED = re.compile(
    r"^\W*(?:altyaz[ıi] m\.?k\.?|izledi[ğg]iniz i[çc]in te[şs]ekk[üu]r(?:ler| ederi[mz])"
    r"|abone olmay[ıi] unutmay[ıi]n|thanks? (?:you )?for watching|subtitles by .*"
    r"|\[?(?:music|m[üu]zik|blank_audio)\]?)\W*$",
    re.IGNORECASE,
)
"""Sentences that the models write during silence, because many films' subtitles end so."""

_MAX_INVENTED_CHARS = 200
"""A longer segment is speech."""
_TURN_MARK = re.compile(r"\s{0,99}\[SPEAKER_TURN\]\s*")


def _is_invented(text: str) -> bool:
    return len(text) <= _MAX_INVENTED_CHARS and _INVENTED.match(text) is not None


class WhisperWord(Record, frozen=True, kw_only=True):
    """A word. It has no times when it could not be aligned."""

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


class WtfSpeaker(Record, frozen=True, kw_only=True):
    """The name of a speaker in the World Transcription Format."""

    label: str | None = ""


class Whisper(Record, frozen=True, kw_only=True):
    """A transcript."""

    segments: tuple[WhisperSegment, ...] = ()
    language: str | None = None
    duration: Text = None
    task: str | None = None
    text: str | None = None
    words: tuple[WhisperWord, ...] = ()
    speakers: dict[str, WtfSpeaker] = {}  # noqa: RUF012 - msgspec copies it


def parse_whisper(raw: bytes) -> Transcript:
    """Return a transcript of the Whisper family without the sentences invented during silence."""
    whisper = decode_json(Whisper, raw)
    utterances: list[Utterance] = []
    repaired: list[str] = []
    for segment in whisper.segments:
        if _is_silent(segment) or _is_invented(segment.text):
            repaired.append("speech.invented")
        else:
            utterances += _utterances(segment, whisper)
    if not whisper.segments and whisper.text:
        utterances = [_without_segments(whisper.text.strip(), whisper)]
    if whisper.task == "translate":
        repaired.append("speech.translated")
    return Transcript(
        form="whisper",
        turns=utterances,
        duration=parse_number(whisper.duration) or None,
        language=whisper.language or "",
        repaired=list(dict.fromkeys(repaired)),
    )


def _is_silent(segment: WhisperSegment) -> bool:
    """Apply the thresholds of Whisper's own decoder."""
    return parse_number(segment.no_speech_prob) > 0.6 and _float(segment.avg_logprob) < -1


def _utterances(segment: WhisperSegment, whisper: Whisper) -> list[Utterance]:
    """Return the utterances of a segment, one for each speaker of its words."""
    words = _words(segment)
    confidence = parse_confidence(segment.confidence)
    if confidence is None and segment.avg_logprob is not None:
        confidence = min(1.0, math.exp(_float(segment.avg_logprob)))
    speakers = {w.speaker for w in words if w.speaker}
    if len(speakers) > 1:
        return [build_utterance(w) for w in split_by_speaker(words)]
    text = segment.text.strip()
    label = "" if segment.speaker in (None, "?") else str(segment.speaker)
    speaker = whisper.speakers.get(label, WtfSpeaker()).label or label
    return [
        Utterance(
            speaker=speaker or next(iter(speakers), ""),
            text=text,
            start=parse_number(segment.start),
            end=parse_number(segment.end),
            confidence=confidence,
            role=parse_role(speaker),
            unsure=locate_unsure_words(text, words),
        )
    ]


def _without_segments(text: str, whisper: Whisper) -> Utterance:
    words = [_word(w) for w in whisper.words]
    return Utterance(
        speaker="",
        text=text,
        start=words[0].start if words else 0.0,
        end=words[-1].end if words else 0.0,
        unsure=locate_unsure_words(text, words),
    )


def _words(segment: WhisperSegment) -> list[Word]:
    """Return the words of a segment; the World Transcription Format has only their numbers."""
    raw = bytes(segment.words)
    if raw[:1] != b"[" or re.match(rb"\[\s*[\d\]]", raw):
        return []
    return [_word(w) for w in decode_json(tuple[WhisperWord, ...], raw)]


def _float(value: Text) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0


def _word(word: WhisperWord) -> Word:
    scores = (word.confidence, word.score, word.probability)
    return Word(
        text=word.word or word.text,
        start=parse_number(word.start),
        end=parse_number(word.end),
        confidence=parse_confidence(next((s for s in scores if s is not None), None)),
        speaker="" if word.speaker is None else str(word.speaker),
    )


class WhisperCppOffsets(Record, frozen=True, kw_only=True):
    """The beginning and the end in milliseconds."""

    begin: Text = msgspec.field(default=0, name="from")
    to: Text = 0


class WhisperCppToken(Record, frozen=True, kw_only=True):
    """A piece of a word."""

    text: str = ""
    p: Text = None


class WhisperCppSegment(Record, frozen=True, kw_only=True):
    """A segment. Only stereo recordings have a `speaker`."""

    offsets: WhisperCppOffsets = WhisperCppOffsets()
    text: str = ""
    speaker: Text = None
    speaker_turn_next: bool = False
    tokens: tuple[WhisperCppToken, ...] = ()


class WhisperCppResult(Record, frozen=True, kw_only=True):
    """The language of the recording."""

    language: str | None = None


class WhisperCpp(Record, frozen=True, kw_only=True):
    """A transcript of whisper.cpp."""

    transcription: tuple[WhisperCppSegment, ...] = ()
    result: WhisperCppResult = WhisperCppResult()


def parse_whisper_cpp(raw: bytes) -> Transcript:
    """Return a transcript of whisper.cpp without the sentences that it invents in silence."""
    transcript = decode_json(WhisperCpp, raw)
    utterances, repaired, speaker_turn = [], [], 0
    turns_marked = any(s.speaker_turn_next for s in transcript.transcription)
    for segment in transcript.transcription:
        text = _TURN_MARK.sub(" ", segment.text).strip()
        if not text or _is_invented(text):
            repaired.append("speech.invented")
            continue
        confidences = [
            p
            for t in segment.tokens
            if (p := parse_confidence(t.p)) and not t.text.startswith("[_")
        ]
        speaker = "" if segment.speaker in (None, "?") else f"speaker {segment.speaker}"
        if turns_marked and not speaker:
            speaker = f"speaker {speaker_turn % 2}"
        utterances.append(
            Utterance(
                speaker=speaker,
                text=text,
                start=parse_number(segment.offsets.begin, 1000),
                end=parse_number(segment.offsets.to, 1000),
                confidence=sum(confidences) / len(confidences) if confidences else None,
            )
        )
        speaker_turn += segment.speaker_turn_next
    return Transcript(
        form="whisper.cpp",
        turns=utterances,
        language=transcript.result.language or "",
        repaired=list(dict.fromkeys(repaired)),
    )
