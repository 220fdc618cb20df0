"""Deliveries that are safe on disk but not yet in Kafka: for vendors who re-send little or never.

Before: the door got a proven delivery while Kafka is away. After: ingest publishes it from here
when Kafka is back, across a restart; the ledger counts what waits. One file a delivery, flushed
before the vendor is told that it was taken; published twice is harmless, for the ids are the same.
"""

import os
import uuid
from datetime import datetime
from pathlib import Path

import msgspec

from runtime.log import get
from schemas.base import Record
from schemas.errors import Unavailable

log = get(__name__)

_ASIDE = ".aside"


class Waiting(Record, frozen=True, kw_only=True):
    """What is needed to take a delivery up again; its bytes follow on the next line."""

    channel: str
    account: str
    received_at: datetime
    traceparent: str | None = None
    position: str | None = None
    hint: str | None = None


class Journal:
    """A folder of waiting deliveries, in the order they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, waiting: Waiting, raw: bytes) -> None:
        """Keep a delivery; returns once the disk has it. Raises Unavailable when it can't."""
        stamp = int(waiting.received_at.timestamp() * 1_000_000)
        name = f"{stamp:020d}-{uuid.uuid4().hex}"
        part = self._folder / f".{name}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with part.open("xb") as file:
                file.write(msgspec.json.encode(waiting) + b"\n" + raw)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._folder / name)
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise Unavailable(
                f"The journal {self._folder} can't be written: {error.strerror}. Make room."
            ) from error

    def count(self) -> int:
        """Return how many wait."""
        return len(self._names())

    def paths(self) -> list[Path]:
        """Return where what waits lies, the oldest first."""
        return [self._folder / n for n in self._names() if not n.endswith(_ASIDE)]

    def read(self, path: Path) -> tuple[Waiting, bytes] | None:
        """Return what waits there; None when it went meanwhile, or is damaged."""
        try:
            head, _, raw = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None  # another process published it
        try:
            return msgspec.json.decode(head, type=Waiting), raw
        except msgspec.DecodeError as error:
            log.error("journal.damaged", path=str(path), error=str(error))
            return None  # stays for a person; it is counted as waiting

    def done(self, path: Path) -> None:
        """Forget a delivery that Kafka has."""
        path.unlink(missing_ok=True)

    def aside(self, path: Path) -> None:
        """Put away what a bug of ours stumbles over: counted as waiting, not tried again."""
        path.rename(path.with_name(path.name + _ASIDE))

    def _names(self) -> list[str]:
        try:
            found = [p.name for p in self._folder.iterdir() if not p.name.startswith(".")]
        except FileNotFoundError:
            return []
        return sorted(found)
