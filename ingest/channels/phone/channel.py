"""Telephone calls: a transcript of any known form, posted, or dropped into a folder or a bucket.

Before: a recogniser's file or webhook. After: accept publishes. The customer's turns are the text
that is decided on; without roles it is everybody's. Source: ingest/parsing/calls names the vendors.
"""

import asyncio
import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from urllib.parse import unquote

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Notice, Parsed, build_message
from ingest.parsing.calls.detection import parse_transcript
from ingest.parsing.calls.formats.plain_text import NUMBERED, role_of
from ingest.parsing.calls.roles import CallHints, assign_roles
from ingest.parsing.calls.transcript import Role, Transcript, Utterance
from ingest.parsing.phone_numbers import e164
from ingest.source import Accept, CursorStore, Source, SourceContext
from ingest.sources.s3 import BucketSource, WatchedBucket
from ingest.vendors.transcription_apis import TranscriptionKeys, asked, named
from schemas.account_fields import Brand
from schemas.delays import OUTAGE_S
from schemas.errors import Rejected, Retry
from schemas.message import Answering, Call, Handle, Party, Turn
from schemas.text.fold import fold

_CONTACT = re.compile(r"^([0-9a-zA-Z-]{3,80})_analysis(?:_redacted)?_", re.IGNORECASE)

_HALF = (".part", ".tmp", ".filepart", ".crdownload")
_LARGEST = 64 * 1024 * 1024


class Account(TranscriptionKeys, frozen=True, kw_only=True):
    """One source of transcripts: a watched folder or bucket, posted files, or callbacks."""

    brand: Brand = ""
    folder: Annotated[str, msgspec.Meta(description="The watched folder.")] = ""
    bucket: WatchedBucket = WatchedBucket()
    secret: Annotated[
        str, msgspec.Meta(description="The word that proves calls to `/v1/hooks/calls/ACCOUNT`.")
    ] = ""
    secret_header: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The header with that word; empty looks into dg-token, Authorization and "
                "X-Webhook-Secret."
            )
        ),
    ] = ""
    country: Annotated[
        str, msgspec.Meta(description="The country that completes numbers without one.")
    ] = "TR"
    channels: Annotated[
        dict[str, Literal["customer", "agent", "unknown"]],
        msgspec.Meta(
            description='The speaker of each track: `{ "0" = "customer", "1" = "agent" }`.'
        ),
    ] = msgspec.field(default_factory=dict)
    poll_s: Annotated[
        float, msgspec.Meta(description="The seconds between two looks into the folder.")
    ] = 2.0

    def __post_init__(self) -> None:
        """Raise ValueError when it is not said where its transcripts lie."""
        if self.folder and self.bucket.name:
            raise ValueError("set `folder` or `bucket`: one place an account")


class Phone:
    """The channel."""

    name = "phone"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "file_name"
    account = Account
    takes = "transcripts as vCon, WebVTT, SRT or text, or in the form of a recogniser"
    ignores = "partial results, notices of services without keys, recordings without a transcript"

    def pulls(self, settings: Account) -> bool:
        """Say whether a folder or a bucket is watched."""
        return bool(settings.folder or settings.bucket.name)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the watch of one folder or bucket."""
        if settings.bucket.name:
            return BucketSource("phone", account, settings.bucket, context)
        return Folder(account, settings, context)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the call in a transcript."""
        told: Account = context.settings or Account()
        ref = named(delivery.raw, told)
        if ref:
            return _notice(ref, delivery, context)
        found = parse_transcript(delivery.raw)
        if not any(t.text for t in found.turns):
            raise Rejected("call.empty", f"a transcript ({found.form}) without a word")
        found.turns = sorted((t for t in found.turns if t.text), key=lambda t: (t.start, t.channel))
        channels: dict[str, Role] = dict(told.channels)
        how, sure = assign_roles(found, CallHints(channels=channels))
        identifier = found.id or _named(delivery.hint) or hashlib.sha256(delivery.raw).hexdigest()
        text = "\n".join(t.text for t in found.turns if t.role == "customer")
        whole = "\n".join(f"{t.speaker}: {t.text}" if t.speaker else t.text for t in found.turns)
        if not found.customer_number:
            numbers = (t.number for t in found.turns if t.role == "customer" and t.number)
            found.customer_number = next(numbers, "")
        customer = next((t.speaker for t in found.turns if t.role == "customer"), "")
        return Parsed(
            message=build_message(
                "phone",
                delivery,
                context,
                native_id=identifier,
                root=identifier,
                kind="call",
                sender=_sender(found, customer, told.country),
                recipients=_agent(found, told.country),
                text=text or "\n".join(t.text for t in found.turns),
                full_text=whole,
                sent_at=found.started_at,
                call=_call(found, how, sure),
                flags=tuple(found.flags),
                repaired=tuple(dict.fromkeys((*found.repaired, *_said_of(how)))),
                answering=Answering(forbidden="a transcript takes no answer: call back, or write"),
            )
        )

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return the transcript that a callback named."""
        return await asked(ref, settings, web)


def _notice(ref: str, delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return what stands for a call until its transcript is fetched."""
    made = build_message(
        "phone", delivery, context, native_id=ref, root=ref, kind="call", sender=Party(), text=""
    )
    return Parsed(message=made, notice=Notice(ref=ref, bare=True))


class Folder:
    """A watched folder: a file is taken when it stopped growing, and moved to `taken/` below it
    once it is safe. What begins with a dot, or ends in .part or .tmp, is still being written."""

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._context = account, context
        self._folder, self._poll_s = Path(settings.folder), settings.poll_s
        self._seen: dict[str, tuple[int, int]] = {}

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Look again and again; raise Retry when the folder can't be read."""
        while True:
            for path in await asyncio.to_thread(self._ready):
                await self._take(path, accept)
            self._context.report_pass(f"phone:{self._account}")
            await self._context.pause(self._poll_s)

    def _ready(self) -> list[Path]:
        """Return the files that are as they were at the last look."""
        now: dict[str, tuple[int, int]] = {}
        try:
            for path in sorted(self._folder.iterdir()):
                if path.name.startswith(".") or path.suffix in _HALF or not path.is_file():
                    continue
                about = path.stat()
                now[path.name] = (about.st_size, about.st_mtime_ns)
        except OSError as error:
            raise Retry(OUTAGE_S, f"{self._folder} can't be read: {error.strerror}") from error
        ready = [self._folder / n for n, about in now.items() if self._seen.get(n) == about]
        self._seen = now
        return ready

    async def _take(self, path: Path, accept: Accept) -> None:
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
            if size > _LARGEST:
                self._context.warn("file.too_large", path=path.name, size=size)
                return
            raw = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise Retry(OUTAGE_S, f"{path.name} can't be read: {error.strerror}") from error

        await accept(
            Delivery(
                raw=raw,
                account=self._account,
                received_at=self._context.now(),
                hint=path.name,
            )
        )
        await asyncio.to_thread(self._move, path)

    def _move(self, path: Path) -> None:
        """Put a file away; one of the same name that was taken before is written over."""
        away = self._folder / "taken"
        try:
            away.mkdir(exist_ok=True)
            path.replace(away / path.name)
        except OSError as error:
            raise Retry(
                OUTAGE_S, f"{path.name} can't be moved to taken/: {error.strerror}"
            ) from error
        self._seen.pop(path.name, None)


def _said_of(how: str) -> tuple[str, ...]:
    return {"guess": ("roles.guessed",), "unknown": ("roles.unknown",)}.get(how, ())


def _call(found: Transcript, how: str, sure: float) -> Call:
    end = max((t.end for t in found.turns), default=0.0)
    agent = next((t.speaker for t in found.turns if t.role == "agent"), "")
    return Call(
        turns=tuple(_turn(t) for t in found.turns),
        started_at=found.started_at,
        duration=found.duration or end or None,
        queue=found.queue,
        agent=found.agent or _person(agent) or None,
        roles_by=how,
        roles_confidence=sure,
        form=found.form,
        language=found.language,
    )


def _turn(said: Utterance) -> Turn:
    sure = None if said.confidence is None else min(1.0, max(0.0, said.confidence))
    return Turn(
        speaker=said.speaker,
        role=said.role or "unknown",
        start=round(said.start, 3),
        end=round(max(said.start, said.end), 3),
        text=said.text,
        confidence=sure,
        unsure=said.unsure,
    )


def _named(hint: str | None) -> str:
    """Return the contact that the name of Amazon's file tells; other names are no ids: a tool may
    call every file of its own the same."""
    found = _CONTACT.match(PurePosixPath(unquote(hint)).name) if hint else None
    return found[1] if found else ""


def _sender(found: Transcript, speaker: str, country: str) -> Party:
    handles = []
    number = e164(found.customer_number, country)
    if number:
        handles.append(Handle(kind="phone", value=number))
    if "@" in found.customer_mail:
        handles.append(Handle(kind="email", value=found.customer_mail.lower()[:512]))
    return Party(name=found.customer or _person(speaker), handles=tuple(handles))


def _person(speaker: str) -> str:
    """Return a speaker's name, empty where it is a label or a number and nobody's name."""
    inner = re.search(r"\(([^)\d]{2,60})\)$", speaker)
    if inner and role_of(speaker):
        return inner[1].strip()
    folded = " ".join(fold(speaker).split())
    if role_of(speaker) or NUMBERED.match(folded) or not re.search(r"[^\W\d_]{2}", speaker):
        return ""
    return "" if re.match(r"(?i)(channel|speaker|spk|ch)[ _]?\w+$", speaker) else speaker


def _agent(found: Transcript, country: str) -> tuple[Party, ...]:
    number = e164(found.agent_number, country)
    return (Party(handles=(Handle(kind="phone", value=number),)),) if number else ()
