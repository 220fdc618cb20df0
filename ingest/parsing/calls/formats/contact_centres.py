"""Contact centres: Genesys Cloud, Aircall, Dialpad. Source: their developers' pages. Pure."""

from ingest.parsing.calls.transcript import Heard, Role, Said, number, role, sure_of
from ingest.parsing.json_values import Text, instant, read
from schemas.base import Record


class GenesysSpan(Record, frozen=True, kw_only=True):
    """A duration."""

    milliseconds: Text = 0


class GenesysPhrase(Record, frozen=True, kw_only=True, rename="camel"):
    """A phrase."""

    text: str = ""
    decorated_text: str | None = None
    start_time_ms: Text = 0
    duration: GenesysSpan | None = None
    participant_purpose: str | None = None
    confidence: Text = None


class GenesysTranscript(Record, frozen=True, kw_only=True, rename="camel"):
    """The phrases of one transcript."""

    phrases: tuple[GenesysPhrase, ...] = ()
    language: str | None = None
    start_time: Text = None


class GenesysPerson(Record, frozen=True, kw_only=True, rename="camel"):
    """A participant."""

    participant_purpose: str | None = None
    ani: str | None = None
    user_id: str | None = None
    queue_id: str | None = None


class Genesys(Record, frozen=True, kw_only=True, rename="camel"):
    """The whole."""

    conversation_id: str = ""
    transcripts: tuple[GenesysTranscript, ...] = ()
    participants: tuple[GenesysPerson, ...] = ()
    start_time: Text = None
    duration: GenesysSpan | None = None


def genesys(raw: bytes) -> Heard:
    """Return a Genesys Cloud transcript."""
    told = read(Genesys, raw)
    began = instant(told.start_time)
    phrases = [p for t in told.transcripts for p in t.phrases]
    zero = min((number(p.start_time_ms) for p in phrases), default=0.0)
    if began is None and zero > 1e11:
        began = instant(zero)
    if zero <= 1e11:
        zero = 0.0  # they are offsets already
    elif began is not None:
        zero = began.timestamp() * 1000
    turns = []
    for one in phrases:
        start = max(0.0, (number(one.start_time_ms) - zero) / 1000)
        span = one.duration or GenesysSpan()
        turns.append(
            Said(
                speaker=one.participant_purpose or "",
                role=role(one.participant_purpose),
                start=start,
                text=(one.decorated_text or one.text).strip(),
                confidence=sure_of(one.confidence),
                end=start + number(span.milliseconds, 1000),
            )
        )
    people = {role(p.participant_purpose): p for p in told.participants}
    nobody = GenesysPerson()
    whole = told.duration or GenesysSpan()
    return Heard(
        form="genesys",
        turns=turns,
        id=told.conversation_id,
        started_at=began,
        duration=number(whole.milliseconds, 1000) or None,
        customer_number=people.get("customer", nobody).ani or "",
        agent=people.get("agent", nobody).user_id,
        queue=next((p.queue_id for p in told.participants if p.queue_id), None),
        language=next((t.language for t in told.transcripts if t.language), "") or "",
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
    """The turns."""

    language: str | None = None
    utterances: tuple[AircallUtterance, ...] = ()


class Aircall(Record, frozen=True, kw_only=True):
    """The whole."""

    call_id: Text = ""
    id: Text = ""
    call_created_at: Text = None
    content: AircallContent = AircallContent()


def aircall(raw: bytes) -> Heard:
    """Return an Aircall transcript."""
    told = read(Aircall, raw)
    turns = [
        Said(
            speaker=one.participant_type or "",
            role=role(one.participant_type),
            text=one.text.strip(),
            start=number(one.start_time),
            end=number(one.end_time),
        )
        for one in told.content.utterances
    ]
    numbers = (u.phone_number for u in told.content.utterances if u.participant_type == "external")
    users = (str(u.user_id) for u in told.content.utterances if u.user_id is not None)
    return Heard(
        form="aircall",
        turns=turns,
        id=str(told.call_id or told.id or ""),
        started_at=instant(told.call_created_at),
        language=told.content.language or "",
        customer_number=next((n for n in numbers if n), ""),
        agent=next(users, None),
    )


class DialpadLine(Record, frozen=True, kw_only=True):
    """A line; only transcripts are speech."""

    type: str = ""
    content: str | None = ""
    time: Text = None
    name: str | None = ""
    user_id: Text = None
    contact_id: Text = None


class Dialpad(Record, frozen=True, kw_only=True):
    """The whole."""

    call_id: Text = ""
    lines: tuple[DialpadLine, ...] = ()


def dialpad(raw: bytes) -> Heard:
    """Return a Dialpad transcript: its times are instants."""
    told = read(Dialpad, raw)
    lines = [x for x in told.lines if x.type == "transcript" and x.content]
    times = [at for x in lines if (at := instant(x.time))]
    began = min(times) if times else None
    turns = []
    for one in lines:
        at = instant(one.time)
        start = (at - began).total_seconds() if at and began else 0.0
        side: Role | None = "agent" if one.user_id else "customer" if one.contact_id else None
        turns.append(
            Said(
                speaker=one.name or side or "",
                role=side,
                text=(one.content or "").strip(),
                start=start,
                end=start,
            )
        )
    return Heard(form="dialpad", turns=turns, id=str(told.call_id or ""), started_at=began)
