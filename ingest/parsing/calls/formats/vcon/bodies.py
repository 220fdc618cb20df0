"""Reads the body of an analysis, a vendor's own format, a list of lines, or plain text. Pure."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from ingest.parsing.calls.formats import deepgram, plain_text, whisper
from ingest.parsing.calls.formats.vcon.packaging import decode_body
from ingest.parsing.calls.formats.vcon.parties import (
    assign_parties,
    first_index,
    party_utterance,
)
from ingest.parsing.calls.formats.vcon.wire import (
    Analysis,
    TranscriptBody,
    TranscriptLine,
    Vcon,
)
from ingest.parsing.calls.transcript import Transcript, Utterance, parse_number
from ingest.parsing.json_values import Text, decode_json, parse_time

Utterances = tuple[list[Utterance], list[str]]
"""Utterances, and the codes of what was repaired in them."""


def parse_analysis(analysis: Analysis, vcon: Vcon, began: datetime | None) -> Utterances:
    """Return the utterances in an analysis' body; their times count from the dialog's beginning."""
    content = decode_body(analysis.body, analysis.encoding)
    if isinstance(content, str):
        return _parse_text(content, vcon)
    encoded = msgspec.json.encode(content)
    if isinstance(content, list):
        return _parse_lines(encoded, vcon, began)
    body = decode_json(TranscriptBody, encoded)
    parse = _vendor_parser(body)
    if parse is not None:
        transcript = parse(encoded)
        return assign_parties(transcript.turns, vcon), transcript.repaired
    for lines in (body.utterances, body.transcript):
        encoded_lines = msgspec.json.encode(lines)
        if encoded_lines[:1] == b"[":
            return _parse_lines(encoded_lines, vcon, began)
    text = next((t for t in (body.transcript, body.text) if isinstance(t, str)), "")
    if isinstance(body.transcript, dict):
        text = str(body.transcript.get("text") or "")
    return _parse_text(text, vcon)


def _vendor_parser(body: TranscriptBody) -> Callable[[bytes], Transcript] | None:
    """Return the parser of the vendor whose keys a body has."""
    if bytes(body.results)[:1] == b"{":
        return deepgram.parse_deepgram
    if bytes(body.words)[:1] == b"[" and isinstance(body.transcript, str):
        return deepgram.parse_deepgram_alternative
    return whisper.parse_whisper if bytes(body.segments)[:1] == b"[" else None


def _parse_text(text: str, vcon: Vcon) -> Utterances:
    return assign_parties(plain_text.parse_plain_text(text).turns, vcon), []


def _parse_lines(raw: bytes, vcon: Vcon, began: datetime | None) -> Utterances:
    lines = decode_json(tuple[TranscriptLine, ...], raw)
    utterances = [u for line in lines if (u := _parse_line(line, vcon, began)) is not None]
    timed = any(u.start or u.end for u in utterances)
    repaired = ["times.missing"] if utterances and not timed else []
    return assign_parties(utterances, vcon), repaired


def _parse_line(line: TranscriptLine, vcon: Vcon, began: datetime | None) -> Utterance | None:
    """Return the utterance of a line, None when the line has no text."""
    text = next((t for t in (line.message, line.text, line.transcript, line.content) if t), "")
    if not text.strip():
        return None
    index = first_index(line.parties)
    if index is not None and 0 <= index < len(vcon.parties):
        utterance = party_utterance(vcon.parties[index], text, 0, 0)
    else:
        speaker = str(line.speaker if line.speaker is not None else "")
        utterance = Utterance(speaker=speaker, text=text.strip())
    start = line.start if line.start is not None else line.start_time
    utterance.start = _seconds_since(start, began)
    utterance.end = _seconds_since(line.end, began) or (
        utterance.start + parse_number(line.duration)
    )
    utterance.confidence = parse_number(line.confidence) or None
    return utterance


def _seconds_since(value: Text, began: datetime | None) -> float:
    """Return seconds from the beginning, given seconds or a date and time."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        time = parse_time(value)
        return max(0.0, (time - began).total_seconds()) if time and began else 0.0
    return parse_number(value)
