"""Azure's batch and fast transcriptions. Pure.

Source: learn.microsoft.com.
"""

import re

from ingest.parsing.calls.transcript import Transcript, Utterance, parse_confidence, parse_number
from ingest.parsing.json_values import Text, decode_json
from schemas.base import Record


class AzureNBest(Record, frozen=True, kw_only=True):
    """A reading of a phrase; the first one is the likeliest."""

    display: str = ""
    lexical: str = ""
    confidence: Text = None


class AzurePhrase(Record, frozen=True, kw_only=True, rename="camel"):
    """A phrase. A batch has its times in ticks of 100 ns, a fast transcription in milliseconds."""

    recognition_status: str | None = None
    channel: Text = None
    speaker: Text = None
    offset_in_ticks: Text = None
    duration_in_ticks: Text = None
    offset: Text = None
    duration: Text = None
    offset_milliseconds: Text = None
    duration_milliseconds: Text = None
    n_best: tuple[AzureNBest, ...] = ()
    text: str | None = None
    confidence: Text = None
    locale: str | None = None


class Azure(Record, frozen=True, kw_only=True, rename="camel"):
    """A transcription of either kind."""

    source: str | None = None
    recognized_phrases: tuple[AzurePhrase, ...] = ()
    phrases: tuple[AzurePhrase, ...] = ()
    duration_in_ticks: Text = None
    duration_milliseconds: Text = None


def parse_azure(raw: bytes) -> Transcript:
    """Return an Azure transcript, from a batch or a fast transcription."""
    transcription = decode_json(Azure, raw)
    utterances = []
    phrases = transcription.recognized_phrases or transcription.phrases
    for phrase in phrases:
        if phrase.recognition_status not in (None, "Success"):
            continue
        best = phrase.n_best[0] if phrase.n_best else AzureNBest(display=phrase.text or "")
        start = _seconds(phrase.offset_in_ticks, phrase.offset_milliseconds, phrase.offset)
        speaker = "" if phrase.speaker is None else f"speaker {phrase.speaker}"
        track = "" if phrase.channel is None else str(phrase.channel)
        utterances.append(
            Utterance(
                speaker=speaker or (f"channel {track}" if track else ""),
                channel=track,
                start=start,
                text=(best.display or best.lexical).strip(),
                end=start
                + _seconds(phrase.duration_in_ticks, phrase.duration_milliseconds, phrase.duration),
                confidence=parse_confidence(
                    best.confidence if phrase.n_best else phrase.confidence
                ),
            )
        )
    duration = parse_number(transcription.duration_in_ticks, 1e7) or parse_number(
        transcription.duration_milliseconds, 1000
    )
    return Transcript(
        form="azure",
        turns=utterances,
        duration=duration or None,
        language=next((p.locale for p in phrases if p.locale), "") or "",
    )


_ISO_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$")


def _seconds(ticks: Text, milliseconds: Text, value: Text) -> float:
    """Return seconds from ticks, milliseconds or an ISO 8601 duration."""
    if ticks is not None:
        return parse_number(ticks, 1e7)
    if milliseconds is not None:
        return parse_number(milliseconds, 1000)
    match = _ISO_DURATION.match(str(value or ""))
    if match:
        return parse_number(match[1]) * 3600 + parse_number(match[2]) * 60 + parse_number(match[3])
    return parse_number(value, 1000)
