"""The Source protocol: an account that ingest reads by itself, such as a mailbox or a feed.

run.py starts a source for each account whose channel is a PullChannel. The source hands each
delivery to `accept`, which returns once the delivery is safe. run.py acts on its errors.

    Retry(after)     the vendor can't be read now, and run.py calls `run` again
    anything else    a bug, which run.py logs before it calls `run` again, after a longer pause
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from ingest.channel import Account_contra, Delivery
from schemas.state.cursor import Cursor


class Accept(Protocol):
    """The one function to which a source hands its deliveries."""

    async def __call__(self, delivery: Delivery, /) -> None:
        """Return once Kafka, the spool or a dead letter keeps the delivery.

        Raises Retry while nothing can keep it. The source then hands it over again, later.
        """
        ...


class CursorStore(Protocol):
    """The cursors of all sources, each with the position up to which its source was read."""

    async def load(self, source: str) -> Cursor | None:
        """Return the newest cursor of a source, or None."""
        ...

    async def save(self, cursor: Cursor) -> None:
        """Store a cursor; returns once Kafka has it."""
        ...


def _load_no_state(_name: str) -> str | None:
    """Return None, for a source without state."""
    return None


def _drop_state(_name: str, _value: str) -> None:
    """Store nothing, for a source without state."""


def _same_pause(pause_s: float) -> float:
    """Return the pause as it is."""
    return pause_s


@dataclass(frozen=True, kw_only=True)
class SourceContext:
    """The functions that ingest lends a source.

    `now` returns the time, `pause` waits for a number of seconds, and `warn` logs an event.
    `report_pass` notes a finished pass over a source or one of its mailboxes. `load_state` and
    `save_state` keep a small text or secret under a name, over a restart. `shorten_pause` returns
    the seconds to wait after a failure: few while Kafka or the archive is away, because the vendor
    is not the cause.
    """

    now: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]
    warn: Callable[..., object]
    report_pass: Callable[[str], None]
    load_state: Callable[[str], str | None] = _load_no_state
    save_state: Callable[[str, str], None] = _drop_state
    shorten_pause: Callable[[float], float] = _same_pause


class Source(Protocol):
    """One account of a pull channel.

    A `patient` source reads a delivery again that was not accepted. For any other source the spool
    keeps the delivery while Kafka is away.
    """

    patient: bool

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Read for ever and hand each delivery to `accept`; raise Retry to be called again."""
        ...


@runtime_checkable
class ListsInventory(Protocol):
    """A source that can list what it holds."""

    def inventory(self) -> AsyncIterator[str]:
        """Yield the position of everything that the source holds, for the ledger."""
        ...


@runtime_checkable
class PullChannel(Protocol[Account_contra]):
    """A channel with a source for each account that is set up for reading."""

    name: str

    def pulls(self, settings: Account_contra) -> bool:
        """Return whether an account is set up for reading."""
        ...

    def source(self, account: str, settings: Account_contra, context: SourceContext) -> Source:
        """Return the source of one account."""
        ...
