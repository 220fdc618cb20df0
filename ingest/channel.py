"""The Channel protocol: how a way in looks to the rest of ingest.

A channel turns a Delivery into Parsed (`parse`: pure, never blocks). A push channel is called by
the door; a pull channel has `pull`, which hands Deliveries over and learns of each one's fate by
`ack` or `nack`. Plug-ins never retry, sleep or publish: their errors tell ingest what to do.

    Rejected(code)   can never be accepted: a dead letter (pull) or a 4xx (push)
    Retry(after)     not now: the delivery comes again
    anything else    a bug: it costs this delivery (a mail continues as unreadable, anything else
                     is a dead letter); in a source's own code it restarts the source, with a log
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from schemas.base import conversation_id, message_id
from schemas.errors import Rejected
from schemas.message import Event, EventKind, Kind, Message, Party
from schemas.state.cursor import Cursor


async def _nothing() -> None:
    """Do nothing: the source needs no answer."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One thing a source handed over, with its own acknowledgement.

    Ingest awaits `ack` once Kafka has it or once it is refused for good, and `nack` when it must
    come again. `position` is its position at the source, as `inventory` lists it. `refused` is
    why it can't be taken, whatever it contains: too large, or unreadable. `accepted_by` names the
    access token that handed it over.
    """

    raw: bytes
    account: str
    received_at: datetime
    position: str | None = None
    hint: str | None = None
    refused: Rejected | None = None
    traceparent: str | None = None
    accepted_by: str | None = None
    ack: Callable[[], Awaitable[None]] = _nothing
    nack: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, kw_only=True)
class Media:
    """A file that its vendor still holds: which attachment of the message it is (`at`), and by
    what its channel fetches it: an id or an address of that vendor."""

    at: int
    ref: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A delivery that only says that a message is there: by what its channel asks for the whole.
    A `bare` one is worth nothing without it."""

    ref: str = field(repr=False)
    bare: bool = False


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a channel made of a delivery: the message, the files to archive by sha256, and those
    that are to be fetched first; with a `notice` the message itself has to be."""

    message: Message
    files: tuple[bytes, ...] = ()
    media: tuple[Media, ...] = ()
    notice: Notice | None = None


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


class Web(Protocol):
    """What the engine lends a channel to fetch with: guarded, bounded, without cookies."""

    async def get(
        self,
        url: str,
        *,
        own: str = "",
        secret: Mapping[str, str] | None = None,
        hosts: Sequence[str] = (),
    ) -> bytes:
        """Return what an address holds.

        Only https to addresses of the public Internet, or to the host of `own`, which the operator
        configured. The headers in `secret` go to that host and to `hosts` (and what lies below
        them) alone, never along a redirect to another. Raises Rejected(media.*) when it can never
        be had, Retry with the vendor's own hint when it may be.
        """
        ...


@runtime_checkable
class Fetching(Protocol):
    """A channel whose files lie at its vendor."""

    async def fetch(self, ref: str, settings: Any, web: Web) -> bytes:
        """Return a file; raise Rejected(media.*) or Retry."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A channel whose vendor sends notices."""

    async def whole(self, ref: str, raw: bytes, settings: Any, web: Web) -> bytes:
        """Return the delivery that a notice (`raw`) stands for, as `parse` takes it.

        Raises Rejected when there is none, Retry when it may come.
        """
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


def _unchanged(pause_s: float) -> float:
    return pause_s


def _keep_nothing(_name: str, _value: str) -> None:
    """Keep nothing: for a source that has nothing to keep."""


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the engine lends a source: it tells the time, waits and logs on its behalf, and keeps
    small secrets over a restart (`kept` and `keep`, by name). `shortened` returns a pause after a
    failure: a short one while Kafka or the archive is away, because the vendor is not the cause."""

    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]
    warn: Callable[..., object]
    polled: Callable[[str], None]
    kept: Callable[[str], str | None] = _none
    keep: Callable[[str, str], None] = _keep_nothing
    shortened: Callable[[float], float] = _unchanged


class Source(Protocol):
    """One account of a pull channel."""

    async def run(self, accept: Accept, cursors: Ledgered) -> None:
        """Fetch for ever, handing each delivery to `accept`; raise Retry to be called again."""
        ...


@runtime_checkable
class Listing(Protocol):
    """A source that can tell what it holds."""

    def inventory(self) -> AsyncIterator[str]:
        """Yield the position of everything the source holds, for the ledger."""
        ...


def touched(channel: str, delivery: Delivery, kind: EventKind, native_id: str) -> Event:
    """Return the event of that kind which touches the message of a native id of this account."""
    return Event(kind=kind, of=message_id(channel, f"{channel}:{delivery.account}", native_id))


def message_of(
    channel: str,
    delivery: Delivery,
    context: Context,
    *,
    native_id: str,
    root: str,
    kind: Kind,
    sender: Party,
    text: str,
    **more: Any,
) -> Message:
    """Return a Message with what every channel fills in the same way: ids, brand and source.

    `root` is what its conversation hangs on; `more` are other fields of Message.
    """
    source = f"{channel}:{delivery.account}"
    brand = (context.settings.brand if context.settings else "") or context.brand
    return Message(
        id=message_id(channel, source, native_id),
        brand=brand,
        channel=channel,
        source=source,
        native_id=native_id,
        conversation=conversation_id(brand, channel, root),
        kind=kind,
        sender=sender,
        text=text,
        full_text=more.pop("full_text", text),
        received_at=delivery.received_at,
        position=delivery.position,
        **more,
    )
