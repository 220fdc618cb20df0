"""Google: Speech-to-Text v1 and v2, CX Insights. Source: cloud.google.com. Pure."""

from itertools import pairwise

from ingest.parsing.calls.transcript import (
    Heard,
    Role,
    Said,
    Word,
    by_speaker,
    places,
    role,
    span,
    sure_of,
    turn_of,
)
from ingest.parsing.json_values import Text, instant, read
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


class GoogleBest(Record, frozen=True, kw_only=True):
    """A guess."""

    transcript: str = ""
    confidence: Text = None
    words: tuple[GoogleWord, ...] = ()


class GoogleResult(Record, frozen=True, kw_only=True, rename="camel"):
    """A stretch of speech."""

    alternatives: tuple[GoogleBest, ...] = ()
    channel_tag: Text = None
    language_code: str | None = None
    result_end_time: Text | dict[str, Text] = None
    result_end_offset: Text | dict[str, Text] = None
    is_final: bool | None = None


class Google(Record, frozen=True, kw_only=True, rename="camel"):
    """The whole."""

    results: tuple[GoogleResult, ...] = ()
    request_id: Text = None
    name: str | None = None


def google(raw: bytes) -> Heard:
    """Return a Google transcript: v1 keeps every diarized word in the last result."""
    told = read(Google, raw)
    results = [r for r in told.results if r.alternatives and r.is_final is not False]
    tagged = [r for r in results if any(_tag(w) for w in r.alternatives[0].words)]
    turns: list[Said] = []
    if tagged:
        last = tagged[-1]
        first = next(r for r in results if r.alternatives[0].words).alternatives[0].words[0]
        began = _google_word(last.alternatives[0].words[0]).start
        # The whole call again: it begins where the first result began, or before.
        use = [last] if last is not tagged[0] and began <= _google_word(first).start else tagged
        words = [_google_word(w) for r in use for w in r.alternatives[0].words]
        turns = [turn_of(w) for w in by_speaker(words)]
    else:
        ended = 0.0
        for result in results:
            best = result.alternatives[0]
            until = span(result.result_end_time or result.result_end_offset)
            heard = [_google_word(w) for w in best.words]
            track = "" if result.channel_tag in (None, 0, "0") else str(result.channel_tag)
            turns.append(
                Said(
                    speaker=f"channel {track}" if track else "",
                    channel=track,
                    text=best.transcript.strip(),
                    confidence=sure_of(best.confidence),
                    start=heard[0].start if heard else ended,
                    end=heard[-1].end if heard else until,
                    unsure=places(best.transcript.strip(), heard),
                )
            )
            ended = until
    language = next((r.language_code for r in results if r.language_code), "") or ""
    return Heard(form="google", turns=turns, id=str(told.request_id or ""), language=language)


def _tag(word: GoogleWord) -> str:
    told = word.speaker_label if word.speaker_label is not None else word.speaker_tag
    return "" if told in (None, 0, "0", "") else str(told)


def _google_word(word: GoogleWord) -> Word:
    tag = _tag(word)
    return Word(
        text=word.word.replace("▁", " "),
        start=span(word.start_time or word.start_offset),
        end=span(word.end_time or word.end_offset),
        confidence=sure_of(word.confidence),
        speaker=f"speaker {tag}" if tag else "",
    )


class InsightsPerson(Record, frozen=True, kw_only=True, rename="camel"):
    """Who speaks in a segment."""

    role: str | None = None
    user_id: str | None = None


class InsightsSegment(Record, frozen=True, kw_only=True, rename="camel"):
    """A segment."""

    text: str = ""
    confidence: Text = None
    channel_tag: Text = None
    language_code: str | None = None
    message_time: Text = None
    segment_participant: InsightsPerson | None = None
    words: tuple[GoogleWord, ...] = ()


class InsightsTracks(Record, frozen=True, kw_only=True, rename="camel"):
    """Who is on which track."""

    customer_channel: Text = None
    agent_channel: Text = None


class InsightsTranscript(Record, frozen=True, kw_only=True, rename="camel"):
    """The segments."""

    transcript_segments: tuple[InsightsSegment, ...] = ()


class Insights(Record, frozen=True, kw_only=True, rename="camel"):
    """A conversation of CX Insights."""

    name: str = ""
    transcript: InsightsTranscript | None = None
    transcript_segments: tuple[InsightsSegment, ...] = ()
    call_metadata: InsightsTracks | None = None
    start_time: Text = None
    duration: Text | dict[str, Text] = None
    agent_id: str | None = None
    language_code: str | None = None


def insights(raw: bytes) -> Heard:
    """Return a conversation of Google's CX Insights."""
    told = read(Insights, raw)
    tracks = told.call_metadata or InsightsTracks()
    inner = told.transcript.transcript_segments if told.transcript else ()
    began = instant(told.start_time)
    turns = []
    for one in inner or told.transcript_segments:
        person = one.segment_participant or InsightsPerson()
        track = str(one.channel_tag or "")
        by_track: Role | None = None
        if track and track == str(tracks.customer_channel or ""):
            by_track = "customer"
        elif track and track == str(tracks.agent_channel or ""):
            by_track = "agent"
        words = [_google_word(w) for w in one.words]
        at = instant(one.message_time)
        start = (at - began).total_seconds() if at and began else 0.0
        turns.append(
            Said(
                speaker=person.role or (f"channel {track}" if track else ""),
                text=one.text.strip(),
                channel=track,
                role=role(person.role) or by_track,
                confidence=sure_of(one.confidence),
                start=words[0].start if words else max(0.0, start),
                end=words[-1].end if words else max(0.0, start),
                unsure=places(one.text, words),
            )
        )
    # A segment without times follows the one before.
    for before, turn in pairwise(turns):
        if not turn.start and not turn.end:
            turn.start = turn.end = before.end
    return Heard(
        form="insights",
        turns=turns,
        id=told.name.rpartition("/")[2],
        started_at=began,
        duration=span(told.duration) or None,
        agent=told.agent_id,
        language=told.language_code or next(filter(None, (s.language_code for s in inner)), ""),
    )
