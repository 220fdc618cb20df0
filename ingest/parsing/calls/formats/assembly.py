"""AssemblyAI's transcripts. Their times are milliseconds, their duration is seconds. Pure.

Source: assemblyai.com/docs.
"""

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
from schemas.errors import ERROR_TEXT_LIMIT, Rejected


class AssemblyWord(Record, frozen=True, kw_only=True):
    """A word."""

    text: str = ""
    start: Text = 0
    end: Text = 0
    confidence: Text = None
    speaker: str | None = None
    channel: Text = None


class AssemblyUtterance(Record, frozen=True, kw_only=True):
    """The words of one speaker at a stretch."""

    text: str = ""
    start: Text = 0
    end: Text = 0
    confidence: Text = None
    speaker: Text = None
    channel: Text = None
    words: tuple[AssemblyWord, ...] = ()


class Assembly(Record, frozen=True, kw_only=True):
    """A transcript, or the error of one."""

    id: str = ""
    status: str = ""
    error: str | None = None
    text: str | None = None
    utterances: tuple[AssemblyUtterance, ...] | None = None
    words: tuple[AssemblyWord, ...] | None = None
    confidence: Text = None
    audio_duration: Text = None
    language_code: str | None = None


def parse_assemblyai(raw: bytes) -> Transcript:
    """Return an AssemblyAI transcript; raise Rejected(call.failed) for one with an error."""
    transcript = decode_json(Assembly, raw)
    if transcript.status == "error":
        raise Rejected(
            "call.failed",
            f"AssemblyAI could not transcribe it: {transcript.error}"[:ERROR_TEXT_LIMIT],
        )
    utterances = []
    for item in transcript.utterances or ():
        words = [_assembly_word(w) for w in item.words]
        utterances.append(
            Utterance(
                speaker="" if item.speaker in (None, "") else f"speaker {item.speaker}",
                text=item.text.strip(),
                start=parse_number(item.start, 1000),
                end=parse_number(item.end, 1000),
                confidence=parse_confidence(item.confidence),
                role=parse_role(str(item.speaker or "")),
                channel="" if item.channel is None else str(item.channel),
                unsure=locate_unsure_words(item.text.strip(), words),
            )
        )
    if not utterances and transcript.words:
        words = [_assembly_word(w) for w in transcript.words]
        utterances = [build_utterance(w) for w in split_by_speaker(words)]
        if len(utterances) == 1 and transcript.text:
            utterances[0].text, utterances[0].unsure = (
                transcript.text.strip(),
                locate_unsure_words(transcript.text.strip(), words),
            )
    elif not utterances and transcript.text:
        utterances = [
            Utterance(
                speaker="",
                text=transcript.text.strip(),
                confidence=parse_confidence(transcript.confidence),
            )
        ]
    return Transcript(
        form="assemblyai",
        turns=utterances,
        id=transcript.id,
        duration=parse_number(transcript.audio_duration) or None,
        language=transcript.language_code or "",
    )


def _assembly_word(word: AssemblyWord) -> Word:
    return Word(
        text=word.text,
        start=parse_number(word.start, 1000),
        end=parse_number(word.end, 1000),
        confidence=parse_confidence(word.confidence),
        speaker=f"speaker {word.speaker}" if word.speaker else "",
    )
