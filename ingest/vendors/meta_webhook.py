"""Handshake, signature and body of the webhooks of WhatsApp, Messenger and Instagram.

Meta signs the bytes as sent, with an escape for each letter outside ASCII, so a proxy must not
write the body again. The signature contains no time, hence the check has no window.
Source: developers.facebook.com, webhooks.
"""

import hmac
from abc import ABC, abstractmethod
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from ingest.channel import AccountSettings
from ingest.parsing.json_values import Text, decode_json
from ingest.webhook import (
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    check_body_signature,
    require_secret,
)
from schemas.base import Record
from schemas.errors import Rejected

T = TypeVar("T")

GRAPH = "https://graph.facebook.com/v25.0"
HOSTS = ("facebook.com", "fbsbx.com", "fbcdn.net", "whatsapp.net", "cdninstagram.com")
"""Hosts that, with their subdomains, may see an access token or serve files."""
SIGNATURE_HEADER = "X-Hub-Signature-256"
_MAX_CHALLENGE_BYTES = 1024  # far above Meta's challenges of some ten digits


class AppSettings(AccountSettings, Protocol):
    """The settings that every account of Meta's has."""

    @property
    def app_secret(self) -> str:
        """The app's secret, which signs the calls."""
        ...

    @property
    def verify_token(self) -> str:
        """The word that Meta sends at the set-up."""
        ...


App = TypeVar("App", bound=AppSettings)


class Change(Record, frozen=True, kw_only=True):
    """One change of an entry; the channel reads its value."""

    field: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


class WebhookEntry(Record, frozen=True, kw_only=True):
    """The items of one account; another app answers those in `standby`."""

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


class MetaWebhook(ABC, Generic[App]):
    """The proof of Meta's calls, which WhatsApp, Messenger and Instagram share."""

    name: str

    @abstractmethod
    def take(self, body: bytes) -> WebhookResult:
        """Return the items in a body; raise Rejected for a body of another product. Pure."""

    def app_secrets(self, settings: App) -> tuple[str, ...]:
        """Return the secrets of which any one may sign a call."""
        return (settings.app_secret,)

    def proof_headers(self, settings: App) -> tuple[str, ...]:
        """Return the header of the signature; raise Rejected without a configured secret."""
        self._require_secrets(settings)
        return (SIGNATURE_HEADER.lower(),)

    async def receive(
        self, request: WebhookRequest, settings: App, context: WebhookContext
    ) -> WebhookResult:
        """Return the items of a call, or the answer to Meta's handshake."""
        if request.method == "GET":
            token = require_secret(settings.verify_token, "verify_token", self._table)
            return _answer_handshake(request, token)
        secrets = self._require_secrets(settings)
        check_body_signature(request, SIGNATURE_HEADER, secrets, "sha256=")
        context.report_proven()
        return self.take(request.body)

    @property
    def _table(self) -> str:
        return f"[channels.{self.name}.ACCOUNT]"

    def _require_secrets(self, settings: App) -> tuple[str, ...]:
        configured = tuple(secret for secret in self.app_secrets(settings) if secret)
        require_secret("".join(configured), "app_secret", self._table)
        return configured


def _answer_handshake(request: WebhookRequest, verify_token: str) -> WebhookResult:
    """Return the challenge of Meta's set-up request; raise Rejected for another request."""
    if request.query.get("hub.mode") != "subscribe":
        raise Rejected("form.malformed", "expected hub.mode=subscribe")
    token = request.query.get("hub.verify_token", "")
    if not hmac.compare_digest(token.encode("utf-8", "replace"), verify_token.encode()):
        raise Rejected("signature.wrong", "hub.verify_token is another than `verify_token`")
    challenge = request.query.get("hub.challenge", "").encode("utf-8", "replace")
    response = WebhookResponse(body=challenge[:_MAX_CHALLENGE_BYTES])
    return WebhookResult(ignored=("handshake",), response=response)


def read_entries(body: bytes, expected: str) -> tuple[list[WebhookEntry], list[bytes]]:
    """Return the entries of a body, and the unreadable ones, each for a dead letter of its own.

    `expected` is the body's `object`. Raises Rejected for the body of another product.
    """
    call = decode_json(WebhookBody, body)
    if call.object != expected:
        raise Rejected("json.invalid", f"object is {call.object!r}, not {expected}")
    return _decode_each(WebhookEntry, call.entry)


def read_changes(entry: WebhookEntry) -> tuple[list[Change], list[bytes]]:
    """Return the changes of an entry, and the unreadable ones.

    An entry with a single change may have it in its own fields.
    """
    changes, faulty = _decode_each(Change, entry.changes)
    if entry.field:
        changes.append(Change(field=entry.field, value=entry.value))
    return changes, faulty


def _decode_each(kind: type[T], items: tuple[msgspec.Raw, ...]) -> tuple[list[T], list[bytes]]:
    decoded, faulty = [], []
    for item in items:
        try:
            decoded.append(decode_json(kind, item))
        except Rejected:
            faulty.append(bytes(item))
    return decoded, faulty
