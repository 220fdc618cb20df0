"""Fetches the transcripts of recognisers whose callbacks only name them.

A callback to /v1/hooks/calls becomes a notice, and the phone channel parses the fetched transcript.
Source: assemblyai.com/docs (webhooks, GET /v2/transcript/{id});
twilio.com/docs/voice/intelligence (Transcripts, Sentences).
"""

import base64
import re
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, quote

import msgspec

from ingest.channel import MediaClient
from schemas.base import Record
from schemas.delays import BUSY_S
from schemas.errors import Rejected, Retry

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_-]{2,100}")
_MAX_CALLBACK_BYTES = 64 * 1024  # a longer body is a transcript
_MAX_PAGES = 200  # each has 1,000 sentences
_UNFINISHED = frozenset({"queued", "in-progress", "in_progress", "new", "processing"})
_FAILED = ("failed", "canceled", "error")
_UNFINISHED_RETRY_S = 20.0


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
    """The keys that fetch a transcript from its recogniser."""

    assemblyai: AssemblyAI = AssemblyAI()
    twilio: TwilioVoice = TwilioVoice()


class _Callback(Record, frozen=True, kw_only=True):
    """A call of AssemblyAI or Twilio, or a transcript, which has a text or sentences."""

    transcript_id: str = ""
    transcript_sid: str = ""
    text: str | None = None
    sentences: msgspec.Raw | None = None


class _PageLinks(Record, frozen=True, kw_only=True):
    next_page_url: str | None = None


class _SentencePage(Record, frozen=True, kw_only=True):
    sentences: tuple[msgspec.Raw, ...] = ()
    meta: _PageLinks = _PageLinks()


class _TranscriptStatus(Record, frozen=True, kw_only=True):
    status: str = ""


def find_reference(raw: bytes, keys: TranscriptionKeys) -> str:
    """Return `vendor:id` of the transcript that a callback names. Pure.

    Empty for any other body, and for a vendor whose key the account lacks.
    """
    if len(raw) > _MAX_CALLBACK_BYTES:
        return ""
    try:
        body = raw.strip()
        callback = (
            msgspec.json.decode(body, type=_Callback)
            if body[:1] == b"{"
            else msgspec.convert(dict(parse_qsl(body.decode("ascii"))), _Callback)
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return ""
    if callback.text is not None or callback.sentences is not None:
        return ""
    if keys.assemblyai.key and _ID.fullmatch(callback.transcript_id):
        return f"assemblyai:{callback.transcript_id}"
    if keys.twilio.auth_token and _ID.fullmatch(callback.transcript_sid):
        return f"twilio:{callback.transcript_sid}"
    return ""


async def fetch_transcript(reference: str, keys: TranscriptionKeys, web: MediaClient) -> bytes:
    """Return a transcript as its recogniser's format has it.

    Raises Retry while the recogniser works on it, and Rejected when it failed.
    """
    vendor, _, transcript_id = reference.partition(":")
    if vendor == "assemblyai":
        return await _fetch_from_assemblyai(transcript_id, keys.assemblyai, web)
    return await _fetch_from_twilio(transcript_id, keys.twilio, web)


async def _fetch_from_assemblyai(
    transcript_id: str, settings: AssemblyAI, web: MediaClient
) -> bytes:
    api = settings.api.rstrip("/")
    url = f"{api}/v2/transcript/{quote(transcript_id)}"
    raw = await web.get(url, own=api, secret={"authorization": settings.key})
    _final_status(raw)
    return raw


async def _fetch_from_twilio(sid: str, settings: TwilioVoice, web: MediaClient) -> bytes:
    """Return a transcript with the sentences of all its pages, as one JSON object."""
    api = settings.api.rstrip("/")
    pair = f"{settings.account_sid}:{settings.auth_token}".encode()
    secret = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    raw = await web.get(f"{api}/v2/Transcripts/{quote(sid)}", own=api, secret=secret)
    status = _final_status(raw)
    if status in _FAILED:
        raise Rejected("call.failed", f"Twilio could not transcribe it: {status}")
    sentences: list[msgspec.Raw] = []
    url = f"{api}/v2/Transcripts/{quote(sid)}/Sentences?PageSize=1000"
    for _ in range(_MAX_PAGES):
        page = _decode_answer(_SentencePage, await web.get(url, own=api, secret=secret))
        sentences += page.sentences
        url = page.meta.next_page_url or ""
        if not url:
            break
        if not url.startswith(api + "/"):
            raise Rejected("media.refused", "the next page is not at Twilio")
    else:
        raise Rejected("media.too_large", f"more than {_MAX_PAGES} pages of sentences")
    fields = _decode_answer(dict[str, msgspec.Raw], raw)
    return msgspec.json.encode({**fields, "sentences": sentences})


def _final_status(raw: bytes) -> str:
    """Return the status of a transcript; raise Retry while the recogniser works on it."""
    status = _decode_answer(_TranscriptStatus, raw).status.lower()
    if status in _UNFINISHED:
        raise Retry(_UNFINISHED_RETRY_S, f"the transcript is {status}")
    return status


def _decode_answer(kind: type[T], raw: bytes) -> T:
    """Return a recogniser's answer; raise Retry, because the next answer may be well-formed."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Retry(BUSY_S, f"the recogniser's answer can't be read: {error}") from error
