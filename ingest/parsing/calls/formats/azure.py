"""Azure: batch and fast transcription. Source: learn.microsoft.com. Pure."""

import re

from ingest.parsing.calls.transcript import Heard, Said, number, sure_of
from ingest.parsing.json_values import Text, read
from schemas.base import Record


class AzureBest(Record, frozen=True, kw_only=True):
    """A guess."""

    display: str = ""
    lexical: str = ""
    confidence: Text = None


class AzurePhrase(Record, frozen=True, kw_only=True, rename="camel"):
    """A phrase; times in ticks of 100 ns in a batch, in milliseconds in the fast form."""

    recognition_status: str | None = None
    channel: Text = None
    speaker: Text = None
    offset_in_ticks: Text = None
    duration_in_ticks: Text = None
    offset: Text = None
    duration: Text = None
    offset_milliseconds: Text = None
    duration_milliseconds: Text = None
    n_best: tuple[AzureBest, ...] = ()
    text: str | None = None
    confidence: Text = None
    locale: str | None = None


class Azure(Record, frozen=True, kw_only=True, rename="camel"):
    """The whole, of either form."""

    source: str | None = None
    recognized_phrases: tuple[AzurePhrase, ...] = ()
    phrases: tuple[AzurePhrase, ...] = ()
    duration_in_ticks: Text = None
    duration_milliseconds: Text = None


def azure(raw: bytes) -> Heard:
    """Return an Azure transcript, of a batch or of the fast form."""
    told = read(Azure, raw)
    turns = []
    for one in told.recognized_phrases or told.phrases:
        if one.recognition_status not in (None, "Success"):
            continue
        best = one.n_best[0] if one.n_best else AzureBest(display=one.text or "")
        start = _azure_time(one.offset_in_ticks, one.offset_milliseconds, one.offset)
        speaker = "" if one.speaker is None else f"speaker {one.speaker}"
        track = "" if one.channel is None else str(one.channel)
        turns.append(
            Said(
                speaker=speaker or (f"channel {track}" if track else ""),
                channel=track,
                start=start,
                text=(best.display or best.lexical).strip(),
                end=start
                + _azure_time(one.duration_in_ticks, one.duration_milliseconds, one.duration),
                confidence=sure_of(best.confidence if one.n_best else one.confidence),
            )
        )
    whole = number(told.duration_in_ticks, 1e7) or number(told.duration_milliseconds, 1000)
    found = told.recognized_phrases or told.phrases
    return Heard(
        form="azure",
        turns=turns,
        duration=whole or None,
        language=next((p.locale for p in found if p.locale), "") or "",
    )


_ISO = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$")


def _azure_time(ticks: Text, milliseconds: Text, told: Text) -> float:
    if ticks is not None:
        return number(ticks, 1e7)
    if milliseconds is not None:
        return number(milliseconds, 1000)
    found = _ISO.match(str(told or ""))
    if found:
        return number(found[1]) * 3600 + number(found[2]) * 60 + number(found[3])
    return number(told, 1000)
