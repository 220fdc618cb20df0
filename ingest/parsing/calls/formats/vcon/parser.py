"""Makes a transcript of the best analysis of each dialog of a vCon, or of its text dialogs. Pure.

Source: draft-ietf-vcon-vcon-core-04.
"""

import re
from datetime import datetime

import msgspec

from ingest.parsing.calls.formats.vcon.bodies import Utterances, parse_analysis
from ingest.parsing.calls.formats.vcon.packaging import decode_body
from ingest.parsing.calls.formats.vcon.parties import (
    fill_sides,
    first_index,
    party_utterance,
    text_author,
)
from ingest.parsing.calls.formats.vcon.wire import Analysis, Dialog, Vcon
from ingest.parsing.calls.transcript import Transcript, Utterance, parse_number
from ingest.parsing.json_values import Text, decode_json, parse_time
from schemas.errors import Rejected

_TRANSCRIPT_TYPES = (
    "transcript",
    "diarized",
    "wtf_transcription",
    "transcription",
    "wtf",
    "transcript-redacted",
    "transcript_redacted",
    "analysis_info",
)
"""Types of analyses with a transcript, the best first."""
_SUPPORTED_EXTENSIONS = frozenset({"CC", "cc", "contact_center", "wtf_transcription"})


def parse_vcon(raw: bytes) -> Transcript:
    """Return the call in a vCon; raise Rejected when it has no transcript."""
    vcon = decode_json(Vcon, raw)
    required = (*vcon.critical, *vcon.must_support)
    unsupported = [c for c in required if c not in _SUPPORTED_EXTENSIONS]
    if unsupported:
        raise Rejected("call.unsupported", f"vCon needs {', '.join(unsupported)[:200]}")
    began, time_repairs = _beginning(vcon)
    utterances, repaired = _analysed_utterances(vcon, began)
    if not utterances:
        utterances = _text_utterances(vcon, began)
    if not utterances:
        kinds = ", ".join(sorted({d.type for d in vcon.dialog})) or "nothing"
        raise Rejected("call.no_transcript", f"vCon {vcon.uuid} holds {kinds}, and no transcript")
    transcript = Transcript(
        form="vcon",
        turns=utterances,
        id=_first_uuid(vcon),
        started_at=began,
        repaired=[*time_repairs, *repaired],
        duration=_duration(vcon, began) or None,
        queue=next((d.skill or d.campaign for d in vcon.dialog if d.skill or d.campaign), None),
    )
    directions = [(d.direction or (d.meta.direction if d.meta else "") or "") for d in vcon.dialog]
    transcript.outbound = any(d.lower().startswith("out") for d in directions)
    fill_sides(vcon, transcript)
    return transcript


def _first_uuid(vcon: Vcon) -> str:
    versions = (vcon.redacted, vcon.amended, vcon.appended)
    return next((v.uuid for v in versions if v and v.uuid), vcon.uuid)


def _beginning(vcon: Vcon) -> tuple[datetime | None, list[str]]:
    """Return the time of the first dialog, and the repair when a time has no zone."""
    spoken = [d for d in vcon.dialog if d.type not in ("transfer", "incomplete")] or vcon.dialog
    starts: list[Text] = [d.start for d in spoken if d.start] or [vcon.created_at]
    times = [time for s in starts if (time := parse_time(s)) is not None]
    texts = (s for s in starts if s and isinstance(s, str))
    naive = any(not re.search(r"(?:Z|[+-]\d\d:?\d\d)$", s) for s in texts)
    return min(times) if times else None, ["time.naive"] if naive else []


def _duration(vcon: Vcon, began: datetime | None) -> float:
    """Return the seconds from the first dialog's beginning to the last one's end."""
    ends = (_offset(d, began) + parse_number(d.duration) for d in vcon.dialog)
    return max(ends, default=0.0)


def _offset(dialog: Dialog, began: datetime | None) -> float:
    start = parse_time(dialog.start)
    return max(0.0, (start - began).total_seconds()) if start and began else 0.0


def _analysed_utterances(vcon: Vcon, began: datetime | None) -> Utterances:
    """Return the utterances of the best transcript of each dialog."""
    utterances: list[Utterance] = []
    repaired: list[str] = []
    for index, analysis in _best_analyses(vcon).items():
        parsed, repairs = parse_analysis(analysis, vcon, began)
        exists = index is not None and 0 <= index < len(vcon.dialog)
        offset = _offset(vcon.dialog[index], began) if exists and index is not None else 0.0
        for utterance in parsed:
            utterance.start, utterance.end = utterance.start + offset, utterance.end + offset
        utterances += parsed
        repaired += repairs
    return utterances, repaired


def _best_analyses(vcon: Vcon) -> dict[int | None, Analysis]:
    """Return the best transcript of each dialog, by the dialog's index."""
    best: dict[int | None, Analysis] = {}
    for analysis in vcon.analysis:
        kind = analysis.type.lower()
        if kind not in _TRANSCRIPT_TYPES:
            continue
        index = first_index(msgspec.json.decode(analysis.dialog)) if bytes(analysis.dialog) else 0
        previous = best.get(index)
        if previous is None or _rank(analysis) < _rank(previous):
            best[index] = analysis
    return best


def _rank(analysis: Analysis) -> int:
    return _TRANSCRIPT_TYPES.index(analysis.type.lower())


def _text_utterances(vcon: Vcon, began: datetime | None) -> list[Utterance]:
    """Return the texts of the dialogs that were written, as in a chat."""
    utterances: list[Utterance] = []
    for dialog in vcon.dialog:
        if dialog.type != "text" or not bytes(dialog.body):
            continue
        content = decode_body(dialog.body, dialog.encoding)
        party = text_author(vcon, dialog)
        time = parse_time(dialog.start)
        start = (time - began).total_seconds() if time and began else 0.0
        text = content
        if not isinstance(text, str):
            text = bytes(dialog.body).decode("utf-8", "replace")
        end = start + parse_number(dialog.duration)
        utterances.append(party_utterance(party, text, start, end))
    return [u for u in utterances if u.text.strip()]
