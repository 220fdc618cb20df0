"""Amazon: Contact Lens, Call Analytics, Transcribe. Source: docs.aws.amazon.com. Pure."""

from ingest.parsing.calls.transcript import (
    Heard,
    Said,
    Word,
    by_speaker,
    number,
    pauses,
    role,
    sure_of,
    turn_of,
)
from ingest.parsing.json_values import Text, read
from schemas.base import Record


class AmazonItem(Record, frozen=True, kw_only=True, rename="pascal"):
    """A word of Call Analytics."""

    content: str = ""
    confidence: Text = None
    begin_offset_millis: Text = 0
    end_offset_millis: Text = 0


class AmazonTurn(Record, frozen=True, kw_only=True, rename="pascal"):
    """A turn: Contact Lens names the participant by id, Call Analytics by role."""

    content: str = ""
    begin_offset_millis: Text = 0
    end_offset_millis: Text = 0
    participant_id: str | None = None
    participant_role: str | None = None
    items: tuple[AmazonItem, ...] = ()


class AmazonPerson(Record, frozen=True, kw_only=True, rename="pascal"):
    """A participant."""

    participant_id: str | None = None
    participant_role: str | None = None


class AmazonContact(Record, frozen=True, kw_only=True, rename="pascal"):
    """Which contact it is."""

    contact_id: str | None = None
    initial_contact_id: str | None = None
    instance_id: str | None = None


class AmazonFigures(Record, frozen=True, kw_only=True, rename="pascal"):
    """How long it took."""

    total_conversation_duration_millis: Text = None


class AmazonSegment(Record, frozen=True, kw_only=True, rename="pascal"):
    """A segment of the live stream; only a Transcript is final."""

    transcript: AmazonTurn | None = None


class Amazon(Record, frozen=True, kw_only=True, rename="pascal"):
    """The whole."""

    transcript: tuple[AmazonTurn, ...] = ()
    segments: tuple[AmazonSegment, ...] = ()
    participants: tuple[AmazonPerson, ...] = ()
    customer_metadata: AmazonContact | None = None
    contact_id: str | None = None
    job_name: str | None = None
    language_code: str | None = None
    conversation_characteristics: AmazonFigures | None = None


def amazon(raw: bytes) -> Heard:
    """Return a Contact Lens or Call Analytics transcript."""
    told = read(Amazon, raw)
    roles = {p.participant_id: p.participant_role for p in told.participants}
    said = (*told.transcript, *(s.transcript for s in told.segments if s.transcript))
    turns = []
    for one in said:
        who = one.participant_role or roles.get(one.participant_id) or one.participant_id or ""
        unsure = _marked(one.content, one.items)
        sure = [c for i in one.items if (c := sure_of(i.confidence))]
        turns.append(
            Said(
                speaker=who,
                text=one.content.strip(),
                role=role(who),
                unsure=unsure,
                start=number(one.begin_offset_millis, 1000),
                end=number(one.end_offset_millis, 1000),
                confidence=sum(sure) / len(sure) if sure else None,
            )
        )
    contact = told.customer_metadata or AmazonContact()
    figures = told.conversation_characteristics or AmazonFigures()
    names = (contact.initial_contact_id, contact.contact_id, told.contact_id, told.job_name)
    return Heard(
        form="amazon",
        turns=turns,
        language=told.language_code or "",
        id=next(filter(None, names), ""),
        duration=number(figures.total_conversation_duration_millis, 1000) or None,
    )


def _marked(text: str, items: tuple[AmazonItem, ...]) -> tuple[tuple[int, int], ...]:
    """Return the places of unsure words in a text that was put together already."""
    made, at = [], 0
    for item in items:
        found = text.find(item.content, at) if item.content else -1
        if found < 0:
            continue
        at = found + len(item.content)
        sure = sure_of(item.confidence)
        if sure is not None and sure < 0.5:
            made.append((found, at))
    return tuple(made)


class TranscribeBest(Record, frozen=True, kw_only=True):
    """The best guess at a word."""

    content: str = ""
    confidence: Text = None


class TranscribeItem(Record, frozen=True, kw_only=True):
    """A word or mark; marks have no times."""

    start_time: Text = None
    end_time: Text = None
    type: str = ""
    alternatives: tuple[TranscribeBest, ...] = ()
    speaker_label: str | None = None


class TranscribeSegment(Record, frozen=True, kw_only=True):
    """Who spoke when."""

    start_time: Text = 0
    end_time: Text = 0
    speaker_label: str = ""


class TranscribeSpeakers(Record, frozen=True, kw_only=True):
    """Who spoke when, all of it."""

    segments: tuple[TranscribeSegment, ...] = ()


class TranscribeChannel(Record, frozen=True, kw_only=True):
    """A track of the recording."""

    channel_label: str = ""
    items: tuple[TranscribeItem, ...] = ()


class TranscribeChannels(Record, frozen=True, kw_only=True):
    """The tracks of the recording."""

    channels: tuple[TranscribeChannel, ...] = ()


class TranscribeResults(Record, frozen=True, kw_only=True):
    """What was heard."""

    items: tuple[TranscribeItem, ...] = ()
    speaker_labels: TranscribeSpeakers | None = None
    channel_labels: TranscribeChannels | None = None
    language_code: str | None = None


class Transcribe(Record, frozen=True, kw_only=True, rename="camel"):
    """The whole."""

    job_name: str = ""
    results: TranscribeResults = TranscribeResults()


def transcribe(raw: bytes) -> Heard:
    """Return an Amazon Transcribe result."""
    told = read(Transcribe, raw)
    found = told.results
    channels = found.channel_labels.channels if found.channel_labels else ()
    turns: list[Said] = []
    if channels:
        for channel in channels:
            words = _transcribed(channel.items, ())
            name = channel.channel_label
            turns += [turn_of(part, channel=name, speaker=name) for part in pauses(words)]
    else:
        segments = found.speaker_labels.segments if found.speaker_labels else ()
        turns = [turn_of(w) for w in by_speaker(_transcribed(found.items, segments))]
    return Heard(
        form="transcribe", turns=turns, id=told.job_name, language=found.language_code or ""
    )


def _transcribed(
    items: tuple[TranscribeItem, ...], segments: tuple[TranscribeSegment, ...]
) -> list[Word]:
    made: list[Word] = []
    spans = sorted((number(s.start_time), number(s.end_time), s.speaker_label) for s in segments)
    place = 0
    for item in items:
        best = item.alternatives[0] if item.alternatives else TranscribeBest()
        start, who = number(item.start_time), item.speaker_label or ""
        if not who and item.start_time is not None and spans:
            while place + 1 < len(spans) and spans[place][1] <= start:
                place += 1
            who = spans[place][2]
        last = made[-1] if made else None
        mark = item.type == "punctuation"
        made.append(
            Word(
                text=best.content,
                start=last.end if mark and last else start,
                speaker=who,
                end=last.end if mark and last else number(item.end_time),
                confidence=None if mark else sure_of(best.confidence),
            )
        )
    return made
