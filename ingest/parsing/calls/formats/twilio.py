"""Twilio Voice Intelligence v2: the sentences of a transcript. Source: twilio.com/docs. Pure."""

from ingest.parsing.calls.transcript import Heard, Said, number, role, sure_of
from ingest.parsing.json_values import Text, instant, read
from schemas.base import Record


class TwilioMedia(Record, frozen=True, kw_only=True):
    """The recording."""

    source_sid: str | None = None


class TwilioPerson(Record, frozen=True, kw_only=True):
    """A participant of a track."""

    channel_participant: Text = None
    role: str | None = None
    full_name: str | None = None
    user_id: str | None = None
    media_participant_id: str | None = None


class TwilioChannel(Record, frozen=True, kw_only=True):
    """The recording and who is on which track."""

    media_properties: TwilioMedia | None = None
    participants: tuple[TwilioPerson, ...] = ()


class TwilioSentence(Record, frozen=True, kw_only=True):
    """A sentence."""

    media_channel: Text = None
    start_time: Text = 0
    end_time: Text = 0
    transcript: str | None = ""
    confidence: Text = None
    transcript_sid: str | None = None


class Twilio(Record, frozen=True, kw_only=True):
    """The sentences, with what is known of the transcript."""

    sentences: tuple[TwilioSentence, ...] = ()
    customer_key: str | None = None
    sid: str | None = None
    channel: TwilioChannel | None = None
    media_start_time: Text = None
    duration: Text = None
    language_code: str | None = None


def twilio(raw: bytes) -> Heard:
    """Return the sentences of a Twilio transcript."""
    told = read(Twilio, raw)
    channel = told.channel or TwilioChannel()
    people = {str(p.channel_participant): p for p in channel.participants}
    turns = []
    for one in told.sentences:
        track = "" if one.media_channel is None else str(one.media_channel)
        who = people.get(track, TwilioPerson())
        turns.append(
            Said(
                speaker=who.full_name or (f"channel {track}" if track else ""),
                channel=track,
                text=(one.transcript or "").strip(),
                start=number(one.start_time),
                end=number(one.end_time),
                confidence=sure_of(one.confidence),
                role=role(who.role),
                number=who.media_participant_id or "",
            )
        )
    media = channel.media_properties or TwilioMedia()
    first = told.sentences[0].transcript_sid if told.sentences else None
    return Heard(
        form="twilio",
        turns=turns,
        language=told.language_code or "",
        id=told.customer_key or media.source_sid or told.sid or first or "",
        started_at=instant(told.media_start_time),
        duration=number(told.duration) or None,
    )
