"""Google's transcripts, from Speech-to-Text v1 and v2, and CX Insights. Pure.

Source: cloud.google.com.
"""

from itertools import pairwise

from ingest.parsing.calls.transcript import (
    Role,
    Transcript,
    Utterance,
    Word,
    build_utterance,
    locate_unsure_words,
    parse_confidence,
    parse_duration,
    parse_role,
    split_by_speaker,
)
from ingest.parsing.json_values import Text, decode_json, parse_time
from schemas.base import Record


class GoogleWord(Record, frozen=True, kw_only=True, rename="camel"):
    """A word."""

    word: str = ""
    start_time: Text | dict[str, Text] = None
    end_time: Text | dict[str, Text] = None
    start_offset: Text | dict[str, Text] = None
    end_offset: Text | dict[str, Text] = None
    speaker_tag: Text = None
    speaker_label: Text = None
    confidence: Text = None


class GoogleAlternative(Record, frozen=True, kw_only=True):
    """A reading of a stretch of speech; the first one is the likeliest."""

    transcript: str = ""
    confidence: Text = None
    words: tuple[GoogleWord, ...] = ()


class GoogleResult(Record, frozen=True, kw_only=True, rename="camel"):
    """A stretch of speech."""

    alternatives: tuple[GoogleAlternative, ...] = ()
    channel_tag: Text = None
    language_code: str | None = None
    result_end_time: Text | dict[str, Text] = None
    result_end_offset: Text | dict[str, Text] = None
    is_final: bool | None = None


class Google(Record, frozen=True, kw_only=True, rename="camel"):
    """The answer to a request."""

    results: tuple[GoogleResult, ...] = ()
    request_id: Text = None
    name: str | None = None


def parse_google(raw: bytes) -> Transcript:
    """Return a transcript of Speech-to-Text v1 or v2, or of CX Insights."""
    answer = decode_json(Google, raw)
    results = [r for r in answer.results if r.alternatives and r.is_final is not False]
    language = next((r.language_code for r in results if r.language_code), "") or ""
    return Transcript(
        form="google",
        turns=_by_speaker(results) or _by_result(results),
        id=str(answer.request_id or ""),
        language=language,
    )


def _by_speaker(results: list[GoogleResult]) -> list[Utterance]:
    """Return the utterances of words with a speaker; v1 repeats all of them in the last result."""
    tagged = [r for r in results if any(_tag(w) for w in r.alternatives[0].words)]
    if not tagged:
        return []
    last = tagged[-1]
    first = next(r for r in results if r.alternatives[0].words).alternatives[0].words[0]
    began = _word(last.alternatives[0].words[0]).start
    # The last result has the whole call when it begins where the first one began, or before.
    repeats_all = last is not tagged[0] and began <= _word(first).start
    used = [last] if repeats_all else tagged
    words = [_word(w) for r in used for w in r.alternatives[0].words]
    return [build_utterance(w) for w in split_by_speaker(words)]


def _by_result(results: list[GoogleResult]) -> list[Utterance]:
    """Return an utterance for each result, for a transcript without speakers."""
    utterances = []
    previous_end = 0.0
    for result in results:
        best = result.alternatives[0]
        end = parse_duration(result.result_end_time or result.result_end_offset)
        words = [_word(w) for w in best.words]
        track = "" if result.channel_tag in (None, 0, "0") else str(result.channel_tag)
        utterances.append(
            Utterance(
                speaker=f"channel {track}" if track else "",
                channel=track,
                text=best.transcript.strip(),
                confidence=parse_confidence(best.confidence),
                start=words[0].start if words else previous_end,
                end=words[-1].end if words else end,
                unsure=locate_unsure_words(best.transcript.strip(), words),
            )
        )
        previous_end = end
    return utterances


def _tag(word: GoogleWord) -> str:
    tag = word.speaker_label if word.speaker_label is not None else word.speaker_tag
    return "" if tag in (None, 0, "0", "") else str(tag)


def _word(word: GoogleWord) -> Word:
    tag = _tag(word)
    return Word(
        text=word.word.replace("▁", " "),
        start=parse_duration(word.start_time or word.start_offset),
        end=parse_duration(word.end_time or word.end_offset),
        confidence=parse_confidence(word.confidence),
        speaker=f"speaker {tag}" if tag else "",
    )


class InsightsParticipant(Record, frozen=True, kw_only=True, rename="camel"):
    """The speaker of a segment."""

    role: str | None = None
    user_id: str | None = None


class InsightsSegment(Record, frozen=True, kw_only=True, rename="camel"):
    """A segment of the transcript."""

    text: str = ""
    confidence: Text = None
    channel_tag: Text = None
    language_code: str | None = None
    message_time: Text = None
    segment_participant: InsightsParticipant | None = None
    words: tuple[GoogleWord, ...] = ()


class InsightsCallMetadata(Record, frozen=True, kw_only=True, rename="camel"):
    """The tracks of the customer and the agent."""

    customer_channel: Text = None
    agent_channel: Text = None


class InsightsTranscript(Record, frozen=True, kw_only=True, rename="camel"):
    """The segments of a conversation."""

    transcript_segments: tuple[InsightsSegment, ...] = ()


class Insights(Record, frozen=True, kw_only=True, rename="camel"):
    """A conversation of CX Insights."""

    name: str = ""
    transcript: InsightsTranscript | None = None
    transcript_segments: tuple[InsightsSegment, ...] = ()
    call_metadata: InsightsCallMetadata | None = None
    start_time: Text = None
    duration: Text | dict[str, Text] = None
    agent_id: str | None = None
    language_code: str | None = None


def parse_insights(raw: bytes) -> Transcript:
    """Return a conversation of Google's CX Insights."""
    conversation = decode_json(Insights, raw)
    metadata = conversation.call_metadata or InsightsCallMetadata()
    segments = conversation.transcript.transcript_segments if conversation.transcript else ()
    began = parse_time(conversation.start_time)
    utterances = []
    for segment in segments or conversation.transcript_segments:
        participant = segment.segment_participant or InsightsParticipant()
        track = str(segment.channel_tag or "")
        track_role: Role | None = None
        if track and track == str(metadata.customer_channel or ""):
            track_role = "customer"
        elif track and track == str(metadata.agent_channel or ""):
            track_role = "agent"
        words = [_word(w) for w in segment.words]
        time = parse_time(segment.message_time)
        start = (time - began).total_seconds() if time and began else 0.0
        utterances.append(
            Utterance(
                speaker=participant.role or (f"channel {track}" if track else ""),
                text=segment.text.strip(),
                channel=track,
                role=parse_role(participant.role) or track_role,
                confidence=parse_confidence(segment.confidence),
                start=words[0].start if words else max(0.0, start),
                end=words[-1].end if words else max(0.0, start),
                unsure=locate_unsure_words(segment.text, words),
            )
        )
    # A segment without times follows the previous one.
    for previous, utterance in pairwise(utterances):
        if not utterance.start and not utterance.end:
            utterance.start = utterance.end = previous.end
    return Transcript(
        form="insights",
        turns=utterances,
        id=conversation.name.rpartition("/")[2],
        started_at=began,
        duration=parse_duration(conversation.duration) or None,
        agent=conversation.agent_id,
        language=conversation.language_code
        or next(filter(None, (s.language_code for s in segments)), ""),
    )
