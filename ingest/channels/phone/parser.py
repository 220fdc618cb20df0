"""Makes the Message of a call from its transcript. Pure.

The router decides by the customer's turns, and by all turns where no speaker has a role.
Source: ingest/parsing/calls names the vendors of the formats.
"""

import hashlib
import re
from pathlib import PurePosixPath
from urllib.parse import unquote

from ingest.channel import Context, Delivery, Notice, Parsed, build_message
from ingest.channels.phone.account import Account
from ingest.parsing.calls.detection import parse_transcript
from ingest.parsing.calls.formats.plain_text import NUMBERED, role_of
from ingest.parsing.calls.roles import CallHints, RoleMethod, assign_roles
from ingest.parsing.calls.transcript import Role, Transcript, Utterance
from ingest.parsing.phone_numbers import e164
from ingest.vendors.transcription_apis import find_reference
from schemas.errors import Rejected
from schemas.message import Answering, Call, Handle, Party, Turn
from schemas.text.fold import fold

_MAX_HANDLE_CHARS = 512
_CONTACT_FILE = re.compile(r"^([0-9a-zA-Z-]{3,80})_analysis(?:_redacted)?_", re.IGNORECASE)
_NAME_IN_LABEL = re.compile(r"\(([^)\d]{2,60})\)$")
_LABEL = re.compile(r"(?i)(channel|speaker|spk|ch)[ _]?\w+$")
_ROLE_REPAIRS: dict[str, tuple[str, ...]] = {
    "guess": ("roles.guessed",),
    "unknown": ("roles.unknown",),
}


def parse_call(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of a transcript, or the notice of one; raise Rejected."""
    settings = context.settings or Account()
    reference = find_reference(delivery.raw, settings)
    if reference:
        return _build_notice(reference, delivery, context)
    transcript = parse_transcript(delivery.raw)
    transcript.turns = _spoken_turns(transcript)
    tracks: dict[str, Role] = dict(settings.channels)
    roles_by, confidence = assign_roles(transcript, CallHints(channels=tracks))
    content_id = hashlib.sha256(delivery.raw).hexdigest()
    native_id = transcript.id or _contact_id(delivery.hint) or content_id
    turns = transcript.turns
    text = "\n".join(turn.text for turn in turns if turn.role == "customer")
    lines = [f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text for turn in turns]
    repairs = (*transcript.repaired, *_ROLE_REPAIRS.get(roles_by, ()))
    return Parsed(
        message=build_message(
            "phone",
            delivery,
            context,
            native_id=native_id,
            root=native_id,
            kind="call",
            sender=_build_sender(transcript, settings.country),
            recipients=_build_recipients(transcript, settings.country),
            text=text or "\n".join(turn.text for turn in turns),
            full_text="\n".join(lines),
            sent_at=transcript.started_at,
            call=_build_call(transcript, roles_by, confidence),
            flags=tuple(transcript.flags),
            repaired=tuple(dict.fromkeys(repairs)),
            answering=Answering(forbidden="a transcript takes no answer: call back, or write"),
        )
    )


def _build_notice(reference: str, delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the notice of a call whose transcript must first be fetched from its recogniser."""
    message = build_message(
        "phone",
        delivery,
        context,
        native_id=reference,
        root=reference,
        kind="call",
        sender=Party(),
        text="",
    )
    return Parsed(message=message, notice=Notice(ref=reference, bare=True))


def _spoken_turns(transcript: Transcript) -> list[Utterance]:
    """Return the turns that have a text, in the order of the call; raise Rejected without one."""
    turns = [turn for turn in transcript.turns if turn.text]
    if not turns:
        raise Rejected("call.empty", f"a transcript ({transcript.form}) without a word")
    return sorted(turns, key=lambda turn: (turn.start, turn.channel))


def _contact_id(file_name: str | None) -> str:
    """Return the contact that Amazon names in a file name; empty for any other name.

    The name of another tool's file is not an id, because it can be the same for every call.
    """
    name = PurePosixPath(unquote(file_name)).name if file_name else ""
    match = _CONTACT_FILE.match(name)
    return match[1] if match else ""


def _build_call(transcript: Transcript, roles_by: RoleMethod, confidence: float) -> Call:
    end = max((turn.end for turn in transcript.turns), default=0.0)
    agent = next((turn.speaker for turn in transcript.turns if turn.role == "agent"), "")
    return Call(
        turns=tuple(_build_turn(utterance) for utterance in transcript.turns),
        started_at=transcript.started_at,
        duration=transcript.duration or end or None,
        queue=transcript.queue,
        agent=transcript.agent or _person_name(agent) or None,
        roles_by=roles_by,
        roles_confidence=confidence,
        form=transcript.form,
        language=transcript.language,
    )


def _build_turn(utterance: Utterance) -> Turn:
    confidence = utterance.confidence
    return Turn(
        speaker=utterance.speaker,
        role=utterance.role or "unknown",
        start=round(utterance.start, 3),
        end=round(max(utterance.start, utterance.end), 3),
        text=utterance.text,
        confidence=None if confidence is None else min(1.0, max(0.0, confidence)),
        unsure=utterance.unsure,
    )


def _build_sender(transcript: Transcript, country: str) -> Party:
    """Return the customer, by the transcript or by the customer's own turns."""
    turns = [turn for turn in transcript.turns if turn.role == "customer"]
    number = transcript.customer_number or next((t.number for t in turns if t.number), "")
    speaker = turns[0].speaker if turns else ""
    handles = []
    phone = e164(number, country)
    if phone:
        handles.append(Handle(kind="phone", value=phone))
    if "@" in transcript.customer_mail:
        mail = transcript.customer_mail.lower()[:_MAX_HANDLE_CHARS]
        handles.append(Handle(kind="email", value=mail))
    return Party(name=transcript.customer or _person_name(speaker), handles=tuple(handles))


def _build_recipients(transcript: Transcript, country: str) -> tuple[Party, ...]:
    """Return the agent, where the transcript has a number of theirs."""
    number = e164(transcript.agent_number, country)
    return (Party(handles=(Handle(kind="phone", value=number),)),) if number else ()


def _person_name(speaker: str) -> str:
    """Return the name of a speaker; empty where it is a label or a number."""
    inner = _NAME_IN_LABEL.search(speaker)
    if inner and role_of(speaker):
        return inner[1].strip()
    folded = " ".join(fold(speaker).split())
    if role_of(speaker) or NUMBERED.match(folded) or not re.search(r"[^\W\d_]{2}", speaker):
        return ""
    return "" if _LABEL.match(speaker) else speaker
