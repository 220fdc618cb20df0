"""The sentences of a transcript of Twilio Voice Intelligence v2. Pure.

Source: twilio.com/docs.
"""

from ingest.parsing.calls.transcript import (
    Transcript,
    Utterance,
    parse_confidence,
    parse_number,
    parse_role,
)
from ingest.parsing.json_values import Text, decode_json, parse_time
from schemas.base import Record


class TwilioMedia(Record, frozen=True, kw_only=True):
    """The recording."""

    source_sid: str | None = None


class TwilioParticipant(Record, frozen=True, kw_only=True):
    """A participant and the track of the recording."""

    channel_participant: Text = None
    role: str | None = None
    full_name: str | None = None
    user_id: str | None = None
    media_participant_id: str | None = None


class TwilioChannel(Record, frozen=True, kw_only=True):
    """The recording and the participants on its tracks."""

    media_properties: TwilioMedia | None = None
    participants: tuple[TwilioParticipant, ...] = ()


class TwilioSentence(Record, frozen=True, kw_only=True):
    """A sentence."""

    media_channel: Text = None
    start_time: Text = 0
    end_time: Text = 0
    transcript: str | None = ""
    confidence: Text = None
    transcript_sid: str | None = None


class TwilioTranscript(Record, frozen=True, kw_only=True):
    """The sentences of a transcript, with the attributes of the transcript itself."""

    sentences: tuple[TwilioSentence, ...] = ()
    customer_key: str | None = None
    sid: str | None = None
    channel: TwilioChannel | None = None
    media_start_time: Text = None
    duration: Text = None
    language_code: str | None = None


def parse_twilio(raw: bytes) -> Transcript:
    """Return the sentences of a Twilio transcript."""
    transcript = decode_json(TwilioTranscript, raw)
    channel = transcript.channel or TwilioChannel()
    participants = {str(p.channel_participant): p for p in channel.participants}
    utterances = []
    for sentence in transcript.sentences:
        track = "" if sentence.media_channel is None else str(sentence.media_channel)
        participant = participants.get(track, TwilioParticipant())
        utterances.append(
            Utterance(
                speaker=participant.full_name or (f"channel {track}" if track else ""),
                channel=track,
                text=(sentence.transcript or "").strip(),
                start=parse_number(sentence.start_time),
                end=parse_number(sentence.end_time),
                confidence=parse_confidence(sentence.confidence),
                role=parse_role(participant.role),
                number=participant.media_participant_id or "",
            )
        )
    media = channel.media_properties or TwilioMedia()
    first = transcript.sentences[0].transcript_sid if transcript.sentences else None
    return Transcript(
        form="twilio",
        turns=utterances,
        language=transcript.language_code or "",
        id=transcript.customer_key or media.source_sid or transcript.sid or first or "",
        started_at=parse_time(transcript.media_start_time),
        duration=parse_number(transcript.duration) or None,
    )
