"""AssemblyAI: times in milliseconds, the whole in seconds. Source: assemblyai.com/docs. Pure."""

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
    """A turn."""

    text: str = ""
    start: Text = 0
    end: Text = 0
    confidence: Text = None
    speaker: Text = None
    channel: Text = None
    words: tuple[AssemblyWord, ...] = ()


class Assembly(Record, frozen=True, kw_only=True):
    """The whole."""

    id: str = ""
    status: str = ""
    error: str | None = None
    text: str | None = None
    utterances: tuple[AssemblyUtterance, ...] | None = None
    words: tuple[AssemblyWord, ...] | None = None
    confidence: Text = None
    audio_duration: Text = None
    language_code: str | None = None


def assembly(raw: bytes) -> Heard:
    """Return an AssemblyAI transcript."""
    told = read(Assembly, raw)
    if told.status == "error":
        raise Rejected(
            "call.failed", f"AssemblyAI could not transcribe it: {told.error}"[:ERROR_TEXT_LIMIT]
        )
    turns = []
    for one in told.utterances or ():
        words = [_assembly_word(w) for w in one.words]
        turns.append(
            Said(
                speaker="" if one.speaker in (None, "") else f"speaker {one.speaker}",
                text=one.text.strip(),
                start=number(one.start, 1000),
                end=number(one.end, 1000),
                confidence=sure_of(one.confidence),
                role=role(str(one.speaker or "")),
                channel="" if one.channel is None else str(one.channel),
                unsure=places(one.text.strip(), words),
            )
        )
    if not turns and told.words:
        words = [_assembly_word(w) for w in told.words]
        turns = [turn_of(w) for w in by_speaker(words)]
        if len(turns) == 1 and told.text:
            turns[0].text, turns[0].unsure = told.text.strip(), places(told.text.strip(), words)
    elif not turns and told.text:
        turns = [Said(speaker="", text=told.text.strip(), confidence=sure_of(told.confidence))]
    return Heard(
        form="assemblyai",
        turns=turns,
        id=told.id,
        duration=number(told.audio_duration) or None,
        language=told.language_code or "",
    )


def _assembly_word(word: AssemblyWord) -> Word:
    return Word(
        text=word.text,
        start=number(word.start, 1000),
        end=number(word.end, 1000),
        confidence=sure_of(word.confidence),
        speaker=f"speaker {word.speaker}" if word.speaker else "",
    )
