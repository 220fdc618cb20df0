"""The Webhook protocol: how the door sees the calls of one vendor.

A webhook proves that a call is its vendor's, answers the vendor's handshakes, and splits the call
into deliveries for the parser of its channel. It stores nothing, publishes nothing and never
sleeps. It gets what it needs from outside, such as a certificate, by `context.fetch`.

    Rejected(signature.*)   the door answers 401, and stores and publishes nothing
    Rejected(other)         the door answers 4xx with the reason, and the vendor gives up
    Retry(after)            the door answers 503 for our fault, and the vendor repeats the call
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from ingest.channel import Account
from schemas.errors import Rejected

Settings = TypeVar("Settings", bound=msgspec.Struct)

MIB = 1024 * 1024

_SHOWN_CHARS = 40  # enough of a header's value to recognise it


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """One HTTP request as it came: header names in lower case, the body untouched.

    `target` is the path and query of the request line.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookResponse:
    """The answer to the vendor, sent once its deliveries are safe."""

    status: int = 200
    body: bytes = b"ok"
    content_type: str = "text/plain; charset=utf-8"


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class WebhookResult:
    """The deliveries of a call, and a reason for each of its items that is not a delivery.

    The door calls `on_safe` once all deliveries are safe. With `by_reference`, the bytes of each
    delivery are the reference to its content.
    """

    deliveries: tuple[bytes, ...] = ()
    ignored: tuple[str, ...] = ()
    response: WebhookResponse = WebhookResponse()
    by_reference: bool = False
    on_safe: Callable[[], object] = _nothing


class Memory(Protocol):
    """Words that all doors share for some hours, one for each key; the first word stays."""

    async def recall(self, key: str) -> str | None:
        """Return the word of a key, or None."""
        ...

    async def remember(self, key: str, word: str) -> str:
        """Store a word unless its key has one; return the word that the key has now."""
        ...


class NoMemory:
    """A memory that remembers nothing, for a trial."""

    async def recall(self, _key: str) -> str | None:
        """Return None."""
        return None

    async def remember(self, _key: str, word: str) -> str:
        """Return the word."""
        return word


NO_MEMORY: Memory = NoMemory()


@dataclass(frozen=True, kw_only=True)
class WebhookContext:
    """The door's tools for a webhook: the time, GET over https without redirects, and a memory.

    A webhook calls `report_proven` once it knows that the call is its vendor's. Every later failure
    is our fault, and the door keeps the call.
    """

    now: datetime
    fetch: Callable[[str], Awaitable[bytes]]
    report_proven: Callable[[], None] = _nothing
    memory: Memory = NO_MEMORY


class Webhook(Protocol[Account]):
    """The calls of one vendor; `channel` names the channel that parses their deliveries.

    `max_body` is the largest body that the vendor sends, in bytes. A vendor that is not `patient`
    repeats a call little or never: while Kafka is away, the spool keeps its deliveries and the door
    answers that it took them.
    """

    name: str
    channel: str
    patient: bool
    max_body: int

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the headers that may carry the proof; the door reads a body only with one of them.

        Empty where the body carries the proof. Raises Rejected(signature.unset) without a secret.
        """
        ...

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the deliveries of a call, once it is proven; raise Rejected or Retry."""
        ...

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what a person sets up at the vendor for this account, or None for nothing."""
        ...

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with this secret of the webhook, for `santral parse --secret`."""
        ...


AnyWebhook: TypeAlias = Webhook[Any]
"""A webhook of a table of webhooks, each of which has settings of its own type."""


@runtime_checkable
class BodyParser(Protocol):
    """A webhook that can split a body without its proof, for captured bodies."""

    def take(self, body: bytes) -> WebhookResult:
        """Return the deliveries of a body; raise Rejected when it is not the vendor's. Pure."""
        ...


def hmac_matches(key: str, signature: str, *pieces: bytes) -> bool:
    """Return whether a signature is the hex HMAC-SHA256 of the pieces, in constant time."""
    expected = hmac.new(key.encode(), b"".join(pieces), sha256).hexdigest()
    received = signature.strip().lower().encode("utf-8", "replace")
    return hmac.compare_digest(expected.encode(), received)


def require_header(request: WebhookRequest, header: str) -> str:
    """Return a header of the proof; raise Rejected(signature.missing) without it."""
    value = request.headers.get(header.lower(), "")
    if not value:
        raise Rejected("signature.missing", f"no {header}")
    return value


def check_body_signature(
    request: WebhookRequest, header: str, secrets: Sequence[str], scheme: str = ""
) -> None:
    """Raise Rejected(signature.*) unless a header signs the body with one of the secrets.

    The signature is a hex HMAC-SHA256 after the scheme, such as `sha256=`.
    """
    signature = require_header(request, header)
    digest = signature.removeprefix(scheme)
    matches = (hmac_matches(secret, digest, request.body) for secret in secrets)
    if not (signature.startswith(scheme) and any(matches)):
        raise Rejected("signature.wrong", f"{header} is not of these bytes")


def check_timestamp(seconds: str, now: datetime, window: timedelta, header: str) -> None:
    """Raise Rejected(signature.*) unless unix seconds lie within the window around now."""
    try:
        off_s = abs(now.timestamp() - int(seconds))
    except (ValueError, OverflowError):
        text = f"{header} is no time: {seconds[:_SHOWN_CHARS]!r}"
        raise Rejected("signature.missing", text) from None
    if off_s > window.total_seconds():
        raise Rejected("signature.stale", f"{header} is {off_s:.0f} s off")


def require_secret(value: str, key: str, table: str) -> str:
    """Return a secret; raise Rejected(signature.unset) with its key and table where it is empty."""
    if not value:
        raise Rejected("signature.unset", f"set `{key}` in {table}")
    return value
