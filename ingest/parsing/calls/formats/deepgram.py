"""Deepgram's transcripts, and a single alternative of one. Pure.

Source: developers.deepgram.com.
"""

from collections.abc import Iterator

from ingest.parsing.calls.transcript import (
    Transcript,
    Utterance,
    Word,
    build_utterance,
    join_words,
    locate_unsure_words,
    merge_utterances,
    parse_confidence,
    parse_number,
    split_at_pauses,
    split_by_speaker,
)
from ingest.parsing.json_values import Text, decode_json
from schemas.base import Record


class DeepgramWord(Record, frozen=True, kw_only=True):
    """A word."""

    word: str = ""
    punctuated_word: str | None = None
    start: Text = 0
    end: Text = 0
    confidence: Text = None
    speaker: Text = None


class DeepgramAlternative(Record, frozen=True, kw_only=True):
    """A reading of a track; the first one is the likeliest."""

    transcript: str = ""
    confidence: Text = None
    words: tuple[DeepgramWord, ...] = ()


class DeepgramChannel(Record, frozen=True, kw_only=True):
    """A track of the recording."""

    alternatives: tuple[DeepgramAlternative, ...] = ()
    detected_language: str | None = None


class DeepgramUtterance(Record, frozen=True, kw_only=True):
    """A stretch of speech between two pauses."""

    start: Text = 0
    end: Text = 0
    transcript: str = ""
    confidence: Text = None
    channel: Text = None
    speaker: Text = None
    words: tuple[DeepgramWord, ...] = ()


class DeepgramResults(Record, frozen=True, kw_only=True):
    """The transcripts of all tracks."""

    channels: tuple[DeepgramChannel, ...] = ()
    utterances: tuple[DeepgramUtterance, ...] | None = ()


class DeepgramMetadata(Record, frozen=True, kw_only=True):
    """The recording and the request."""

    request_id: str | None = None
    sha256: str | None = None
    duration: Text = None


class Deepgram(Record, frozen=True, kw_only=True):
    """The answer to a request."""

    metadata: DeepgramMetadata = DeepgramMetadata()
    results: DeepgramResults = DeepgramResults()


def parse_deepgram(raw: bytes) -> Transcript:
    """Return a Deepgram transcript; its words make the utterances when they name a speaker."""
    answer = decode_json(Deepgram, raw)
    return Transcript(
        form="deepgram",
        turns=_utterances(answer.results),
        # One recording transcribed again under a new request is the same call.
        id=answer.metadata.sha256 or answer.metadata.request_id or "",
        duration=parse_number(answer.metadata.duration) or None,
        language=next(filter(None, (c.detected_language for c in answer.results.channels)), ""),
    )


def parse_deepgram_alternative(raw: bytes) -> Transcript:
    """Return the utterances of a single alternative, as some vCons have it."""
    alternative = decode_json(DeepgramAlternative, raw)
    channel = DeepgramChannel(alternatives=(alternative,))
    return Transcript(form="deepgram", turns=_utterances(DeepgramResults(channels=(channel,))))


def _utterances(results: DeepgramResults) -> list[Utterance]:
    """Return the utterances by speaker or track, else by pauses, else one without a speaker."""
    several = len(results.channels) > 1
    utterances: list[Utterance] = []
    for index, channel in enumerate(results.channels):
        utterances += _of_track(channel, f"{index}" if several else "")
    if utterances:
        return utterances
    for item in results.utterances or ():
        text, unsure = join_words(_word(w) for w in item.words)
        utterances.append(
            Utterance(
                speaker="" if item.speaker is None else f"speaker {item.speaker}",
                text=text or item.transcript.strip(),
                unsure=unsure,
                start=parse_number(item.start),
                end=parse_number(item.end),
                confidence=parse_confidence(item.confidence),
            )
        )
    if utterances or not results.channels:
        return utterances
    alternatives = results.channels[0].alternatives
    return [_without_speaker(alternatives[0] if alternatives else DeepgramAlternative())]


def _of_track(channel: DeepgramChannel, track: str) -> Iterator[Utterance]:
    """Yield the utterances of a track; `track` is empty when the recording has only one.

    A single track gives utterances only when its words name speakers.
    """
    best = channel.alternatives[0] if channel.alternatives else DeepgramAlternative()
    words = [_word(w) for w in best.words]
    name = f"channel {track}"
    if len({w.speaker for w in words if w.speaker}) > bool(track):
        pieces = (build_utterance(w) for w in split_by_speaker(words))
        for utterance in merge_utterances(pieces):
            utterance.speaker = f"{name} {utterance.speaker}" if track else utterance.speaker
            utterance.channel = track
            yield utterance
    elif track and words:
        for piece in split_at_pauses(words):
            yield build_utterance(piece, channel=track, speaker=name)
    elif track and best.transcript.strip():
        yield Utterance(speaker=name, channel=track, text=best.transcript.strip())


def _without_speaker(best: DeepgramAlternative) -> Utterance:
    words = [_word(w) for w in best.words]
    text = best.transcript.strip()
    return Utterance(
        speaker="",
        text=text,
        confidence=parse_confidence(best.confidence),
        start=words[0].start if words else 0.0,
        end=words[-1].end if words else 0.0,
        unsure=locate_unsure_words(text, words),
    )


def _word(word: DeepgramWord) -> Word:
    return Word(
        text=word.punctuated_word or word.word,
        start=parse_number(word.start),
        end=parse_number(word.end),
        confidence=parse_confidence(word.confidence),
        speaker="" if word.speaker is None else f"speaker {word.speaker}",
    )
