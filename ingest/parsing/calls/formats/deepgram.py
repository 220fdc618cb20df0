"""Deepgram, whole or one alternative of it. Source: developers.deepgram.com. Pure."""

from ingest.parsing.calls.transcript import (
    Heard,
    Said,
    Word,
    by_speaker,
    joined,
    merged,
    number,
    pauses,
    places,
    sure_of,
    turn_of,
)
from ingest.parsing.json_values import Text, read
from schemas.base import Record


class DeepgramWord(Record, frozen=True, kw_only=True):
    """A word."""

    word: str = ""
    punctuated_word: str | None = None
    start: Text = 0
    end: Text = 0
    confidence: Text = None
    speaker: Text = None


class DeepgramBest(Record, frozen=True, kw_only=True):
    """What was heard on a track."""

    transcript: str = ""
    confidence: Text = None
    words: tuple[DeepgramWord, ...] = ()


class DeepgramChannel(Record, frozen=True, kw_only=True):
    """A track."""

    alternatives: tuple[DeepgramBest, ...] = ()
    detected_language: str | None = None


class DeepgramUtterance(Record, frozen=True, kw_only=True):
    """A stretch between two pauses."""

    start: Text = 0
    end: Text = 0
    transcript: str = ""
    confidence: Text = None
    channel: Text = None
    speaker: Text = None
    words: tuple[DeepgramWord, ...] = ()


class DeepgramResults(Record, frozen=True, kw_only=True):
    """What was heard."""

    channels: tuple[DeepgramChannel, ...] = ()
    utterances: tuple[DeepgramUtterance, ...] | None = ()


class DeepgramAbout(Record, frozen=True, kw_only=True):
    """Of what it was made."""

    request_id: str | None = None
    sha256: str | None = None
    duration: Text = None


class Deepgram(Record, frozen=True, kw_only=True):
    """The whole."""

    metadata: DeepgramAbout = DeepgramAbout()
    results: DeepgramResults = DeepgramResults()


def deepgram(raw: bytes) -> Heard:
    """Return a Deepgram transcript; turns are made of words wherever these have a speaker."""
    told = read(Deepgram, raw)
    return Heard(
        form="deepgram",
        turns=_deepgram_turns(told.results),
        # One recording transcribed again under a new request is the same call.
        id=told.metadata.sha256 or told.metadata.request_id or "",
        duration=number(told.metadata.duration) or None,
        language=next(filter(None, (c.detected_language for c in told.results.channels)), ""),
    )


def deepgram_best(raw: bytes) -> Heard:
    """Return the turns of one alternative alone, as some put it into a vCon."""
    best = read(DeepgramBest, raw)
    channel = DeepgramChannel(alternatives=(best,))
    return Heard(form="deepgram", turns=_deepgram_turns(DeepgramResults(channels=(channel,))))


def _deepgram_turns(found: DeepgramResults) -> list[Said]:
    several = len(found.channels) > 1
    turns: list[Said] = []
    for place, channel in enumerate(found.channels):
        best = channel.alternatives[0] if channel.alternatives else DeepgramBest()
        words = [_deepgram_word(w) for w in best.words]
        track = str(place) if several else ""
        if len({w.speaker for w in words if w.speaker}) > several:
            for turn in merged(turn_of(w) for w in by_speaker(words)):
                turn.speaker = f"channel {track} {turn.speaker}" if several else turn.speaker
                turn.channel = track
                turns.append(turn)
        elif several and words:
            turns += [turn_of(w, channel=track, speaker=f"channel {track}") for w in pauses(words)]
        elif several and best.transcript.strip():
            name = f"channel {track}"
            turns.append(Said(speaker=name, channel=track, text=best.transcript.strip()))
    if turns:
        return turns
    for one in found.utterances or ():
        text, unsure = joined(_deepgram_word(w) for w in one.words)
        turns.append(
            Said(
                speaker="" if one.speaker is None else f"speaker {one.speaker}",
                text=text or one.transcript.strip(),
                unsure=unsure,
                start=number(one.start),
                end=number(one.end),
                confidence=sure_of(one.confidence),
            )
        )
    if turns or not found.channels:
        return turns
    best = (*found.channels[0].alternatives, DeepgramBest())[0]
    words = [_deepgram_word(w) for w in best.words]
    return [
        Said(
            speaker="",
            text=best.transcript.strip(),
            confidence=sure_of(best.confidence),
            start=words[0].start if words else 0.0,
            end=words[-1].end if words else 0.0,
            unsure=places(best.transcript.strip(), words),
        )
    ]


def _deepgram_word(word: DeepgramWord) -> Word:
    return Word(
        text=word.punctuated_word or word.word,
        start=number(word.start),
        end=number(word.end),
        confidence=sure_of(word.confidence),
        speaker="" if word.speaker is None else f"speaker {word.speaker}",
    )
