"""Amazon's transcripts, of Contact Lens, Call Analytics and Transcribe. Pure.

Source: docs.aws.amazon.com.
"""

from ingest.parsing.calls.transcript import (
    UNSURE_BELOW,
    Transcript,
    Utterance,
    Word,
    build_utterance,
    parse_confidence,
    parse_number,
    parse_role,
    split_at_pauses,
    split_by_speaker,
)
from ingest.parsing.json_values import Text, decode_json
from schemas.base import Record


class AmazonItem(Record, frozen=True, kw_only=True, rename="pascal"):
    """A word of Call Analytics."""

    content: str = ""
    confidence: Text = None
    begin_offset_millis: Text = 0
    end_offset_millis: Text = 0


class AmazonTurn(Record, frozen=True, kw_only=True, rename="pascal"):
    """A turn. Contact Lens gives the participant's id, Call Analytics the role."""

    content: str = ""
    begin_offset_millis: Text = 0
    end_offset_millis: Text = 0
    participant_id: str | None = None
    participant_role: str | None = None
    items: tuple[AmazonItem, ...] = ()


class AmazonParticipant(Record, frozen=True, kw_only=True, rename="pascal"):
    """A participant."""

    participant_id: str | None = None
    participant_role: str | None = None


class AmazonContact(Record, frozen=True, kw_only=True, rename="pascal"):
    """The ids of a contact in Amazon Connect."""

    contact_id: str | None = None
    initial_contact_id: str | None = None
    instance_id: str | None = None


class AmazonCharacteristics(Record, frozen=True, kw_only=True, rename="pascal"):
    """The length of a call."""

    total_conversation_duration_millis: Text = None


class AmazonSegment(Record, frozen=True, kw_only=True, rename="pascal"):
    """A segment of the live stream. Only a segment with a transcript is final."""

    transcript: AmazonTurn | None = None


class AmazonCall(Record, frozen=True, kw_only=True, rename="pascal"):
    """A transcript of Contact Lens or Call Analytics."""

    transcript: tuple[AmazonTurn, ...] = ()
    segments: tuple[AmazonSegment, ...] = ()
    participants: tuple[AmazonParticipant, ...] = ()
    customer_metadata: AmazonContact | None = None
    contact_id: str | None = None
    job_name: str | None = None
    language_code: str | None = None
    conversation_characteristics: AmazonCharacteristics | None = None


def parse_contact_lens(raw: bytes) -> Transcript:
    """Return a Contact Lens or Call Analytics transcript."""
    call = decode_json(AmazonCall, raw)
    roles = {p.participant_id: p.participant_role for p in call.participants}
    turns = (*call.transcript, *(s.transcript for s in call.segments if s.transcript))
    utterances = []
    for turn in turns:
        speaker = (
            turn.participant_role or roles.get(turn.participant_id) or turn.participant_id or ""
        )
        unsure = _unsure_words(turn.content, turn.items)
        confidences = [c for i in turn.items if (c := parse_confidence(i.confidence))]
        utterances.append(
            Utterance(
                speaker=speaker,
                text=turn.content.strip(),
                role=parse_role(speaker),
                unsure=unsure,
                start=parse_number(turn.begin_offset_millis, 1000),
                end=parse_number(turn.end_offset_millis, 1000),
                confidence=sum(confidences) / len(confidences) if confidences else None,
            )
        )
    contact = call.customer_metadata or AmazonContact()
    figures = call.conversation_characteristics or AmazonCharacteristics()
    names = (contact.initial_contact_id, contact.contact_id, call.contact_id, call.job_name)
    return Transcript(
        form="amazon",
        turns=utterances,
        language=call.language_code or "",
        id=next(filter(None, names), ""),
        duration=parse_number(figures.total_conversation_duration_millis, 1000) or None,
    )


def _unsure_words(text: str, items: tuple[AmazonItem, ...]) -> tuple[tuple[int, int], ...]:
    """Return the offsets of unsure words in a text that Amazon joined."""
    offsets, end = [], 0
    for item in items:
        start = text.find(item.content, end) if item.content else -1
        if start < 0:
            continue
        end = start + len(item.content)
        confidence = parse_confidence(item.confidence)
        if confidence is not None and confidence < UNSURE_BELOW:
            offsets.append((start, end))
    return tuple(offsets)


class TranscribeAlternative(Record, frozen=True, kw_only=True):
    """A reading of a word; the first one is the likeliest."""

    content: str = ""
    confidence: Text = None


class TranscribeItem(Record, frozen=True, kw_only=True):
    """A word or punctuation mark. Marks have no times."""

    start_time: Text = None
    end_time: Text = None
    type: str = ""
    alternatives: tuple[TranscribeAlternative, ...] = ()
    speaker_label: str | None = None


class TranscribeSegment(Record, frozen=True, kw_only=True):
    """A stretch of time in which one speaker speaks."""

    start_time: Text = 0
    end_time: Text = 0
    speaker_label: str = ""


class TranscribeSpeakers(Record, frozen=True, kw_only=True):
    """The stretches of all speakers."""

    segments: tuple[TranscribeSegment, ...] = ()


class TranscribeChannel(Record, frozen=True, kw_only=True):
    """A track of the recording."""

    channel_label: str = ""
    items: tuple[TranscribeItem, ...] = ()


class TranscribeChannels(Record, frozen=True, kw_only=True):
    """The tracks of the recording."""

    channels: tuple[TranscribeChannel, ...] = ()


class TranscribeResults(Record, frozen=True, kw_only=True):
    """The words of a call, with their speakers and tracks."""

    items: tuple[TranscribeItem, ...] = ()
    speaker_labels: TranscribeSpeakers | None = None
    channel_labels: TranscribeChannels | None = None
    language_code: str | None = None


class Transcribe(Record, frozen=True, kw_only=True, rename="camel"):
    """The output of a Transcribe job."""

    job_name: str = ""
    results: TranscribeResults = TranscribeResults()


def parse_transcribe(raw: bytes) -> Transcript:
    """Return an Amazon Transcribe result."""
    job = decode_json(Transcribe, raw)
    results = job.results
    channels = results.channel_labels.channels if results.channel_labels else ()
    utterances: list[Utterance] = []
    if channels:
        for channel in channels:
            words = _join_speakers(channel.items, ())
            name = channel.channel_label
            utterances += [
                build_utterance(piece, channel=name, speaker=name)
                for piece in split_at_pauses(words)
            ]
    else:
        segments = results.speaker_labels.segments if results.speaker_labels else ()
        utterances = [
            build_utterance(w) for w in split_by_speaker(_join_speakers(results.items, segments))
        ]
    return Transcript(
        form="transcribe", turns=utterances, id=job.job_name, language=results.language_code or ""
    )


def _join_speakers(
    items: tuple[TranscribeItem, ...], segments: tuple[TranscribeSegment, ...]
) -> list[Word]:
    """Return the words with their speakers, which older results list in segments."""
    words: list[Word] = []
    spans = sorted(
        (parse_number(s.start_time), parse_number(s.end_time), s.speaker_label) for s in segments
    )
    index = 0
    for item in items:
        best = item.alternatives[0] if item.alternatives else TranscribeAlternative()
        start, speaker = parse_number(item.start_time), item.speaker_label or ""
        if not speaker and item.start_time is not None and spans:
            while index + 1 < len(spans) and spans[index][1] <= start:
                index += 1
            speaker = spans[index][2]
        previous = words[-1] if words else None
        is_mark = item.type == "punctuation"
        words.append(
            Word(
                text=best.content,
                start=previous.end if is_mark and previous else start,
                speaker=speaker,
                end=previous.end if is_mark and previous else parse_number(item.end_time),
                confidence=None if is_mark else parse_confidence(best.confidence),
            )
        )
    return words
