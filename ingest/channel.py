"""The Channel protocol: how a way in looks to the rest of ingest.

A channel turns a Delivery into Parsed (`parse`: pure, never blocks). A push channel is called by
the door; a pull channel has `pull`, which hands Deliveries over and is told of each one's fate by
`ack` or `nack`. Plug-ins never retry, sleep or publish: what they raise tells ingest what to do.

    Rejected(code)   can never be accepted: a dead letter (pull) or a 4xx (push)
    Retry(after)     not now: the delivery comes again
    anything else    a bug: the channel is stopped and started anew, loudly
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from schemas.cursor import Cursor
from schemas.message import Message


async def _nothing() -> None:
    """Do nothing: the source needs no answer."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One thing a source handed over, with its own acknowledgement.

    `ack` is awaited once Kafka has it, or once it was refused for good; `nack` when it must come
    again. `position` is where the source holds it, in the words of its `inventory`.
    """

    raw: bytes
    account: str
    received_at: datetime
    position: str | None = None
    hint: str | None = None
    oversize: int | None = None
    traceparent: str | None = None
    ack: Callable[[], Awaitable[None]] = _nothing
    nack: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a channel made of a delivery: the message, and the files to archive by sha256."""

    message: Message
    files: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Context:
    """What `parse` may know besides the bytes."""

    brand: str
    settings: Any = None
    signing_key: bytes = field(default=b"", repr=False)


class Channel(Protocol):
    """What every channel has."""

    name: str
    way: Literal["push", "pull"]
    account: type[msgspec.Struct]

    def parse(self, delivery: Delivery, context: Context) -> Parsed:
        """Return the message; raise Rejected. Pure and quick: no I/O, no clock."""
        ...


class Ledgered(Protocol):
    """What a pull channel gets to remember how far it read."""

    async def load(self, source: str) -> Cursor | None:
        """Return the newest cursor of a source, or None."""
        ...

    async def save(self, cursor: Cursor) -> None:
        """Keep a cursor; returns once Kafka has it."""
        ...


Accept = Callable[[Delivery], Coroutine[Any, Any, None]]


@runtime_checkable
class PullChannel(Protocol):
    """A channel that fetches from its source."""

    name: str

    def pulls(self, settings: Any) -> bool:
        """Say whether an account has something to fetch from."""
        ...

    def source(self, account: str, settings: Any, tools: "Tools") -> "Source":
        """Return the source of one configured account."""
        ...


def _none(_name: str) -> str | None:
    return None


def _keep_nothing(_name: str, _value: str) -> None:
    """Keep nothing: for a source that has nothing to keep."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the engine lends a source: it tells the time, waits and logs on its behalf, and keeps
    small secrets over a restart (`kept` and `keep`, by name)."""

    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]
    warn: Callable[..., object]
    polled: Callable[[str], None]
    kept: Callable[[str], str | None] = _none
    keep: Callable[[str, str], None] = _keep_nothing


class Source(Protocol):
    """One account of a pull channel."""

    async def run(self, accept: Accept, cursors: Ledgered) -> None:
        """Fetch for ever, handing each delivery to `accept`; raise Retry to be called again."""
        ...

    def inventory(self) -> AsyncIterator[str]:
        """Yield the position of everything the source holds, for the ledger."""
        ...
