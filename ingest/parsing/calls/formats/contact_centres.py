"""Transcripts of contact centres, from Genesys Cloud, Aircall and Dialpad. Pure.

Source: developer.genesys.cloud, developer.aircall.io, developers.dialpad.com.
"""

from ingest.parsing.calls.transcript import (
    Role,
    Transcript,
    Utterance,
    parse_confidence,
    parse_number,
    parse_role,
)
from ingest.parsing.json_values import Text, decode_json, parse_time
from schemas.base import Record


class GenesysDuration(Record, frozen=True, kw_only=True):
    """A duration."""

    milliseconds: Text = 0


class GenesysPhrase(Record, frozen=True, kw_only=True, rename="camel"):
    """A phrase."""

    text: str = ""
    decorated_text: str | None = None
    start_time_ms: Text = 0
    duration: GenesysDuration | None = None
    participant_purpose: str | None = None
    confidence: Text = None


class GenesysTranscript(Record, frozen=True, kw_only=True, rename="camel"):
    """The phrases of one transcript."""

    phrases: tuple[GenesysPhrase, ...] = ()
    language: str | None = None
    start_time: Text = None


class GenesysParticipant(Record, frozen=True, kw_only=True, rename="camel"):
    """A participant."""

    participant_purpose: str | None = None
    ani: str | None = None
    user_id: str | None = None
    queue_id: str | None = None


class Genesys(Record, frozen=True, kw_only=True, rename="camel"):
    """A conversation with its transcripts."""

    conversation_id: str = ""
    transcripts: tuple[GenesysTranscript, ...] = ()
    participants: tuple[GenesysParticipant, ...] = ()
    start_time: Text = None
    duration: GenesysDuration | None = None


def parse_genesys(raw: bytes) -> Transcript:
    """Return a Genesys Cloud transcript."""
    conversation = decode_json(Genesys, raw)
    began = parse_time(conversation.start_time)
    phrases = [p for t in conversation.transcripts for p in t.phrases]
    first_ms = min((parse_number(p.start_time_ms) for p in phrases), default=0.0)
    if began is None and first_ms > 1e11:
        began = parse_time(first_ms)
    if first_ms <= 1e11:
        first_ms = 0.0  # the times are offsets already
    elif began is not None:
        first_ms = began.timestamp() * 1000
    utterances = []
    for phrase in phrases:
        start = max(0.0, (parse_number(phrase.start_time_ms) - first_ms) / 1000)
        length = phrase.duration or GenesysDuration()
        utterances.append(
            Utterance(
                speaker=phrase.participant_purpose or "",
                role=parse_role(phrase.participant_purpose),
                start=start,
                text=(phrase.decorated_text or phrase.text).strip(),
                confidence=parse_confidence(phrase.confidence),
                end=start + parse_number(length.milliseconds, 1000),
            )
        )
    participants = {parse_role(p.participant_purpose): p for p in conversation.participants}
    absent = GenesysParticipant()
    duration = conversation.duration or GenesysDuration()
    return Transcript(
        form="genesys",
        turns=utterances,
        id=conversation.conversation_id,
        started_at=began,
        duration=parse_number(duration.milliseconds, 1000) or None,
        customer_number=participants.get("customer", absent).ani or "",
        agent=participants.get("agent", absent).user_id,
        queue=next((p.queue_id for p in conversation.participants if p.queue_id), None),
        language=next((t.language for t in conversation.transcripts if t.language), "") or "",
    )


class AircallUtterance(Record, frozen=True, kw_only=True):
    """A turn."""

    start_time: Text = 0
    end_time: Text = 0
    text: str = ""
    participant_type: str | None = None
    phone_number: str | None = None
    user_id: Text = None


class AircallContent(Record, frozen=True, kw_only=True):
    """The turns and their language."""

    language: str | None = None
    utterances: tuple[AircallUtterance, ...] = ()


class Aircall(Record, frozen=True, kw_only=True):
    """A transcript of a call."""

    call_id: Text = ""
    id: Text = ""
    call_created_at: Text = None
    content: AircallContent = AircallContent()


def parse_aircall(raw: bytes) -> Transcript:
    """Return an Aircall transcript, whose participants name their roles."""
    call = decode_json(Aircall, raw)
    utterances = [
        Utterance(
            speaker=utterance.participant_type or "",
            role=parse_role(utterance.participant_type),
            text=utterance.text.strip(),
            start=parse_number(utterance.start_time),
            end=parse_number(utterance.end_time),
        )
        for utterance in call.content.utterances
    ]
    numbers = (u.phone_number for u in call.content.utterances if u.participant_type == "external")
    users = (str(u.user_id) for u in call.content.utterances if u.user_id is not None)
    return Transcript(
        form="aircall",
        turns=utterances,
        id=str(call.call_id or call.id or ""),
        started_at=parse_time(call.call_created_at),
        language=call.content.language or "",
        customer_number=next((n for n in numbers if n), ""),
        agent=next(users, None),
    )


class DialpadLine(Record, frozen=True, kw_only=True):
    """A line of the transcript. Only lines of the type `transcript` are speech."""

    type: str = ""
    content: str | None = ""
    time: Text = None
    name: str | None = ""
    user_id: Text = None
    contact_id: Text = None


class Dialpad(Record, frozen=True, kw_only=True):
    """A transcript of a call."""

    call_id: Text = ""
    lines: tuple[DialpadLine, ...] = ()


def _dialpad_role(line: DialpadLine) -> Role | None:
    if line.user_id:
        return "agent"
    return "customer" if line.contact_id else None


def parse_dialpad(raw: bytes) -> Transcript:
    """Return a Dialpad transcript; its times are dates."""
    call = decode_json(Dialpad, raw)
    lines = [line for line in call.lines if line.type == "transcript" and line.content]
    times = [time for line in lines if (time := parse_time(line.time))]
    began = min(times) if times else None
    utterances = []
    for line in lines:
        time = parse_time(line.time)
        start = (time - began).total_seconds() if time and began else 0.0
        role = _dialpad_role(line)
        utterances.append(
            Utterance(
                speaker=line.name or role or "",
                role=role,
                text=(line.content or "").strip(),
                start=start,
                end=start,
            )
        )
    return Transcript(
        form="dialpad", turns=utterances, id=str(call.call_id or ""), started_at=began
    )
