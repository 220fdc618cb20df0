"""vCon: a call with its parties, dialogs and analyses; current drafts and the older server form.

A signed one is opened, and it is said that nobody proved who signed; an encrypted one can't be
read. Every redacted or amended version has a new uuid: the first one's is the call's.
Source: draft-ietf-vcon-vcon-core-04, draft-ietf-vcon-cc-extension, vcon-dev/vcon-server. Pure.
"""

import base64
import binascii
import gzip
import io
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ingest.parsing.calls.formats import deepgram, plain_text, whisper
from ingest.parsing.calls.transcript import Heard, Role, Said, number, role
from ingest.parsing.json_values import Text, instant, read
from schemas.base import Record
from schemas.errors import Rejected

LARGEST = 64 * 1024 * 1024
"""Bytes that a packed transcript may unpack to."""

_TRANSCRIPTS = (
    "transcript",
    "diarized",
    "wtf_transcription",
    "transcription",
    "wtf",
    "transcript-redacted",
    "transcript_redacted",
    "analysis_info",
)
_KNOWN_CRITICAL = frozenset({"CC", "cc", "contact_center", "wtf_transcription"})


class Meta(Record, frozen=True, kw_only=True):
    """What the older server form notes beside."""

    role: str | None = None
    direction: str | None = None


class Party(Record, frozen=True, kw_only=True):
    """Who took part; an empty one is legal."""

    tel: Text = None
    sip: str | None = None
    mailto: str | None = None
    email: str | None = None
    name: str | None = None
    role: str | None = None
    type: str | None = None
    meta: Meta | None = None


class Dialog(Record, frozen=True, kw_only=True):
    """A piece of the conversation."""

    type: str = ""
    start: Text = None
    duration: Text = None
    parties: msgspec.Raw = msgspec.Raw()
    originator: Text = None
    body: msgspec.Raw = msgspec.Raw()
    encoding: str | None = None
    mediatype: str | None = None
    mimetype: str | None = None
    meta: Meta | None = None
    skill: str | None = None
    campaign: str | None = None
    direction: str | None = None


class Analysis(Record, frozen=True, kw_only=True):
    """Something made of a dialog."""

    type: str = ""
    dialog: msgspec.Raw = msgspec.Raw()
    vendor: str | None = None
    body: msgspec.Raw = msgspec.Raw()
    encoding: str | None = None


class Version(Record, frozen=True, kw_only=True):
    """The vCon that this one was made of."""

    uuid: str = ""


class Vcon(Record, frozen=True, kw_only=True):
    """The whole. Redacted, amended and appended may be empty objects, which means none."""

    uuid: str = ""
    created_at: Text = None
    parties: tuple[Party, ...] = ()
    dialog: tuple[Dialog, ...] = ()
    analysis: tuple[Analysis, ...] = ()
    redacted: Version | None = None
    amended: Version | None = None
    appended: Version | None = None
    critical: tuple[str, ...] = ()
    must_support: tuple[str, ...] = ()


class Signed(Record, frozen=True, kw_only=True):
    """A JWS in its general JSON form."""

    payload: str = ""


class Encrypted(Record, frozen=True, kw_only=True):
    """A JWE in its general JSON form."""

    unprotected: dict[str, Any] | None = None


def signed(raw: bytes) -> tuple[bytes, str]:
    """Return the vCon in a JWS, and a flag: nobody proved who signed it."""
    for _ in range(3):
        payload = read(Signed, raw).payload
        raw = unpacked(_base64(payload))
        if b'"payload"' not in raw[:200_000] or b'"signatures"' not in raw:
            break
    return raw, "signature_unverified"


def encrypted(raw: bytes) -> Rejected:
    """Return why a JWE can't be read; the uuid that it names stays."""
    told = read(Encrypted, raw).unprotected or {}
    return Rejected("call.encrypted", f"vCon {told.get('uuid', 'without uuid')}: there is no key")


def unpacked(raw: bytes) -> bytes:
    """Return what a gzip holds, or the bytes themselves; raise Rejected for a bomb."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            made = file.read(LARGEST + 1)
    except (OSError, EOFError, ValueError) as error:
        raise Rejected("call.undecodable", f"gzip: {error}") from error
    if len(made) > LARGEST:
        raise Rejected("call.undecodable", f"gzip: more than {LARGEST} bytes")
    return made


def vcon(raw: bytes) -> Heard:
    """Return the call in a vCon; raise Rejected when no words of it are there."""
    told = read(Vcon, raw)
    unknown = [c for c in (*told.critical, *told.must_support) if c not in _KNOWN_CRITICAL]
    if unknown:
        raise Rejected("call.unsupported", f"vCon needs {', '.join(unknown)[:200]}")
    repaired: list[str] = []
    began = _began(told, repaired)
    turns = _turns(told, began, repaired)
    if not turns:
        kinds = ", ".join(sorted({d.type for d in told.dialog})) or "nothing"
        raise Rejected("call.no_transcript", f"vCon {told.uuid} holds {kinds}, and no transcript")
    made = Heard(
        form="vcon",
        turns=turns,
        id=_root(told),
        started_at=began,
        repaired=repaired,
        duration=_lasted(told, began) or None,
        queue=next((d.skill or d.campaign for d in told.dialog if d.skill or d.campaign), None),
    )
    directions = [(d.direction or (d.meta.direction if d.meta else "") or "") for d in told.dialog]
    made.outbound = any(d.lower().startswith("out") for d in directions)
    _people(told, made)
    return made


def _root(told: Vcon) -> str:
    versions = (told.redacted, told.amended, told.appended)
    return next((v.uuid for v in versions if v and v.uuid), told.uuid)


def _began(told: Vcon, repaired: list[str]) -> datetime | None:
    spoken = [d for d in told.dialog if d.type not in ("transfer", "incomplete")] or told.dialog
    starts: list[Text] = [d.start for d in spoken if d.start] or [told.created_at]
    known = [at for s in starts if (at := instant(s)) is not None]
    if any(isinstance(s, str) and not re.search(r"(?:Z|[+-]\d\d:?\d\d)$", s) for s in starts if s):
        repaired.append("time.naive")
    return min(known) if known else None


def _lasted(told: Vcon, began: datetime | None) -> float:
    """Return the seconds from the first dialog's beginning to the last one's end."""
    return max((_offset(d, began) + number(d.duration) for d in told.dialog), default=0.0)


def _offset(dialog: Dialog, began: datetime | None) -> float:
    at = instant(dialog.start)
    return max(0.0, (at - began).total_seconds()) if at and began else 0.0


def _role(party: Party) -> Role | None:
    told = party.role or (party.meta.role if party.meta else None)
    if party.type == "bot":
        return "unknown"
    found = role(told)
    if found is None and told:
        named = plain_text.role_of(told)
        found = named if named in ("agent", "customer") else None  # type: ignore[assignment]  # the two of them
    return found


def _name(party: Party) -> str:
    return "" if (party.name or "").lower() == "anonymous" else party.name or ""


def _phone(party: Party) -> str:
    told = str(party.tel or "").removeprefix("tel:")
    return told or (party.sip or "").removeprefix("sip:").partition("@")[0]


def _people(told: Vcon, made: Heard) -> None:
    """Fill in who is who, as far as roles or the order of a recording's parties tell."""
    for party in told.parties:
        side = _role(party)
        if side == "customer":
            made.customer = made.customer or _name(party)
            made.customer_number = made.customer_number or _phone(party)
            made.customer_mail = made.customer_mail or party.email or party.mailto or ""
        elif side == "agent":
            made.agent = made.agent or party.name or None
            made.agent_number = made.agent_number or _phone(party)
    if not made.customer_number and not any(_role(p) for p in told.parties) and told.parties:
        # Without roles the first party is who called, unless the dialog names another.
        first = _caller(told, outbound=made.outbound)
        made.inferred = True
        made.customer_number = _phone(first)
        made.customer = _name(first)
        made.customer_mail = first.mailto or first.email or ""
    made.customer_mail = made.customer_mail.removeprefix("mailto:")


def _caller(told: Vcon, *, outbound: bool) -> Party:
    """Return who is the customer where nobody says so: who called, or who was called by us."""
    for dialog in told.dialog:
        if dialog.type in ("text", "transfer", "incomplete"):
            continue  # of a text the originator is who wrote that one
        order = _order(dialog)
        index = _index(dialog.originator)
        if index is None:
            index = order[0] if order else None
        if index is None or not 0 <= index < len(told.parties):
            continue
        if not outbound:
            return told.parties[index]
        others = [i for i in order or range(len(told.parties)) if i != index]
        return told.parties[others[0]] if len(others) == 1 else Party()
    calls = any(d.type != "text" for d in told.dialog)
    return told.parties[0] if calls and not outbound else Party()


def _order(dialog: Dialog) -> list[int]:
    """Return the parties of a dialog in their order, of tracks too."""
    found: list[int] = []

    def walk(of: object) -> None:
        if isinstance(of, list):
            for one in of:
                walk(one)
        elif isinstance(of, int) and not isinstance(of, bool) and of not in found:
            found.append(of)

    if bytes(dialog.parties):
        walk(msgspec.json.decode(dialog.parties))
    return found


def _index(told: object) -> int | None:
    try:
        return int(str(told))
    except ValueError:
        return None


def _turns(told: Vcon, began: datetime | None, repaired: list[str]) -> list[Said]:
    """Return the turns of one transcript a dialog, and of text dialogs."""
    best: dict[int | None, Analysis] = {}
    for one in told.analysis:
        kind = one.type.lower()
        if kind not in _TRANSCRIPTS:
            continue
        place = _first(msgspec.json.decode(one.dialog)) if bytes(one.dialog) else 0
        held = best.get(place)
        if held is None or _TRANSCRIPTS.index(kind) < _TRANSCRIPTS.index(held.type.lower()):
            best[place] = one
    turns: list[Said] = []
    for place, one in best.items():
        said = _body(one, told, began, repaired)
        known = place is not None and 0 <= place < len(told.dialog)
        offset = _offset(told.dialog[place], began) if known and place is not None else 0.0
        for turn in said:
            turn.start, turn.end = turn.start + offset, turn.end + offset
        turns += said
    if turns:
        return turns
    for dialog in told.dialog:
        if dialog.type != "text" or not bytes(dialog.body):
            continue
        words = _content(dialog.body, dialog.encoding)
        at, party = instant(dialog.start), _party(told, dialog)
        start = (at - began).total_seconds() if at and began else 0.0
        text = words if isinstance(words, str) else bytes(dialog.body).decode("utf-8", "replace")
        turns.append(_said(party, text, start, start + number(dialog.duration)))
    return [t for t in turns if t.text.strip()]


def _party(told: Vcon, dialog: Dialog) -> Party:
    """Return who speaks in a text dialog: its originator, or the first of its parties."""
    index = _index(dialog.originator)
    if index is None and bytes(dialog.parties):
        index = _first(msgspec.json.decode(dialog.parties))
    known = index is not None and 0 <= index < len(told.parties)
    return told.parties[index] if known and index is not None else Party()


def _first(of: object) -> int | None:
    while isinstance(of, list):
        of = next((x for x in of if x is not None), None)
    return of if isinstance(of, int) and not isinstance(of, bool) else None


def _said(party: Party, text: str, start: float, end: float) -> Said:
    return Said(
        speaker=party.name or _phone(party),
        text=text.strip(),
        start=max(0.0, start),
        end=max(0.0, end),
        role=_role(party),
        number=_phone(party),
    )


def _content(body: msgspec.Raw, encoding: str | None) -> object:
    """Return a body; what is said of its encoding need not be true: JSON is tried first."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    if not isinstance(told, str):
        return told
    text = told
    if encoding == "base64url":
        try:
            text = unpacked(_base64(told)).decode("utf-8", "replace")
        except Rejected:
            text = told
    try:
        inner = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return text
    return inner if isinstance(inner, dict | list) else text


def _base64(told: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(told.encode("ascii", "ignore") + b"==")
    except (binascii.Error, ValueError) as error:
        raise Rejected("call.undecodable", f"base64url: {error}") from error


class _Line(Record, frozen=True, kw_only=True):
    """A turn in a list: of who, when and what there are several spellings."""

    speaker: Text = None
    message: str | None = None
    text: str | None = None
    transcript: str | None = None
    content: str | None = None
    parties: Any = None
    start: Text = None
    end: Text = None
    start_time: Text = None
    duration: Text = None
    confidence: Text = None


class _Shape(Record, frozen=True, kw_only=True):
    """Which keys a body has, as far as they tell forms apart."""

    results: msgspec.Raw = msgspec.Raw()
    words: msgspec.Raw = msgspec.Raw()
    segments: msgspec.Raw = msgspec.Raw()
    utterances: msgspec.Raw = msgspec.Raw()
    text: Any = None
    transcript: Any = None


def _body(one: Analysis, told: Vcon, began: datetime | None, repaired: list[str]) -> list[Said]:
    """Return the turns in an analysis' body, whichever of the forms it has."""
    content = _content(one.body, one.encoding)
    if isinstance(content, str):
        return _marked(plain_text.text(content).turns, told)
    again = msgspec.json.encode(content)
    if isinstance(content, list):
        return _lines(read(tuple[_Line, ...], again), told, began, repaired)
    shape = read(_Shape, again)
    readers: tuple[tuple[bool, Callable[[bytes], Heard]], ...] = (
        (bytes(shape.results)[:1] == b"{", deepgram.deepgram),
        (
            bytes(shape.words)[:1] == b"[" and isinstance(shape.transcript, str),
            deepgram.deepgram_best,
        ),
        (bytes(shape.segments)[:1] == b"[", whisper.whisper),
    )
    for fits, reader in readers:
        if fits:
            found = reader(again)
            repaired += found.repaired
            return _marked(found.turns, told)
    for lines in (shape.utterances, shape.transcript):
        listed = msgspec.json.encode(lines)
        if listed[:1] == b"[":
            return _lines(read(tuple[_Line, ...], listed), told, began, repaired)
    text = next((t for t in (shape.transcript, shape.text) if isinstance(t, str)), "")
    if isinstance(shape.transcript, dict):
        text = str(shape.transcript.get("text") or "")
    return _marked(plain_text.text(text).turns, told)


def _lines(
    lines: tuple[_Line, ...], told: Vcon, began: datetime | None, repaired: list[str]
) -> list[Said]:
    made: list[Said] = []
    for line in lines:
        text = next((t for t in (line.message, line.text, line.transcript, line.content) if t), "")
        if not text.strip():
            continue
        index = _first(line.parties)
        if index is not None and 0 <= index < len(told.parties):
            one = _said(told.parties[index], text, 0, 0)
        else:
            one = Said(
                speaker=str(line.speaker if line.speaker is not None else ""), text=text.strip()
            )
        one.start = _when(line.start if line.start is not None else line.start_time, began)
        one.end = _when(line.end, began) or one.start + number(line.duration)
        one.confidence = number(line.confidence) or None
        made.append(one)
    if made and not any(t.start or t.end for t in made):
        repaired.append("times.missing")
    return _marked(made, told)


def _when(told: Text, began: datetime | None) -> float:
    """Return seconds from the beginning, of seconds or of an instant."""
    if isinstance(told, str) and not told.replace(".", "", 1).isdigit():
        at = instant(told)
        return max(0.0, (at - began).total_seconds()) if at and began else 0.0
    return number(told)


def _marked(turns: list[Said], told: Vcon) -> list[Said]:
    """Return turns with the roles of the parties whose name, number or place a speaker is."""
    for turn in turns:
        if turn.role is not None:
            continue
        label = turn.speaker.strip().lower()
        for place, party in enumerate(told.parties):
            names = {
                (party.name or "").lower(),
                _phone(party).lower(),
                f"party {place}",
                str(place) if _role(party) else "",
            } - {""}
            if label and label in names:
                turn.role, turn.number = _role(party), _phone(party)
    return turns
