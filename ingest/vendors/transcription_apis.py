"""Transcripts that a recogniser keeps: its callback only names them, and they are asked for.

Before: the calls hook proved a callback. After: the phone channel reads what was fetched like any
other transcript. Source: assemblyai.com/docs (webhooks, GET /v2/transcript/{id});
twilio.com/docs/voice/intelligence (Transcripts, Sentences).
"""

import base64
import re
from collections.abc import Mapping
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec

from ingest.channel import MediaClient
from schemas.base import Record
from schemas.delays import BUSY_S
from schemas.errors import Rejected, Retry

T = TypeVar("T")
_ID = re.compile(r"[A-Za-z0-9_-]{2,100}")
_PAGES = 200
_WAITING = frozenset({"queued", "in-progress", "in_progress", "new", "processing"})
_PAUSE_S = 20.0


class AssemblyAI(Record, frozen=True, kw_only=True):
    """AssemblyAI, whose callbacks only name a transcript."""

    key: Annotated[
        str, msgspec.Meta(description="The API key, which fetches finished transcripts.")
    ] = ""
    api: Annotated[
        str,
        msgspec.Meta(
            description="The address of AssemblyAI's API; the European service has another."
        ),
    ] = "https://api.assemblyai.com"


class TwilioVoice(Record, frozen=True, kw_only=True):
    """Twilio Voice Intelligence, whose callbacks only name a transcript."""

    account_sid: Annotated[str, msgspec.Meta(description="The account's SID.")] = ""
    auth_token: Annotated[str, msgspec.Meta(description="The auth token.")] = ""
    url: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The webhook's address as Twilio's console has it; empty is the address of "
                "the call."
            )
        ),
    ] = ""
    api: Annotated[str, msgspec.Meta(description="The address of Twilio's Intelligence API.")] = (
        "https://intelligence.twilio.com"
    )


class TranscriptionKeys(Record, frozen=True, kw_only=True):
    """What a recogniser is asked with."""

    assemblyai: AssemblyAI = AssemblyAI()
    twilio: TwilioVoice = TwilioVoice()


class _Told(Record, frozen=True, kw_only=True):
    transcript_id: str = ""
    transcript_sid: str = ""
    text: str | None = None
    sentences: msgspec.Raw | None = None


class _Meta(Record, frozen=True, kw_only=True):
    next_page_url: str | None = None


class _Page(Record, frozen=True, kw_only=True):
    sentences: tuple[msgspec.Raw, ...] = ()
    meta: _Meta = _Meta()


class _State(Record, frozen=True, kw_only=True):
    status: str = ""


def named(raw: bytes, keys: TranscriptionKeys) -> str:
    """Return "vendor:id" of the transcript that a callback names, where the account has the key to
    ask with; empty otherwise. Pure."""
    if len(raw) > 64 * 1024:
        return ""
    try:
        body = raw.strip()
        told = (
            msgspec.json.decode(body, type=_Told)
            if body[:1] == b"{"
            else msgspec.convert(dict(parse_qsl(body.decode("ascii"))), _Told)
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return ""
    if told.text is not None or told.sentences is not None:
        return ""
    if keys.assemblyai.key and _ID.fullmatch(told.transcript_id):
        return f"assemblyai:{told.transcript_id}"
    if keys.twilio.auth_token and _ID.fullmatch(told.transcript_sid):
        return f"twilio:{told.transcript_sid}"
    return ""


async def asked(ref: str, keys: TranscriptionKeys, web: MediaClient) -> bytes:
    """Return a transcript; raise Retry while it is being made, Rejected when there is none."""
    vendor, _, name = ref.partition(":")
    if vendor == "assemblyai":
        api = keys.assemblyai.api.rstrip("/")
        secret = {"authorization": keys.assemblyai.key}
        raw = await web.get(f"{api}/v2/transcript/{quote(name)}", own=api, secret=secret)
        _ready(raw)
        return raw
    return await _twilio(name, keys.twilio, web)


async def _twilio(name: str, told: TwilioVoice, web: MediaClient) -> bytes:
    """Return a transcript with its sentences in one, as the reader of Twilio's form takes it."""
    api = told.api.rstrip("/")
    pair = f"{told.account_sid}:{told.auth_token}".encode()
    secret = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    raw = await web.get(f"{api}/v2/Transcripts/{quote(name)}", own=api, secret=secret)
    status = _ready(raw)
    if status in ("failed", "canceled", "error"):
        raise Rejected("call.failed", f"Twilio could not transcribe it: {status}")
    sentences: list[msgspec.Raw] = []
    url = f"{api}/v2/Transcripts/{quote(name)}/Sentences?PageSize=1000"
    for _ in range(_PAGES):
        page = _read(_Page, await web.get(url, own=api, secret=secret))
        sentences += page.sentences
        url = page.meta.next_page_url or ""
        if not url:
            break
        if not url.startswith(api + "/"):
            raise Rejected("media.refused", "the next page lies with somebody else")
    else:
        raise Rejected("media.too_large", f"more than {_PAGES} pages of sentences")
    whole: Mapping[str, object] = {**_read(dict[str, msgspec.Raw], raw), "sentences": sentences}
    return msgspec.json.encode(whole)


def _ready(raw: bytes) -> str:
    """Return the status of a transcript; raise Retry while there is none yet."""
    status = _read(_State, raw).status.lower()
    if status in _WAITING:
        raise Retry(_PAUSE_S, f"the transcript is {status}")
    return status


def _read(kind: type[T], raw: bytes) -> T:
    """Return what was answered; an answer that can't be read may be better the next time."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Retry(BUSY_S, f"the recogniser's answer can't be read: {error}") from error
