"""What WhatsApp, Messenger and Instagram webhooks have in common: handshake, signature, envelope.

Before: the door has a call. After: the channel takes its items out. Meta signs the bytes as sent,
with every non-ASCII letter escaped: what a proxy re-serialised can't be verified any more. There
is no time in the signature, hence no window. Source: developers.facebook.com, webhooks.
"""

import hmac
from typing import Literal, TypeVar

import msgspec

from ingest.parsing.json_values import Text, decode_json
from ingest.webhook import (
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    hmac_matches,
    require_secret,
)
from schemas.base import Record
from schemas.errors import Rejected

T = TypeVar("T")

GRAPH = "https://graph.facebook.com/v25.0"
HOSTS = ("facebook.com", "fbsbx.com", "fbcdn.net", "whatsapp.net", "cdninstagram.com")
"""Hosts, and what lies below them, that may see an access token or serve files."""


class Change(Record, frozen=True, kw_only=True):
    """One change of an entry; its value is read by the channel."""

    field: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class WebhookEntry(Record, frozen=True, kw_only=True):
    """What happened to one account. `standby` is what another app answers."""

    id: Text = ""
    time: Text = None
    changes: tuple[msgspec.Raw, ...] = ()
    messaging: tuple[msgspec.Raw, ...] = ()
    standby: tuple[msgspec.Raw, ...] = ()
    field: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class WebhookBody(Record, frozen=True, kw_only=True):
    """The body of a call."""

    object: Literal["whatsapp_business_account", "page", "instagram"]
    entry: tuple[msgspec.Raw, ...] = ()


def handshake(request: WebhookRequest, verify_token: str, where: str) -> WebhookResult:
    """Return the answer to Meta's set-up request; raise Rejected when it is not for us."""
    told = request.query.get("hub.verify_token", "")
    token = require_secret(verify_token, "verify_token", where)
    if request.query.get("hub.mode") != "subscribe":
        raise Rejected("form.malformed", "hub.mode=subscribe is due")
    if not hmac.compare_digest(told.encode("utf-8", "replace"), token.encode()):
        raise Rejected("signature.wrong", "hub.verify_token is another than `verify_token`")
    challenge = request.query.get("hub.challenge", "").encode("utf-8", "replace")
    return WebhookResult(ignored=("handshake",), response=WebhookResponse(body=challenge[:1024]))


def prove(request: WebhookRequest, secrets: tuple[str, ...], where: str) -> None:
    """Raise Rejected(signature.*) unless the body is signed with one of the app's secrets."""
    told = request.headers.get("x-hub-signature-256", "")
    given = [s for s in secrets if s]
    require_secret("".join(given), "app_secret", where)
    if not told:
        raise Rejected("signature.missing", "no X-Hub-Signature-256")
    scheme, _, value = told.partition("=")
    if scheme != "sha256" or not any(hmac_matches(s, value, request.body) for s in given):
        raise Rejected("signature.wrong", "X-Hub-Signature-256 is not of these bytes")


def entries(body: bytes, expected: tuple[str, ...]) -> tuple[list[WebhookEntry], list[bytes]]:
    """Return the entries of a body, and what is none and goes to a dead letter by itself.

    Raises Rejected when the body is another product's.
    """
    told = decode_json(WebhookBody, body)
    if told.object not in expected:
        raise Rejected("json.invalid", f"object is {told.object!r}, not {' or '.join(expected)}")
    return _each(WebhookEntry, told.entry)


def changes(entry: WebhookEntry) -> tuple[list[Change], list[bytes]]:
    """Return the changes of an entry, and what is none. Some come without their list."""
    made, bad = _each(Change, entry.changes)
    if entry.field:
        made.append(Change(field=entry.field, value=entry.value))
    return made, bad


def _each(kind: type[T], items: tuple[msgspec.Raw, ...]) -> tuple[list[T], list[bytes]]:
    made, bad = [], []
    for item in items:
        try:
            made.append(decode_json(kind, item))
        except Rejected:
            bad.append(bytes(item))
    return made, bad
