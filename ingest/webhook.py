"""The Hook protocol: how a vendor's webhook looks to the door.

A hook proves that a call is the vendor's, answers its handshakes, and takes the deliveries out of
it; the parser of its channel makes Messages of those. It keeps nothing, publishes nothing and
never sleeps; what it needs from outside (a certificate) it gets by `tools.fetch`.

    Rejected(signature.*)   401: nothing is kept, nothing published
    Rejected(other)         4xx with the reason; the vendor's try is over
    Retry(after)            503: ours to mend, the vendor keeps it and comes again
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

from schemas.errors import Rejected


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP request as it came; header names in lower case, the body untouched.

    `target` is path and query as they stood in the request line.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the vendor is told once its deliveries are safe."""

    status: int = 200
    body: bytes = b"ok"
    content_type: str = "text/plain; charset=utf-8"


def _nothing() -> None:
    """Do nothing: nothing is to be remembered."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a call held: deliveries for the channel's parser, and why other things are none.

    `kept` is called when all of it is safe; `hint` tells the parser what its bytes alone don't.
    """

    deliveries: tuple[bytes, ...] = ()
    ignored: tuple[str, ...] = ()
    answer: Answer = Answer()
    hint: str | None = None
    kept: Callable[[], object] = _nothing


class Memory(Protocol):
    """Words that all doors share for some hours, one for each key; the first one stays."""

    async def recall(self, key: str) -> str | None:
        """Return the word under a key, None where there is none."""
        ...

    async def remember(self, key: str, word: str) -> str:
        """Keep a word unless its key has one; return the word that the key has now."""
        ...


class NoMemory:
    """Remembers nothing: for a trial."""

    async def recall(self, _key: str) -> str | None:
        """Return None."""
        return None

    async def remember(self, _key: str, word: str) -> str:
        """Return the word."""
        return word


FORGETFUL: Memory = NoMemory()


@dataclass(frozen=True, kw_only=True)
class HookTools:
    """The door's tools for a hook: the time, GET over https without redirects, and a memory.

    A hook calls `proven` once it knows that the call is its vendor's. Every later failure is our
    fault, and the call is kept.
    """

    now: datetime
    fetch: Callable[[str], Awaitable[bytes]]
    proven: Callable[[], None] = _nothing
    memory: Memory = FORGETFUL


MIB = 1024 * 1024


class Hook(Protocol):
    """What every webhook has; `channel` names the parser of its deliveries.

    `max_body` is the largest body that the vendor sends, in bytes. A vendor that is not `patient`
    re-sends little or never: while Kafka is away the journal keeps its calls, and the door answers
    that it took them.
    """

    name: str
    channel: str
    patient: bool
    max_body: int

    def proof_headers(self, settings: Any) -> tuple[str, ...]:
        """Return the proof headers; the door reads a body only when one of them is there.

        Empty where the proof is in the body. Raises Rejected(signature.unset) without a secret.
        """
        ...

    async def receive(self, call: Call, settings: Any, tools: HookTools) -> Taken:
        """Return what a call held, once it is proven; raise Rejected or Retry."""
        ...

    def setup(self, settings: Any, url: str) -> str | None:
        """Return what to set up at the vendor for this account, None when it is not used."""
        ...

    def secret(self, settings: Any, value: str) -> Any:
        """Return an account's settings with the hook's secret set: for `santral parse --secret`."""
        ...


@runtime_checkable
class Taking(Protocol):
    """A hook whose calls can be taken apart without their proof: for captured bodies."""

    def take(self, body: bytes) -> Taken:
        """Return what a body held; raise Rejected when it is none of that vendor's. Pure."""
        ...


def same_hmac(key: str, told: str, *parts: bytes) -> bool:
    """Say whether `told` is the hex HMAC-SHA256 of the parts, in constant time."""
    made = hmac.new(key.encode(), b"".join(parts), sha256).hexdigest()
    return hmac.compare_digest(made.encode(), told.strip().lower().encode("utf-8", "replace"))


def in_time(told: str, now: datetime, window: timedelta, what: str) -> None:
    """Raise Rejected(signature.stale) unless unix seconds lie within the window around now."""
    try:
        off = abs(now.timestamp() - int(told))
    except (ValueError, OverflowError):
        raise Rejected("signature.missing", f"{what} is no time: {told[:40]!r}") from None
    if off > window.total_seconds():
        raise Rejected("signature.stale", f"{what} is {off:.0f} s off")


def need(value: str, what: str, where: str) -> str:
    """Return a secret; raise Rejected(signature.unset) with where to set it when it is empty."""
    if not value:
        raise Rejected("signature.unset", f"set `{what}` in {where}")
    return value
