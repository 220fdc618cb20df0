"""Amazon: Contact Lens, Call Analytics, Transcribe. Source: docs.aws.amazon.com. Pure."""

from ingest.clean.calls.heard import (
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
from ingest.clean.told import Text, read
from schemas.base import Record


class AmazonItem(Record, frozen=True, kw_only=True):
    """A word of Call Analytics."""

    Content: str = ""
    Confidence: Text = None
    BeginOffsetMillis: Text = 0
    EndOffsetMillis: Text = 0


class AmazonTurn(Record, frozen=True, kw_only=True):
    """A turn: Contact Lens names the participant by id, Call Analytics by role."""

    Content: str = ""
    BeginOffsetMillis: Text = 0
    EndOffsetMillis: Text = 0
    ParticipantId: str | None = None
    ParticipantRole: str | None = None
    Items: tuple[AmazonItem, ...] = ()


class AmazonPerson(Record, frozen=True, kw_only=True):
    """A participant."""

    ParticipantId: str | None = None
    ParticipantRole: str | None = None


class AmazonContact(Record, frozen=True, kw_only=True):
    """Which contact it is."""

    ContactId: str | None = None
    InitialContactId: str | None = None
    InstanceId: str | None = None


class AmazonFigures(Record, frozen=True, kw_only=True):
    """How long it took."""

    TotalConversationDurationMillis: Text = None


class AmazonSegment(Record, frozen=True, kw_only=True):
    """A segment of the live stream; only a Transcript is final."""

    Transcript: AmazonTurn | None = None


class Amazon(Record, frozen=True, kw_only=True):
    """The whole."""

    Transcript: tuple[AmazonTurn, ...] = ()
    Segments: tuple[AmazonSegment, ...] = ()
    Participants: tuple[AmazonPerson, ...] = ()
    CustomerMetadata: AmazonContact | None = None
    ContactId: str | None = None
    JobName: str | None = None
    LanguageCode: str | None = None
    ConversationCharacteristics: AmazonFigures | None = None


def amazon(raw: bytes) -> Heard:
    """Return a Contact Lens or Call Analytics transcript."""
    told = read(Amazon, raw)
    roles = {p.ParticipantId: p.ParticipantRole for p in told.Participants}
    said = (*told.Transcript, *(s.Transcript for s in told.Segments if s.Transcript))
    turns = []
    for one in said:
        who = one.ParticipantRole or roles.get(one.ParticipantId) or one.ParticipantId or ""
        unsure = _marked(one.Content, one.Items)
        sure = [c for i in one.Items if (c := sure_of(i.Confidence))]
        turns.append(Said(
            speaker=who, text=one.Content.strip(), role=role(who), unsure=unsure,
            start=number(one.BeginOffsetMillis, 1000), end=number(one.EndOffsetMillis, 1000),
            confidence=sum(sure) / len(sure) if sure else None,
        ))  # fmt: skip
    contact = told.CustomerMetadata or AmazonContact()
    figures = told.ConversationCharacteristics or AmazonFigures()
    return Heard(
        form="amazon", turns=turns, language=told.LanguageCode or "",
        id=contact.InitialContactId or contact.ContactId or told.ContactId or told.JobName or "",
        duration=number(figures.TotalConversationDurationMillis, 1000) or None,
    )  # fmt: skip


def _marked(text: str, items: tuple[AmazonItem, ...]) -> tuple[tuple[int, int], ...]:
    """Return the places of unsure words in a text that was put together already."""
    made, at = [], 0
    for item in items:
        found = text.find(item.Content, at) if item.Content else -1
        if found < 0:
            continue
        at = found + len(item.Content)
        sure = sure_of(item.Confidence)
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


class Transcribe(Record, frozen=True, kw_only=True):
    """The whole."""

    jobName: str = ""
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
        form="transcribe", turns=turns, id=told.jobName, language=found.language_code or ""
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
        made.append(Word(
            text=best.content, start=last.end if mark and last else start, speaker=who,
            end=last.end if mark and last else number(item.end_time),
            confidence=None if mark else sure_of(best.confidence),
        ))  # fmt: skip
    return made
