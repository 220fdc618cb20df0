"""The objects of a vCon as its JSON has them. Pure data."""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class Meta(Record, frozen=True, kw_only=True):
    """Further notes of the older server form."""

    role: str | None = None
    direction: str | None = None


class VconParty(Record, frozen=True, kw_only=True):
    """A participant of the call; every field may be absent."""

    tel: Text = None
    sip: str | None = None
    mailto: str | None = None
    email: str | None = None
    name: str | None = None
    role: str | None = None
    type: str | None = None
    meta: Meta | None = None


class Dialog(Record, frozen=True, kw_only=True):
    """A recording, a text or a transfer of the conversation."""

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
    """A transcript or another result of a vendor for a dialog."""

    type: str = ""
    dialog: msgspec.Raw = msgspec.Raw()
    vendor: str | None = None
    body: msgspec.Raw = msgspec.Raw()
    encoding: str | None = None


class Version(Record, frozen=True, kw_only=True):
    """The earlier vCon from which this one was derived."""

    uuid: str = ""


class Vcon(Record, frozen=True, kw_only=True):
    """The vCon.

    Empty objects as `redacted`, `amended` and `appended` mean that there is no earlier version.
    """

    uuid: str = ""
    created_at: Text = None
    parties: tuple[VconParty, ...] = ()
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

    unprotected: dict[str, object] | None = None


class TranscriptLine(Record, frozen=True, kw_only=True):
    """An utterance in a list. Vendors spell its speaker, time and text in several ways."""

    speaker: Text = None
    message: str | None = None
    text: str | None = None
    transcript: str | None = None
    content: str | None = None
    parties: object = None
    start: Text = None
    end: Text = None
    start_time: Text = None
    duration: Text = None
    confidence: Text = None


class TranscriptBody(Record, frozen=True, kw_only=True):
    """The keys of an analysis' body that tell the vendors' formats apart."""

    results: msgspec.Raw = msgspec.Raw()
    words: msgspec.Raw = msgspec.Raw()
    segments: msgspec.Raw = msgspec.Raw()
    utterances: msgspec.Raw = msgspec.Raw()
    text: object = None
    transcript: object = None
