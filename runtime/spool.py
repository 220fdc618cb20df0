"""The spool on disk: deliveries that Santral accepted and Kafka does not have yet.

The door writes here while Kafka is away, for vendors that send a delivery only once. Each delivery
is one file, and the disk has it before the vendor gets its answer. Ingest publishes the files when
Kafka is back, even after a restart. Publishing one twice is harmless, because its ids are the same.
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

_ASIDE_SUFFIX = ".aside"


class WaitingDelivery(Record, frozen=True, kw_only=True):
    """The first line of a file: everything of a delivery but its bytes, which follow it."""

    channel: str
    account: str
    received_at: datetime
    traceparent: str | None = None
    position: str | None = None
    hint: str | None = None


class DiskSpool:
    """A folder of waiting deliveries, in the order of their arrival."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, waiting: WaitingDelivery, raw: bytes) -> None:
        """Write a delivery; return once the disk has it. Raises Unavailable if the disk fails."""
        received_us = int(waiting.received_at.timestamp() * 1_000_000)
        name = f"{received_us:020d}-{uuid.uuid4().hex}"
        unfinished = self._folder / f".{name}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with unfinished.open("xb") as file:
                file.write(msgspec.json.encode(waiting) + b"\n" + raw)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / name)
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise Unavailable(
                f"The spool {self._folder} can't be written: {error.strerror}. Make room."
            ) from error

    def count(self) -> int:
        """Return the number of waiting deliveries, those set aside included."""
        return len(self._names())

    def paths(self) -> list[Path]:
        """Return the files of waiting deliveries, the oldest first."""
        return [self._folder / name for name in self._names() if not name.endswith(_ASIDE_SUFFIX)]

    def read(self, path: Path) -> tuple[WaitingDelivery, bytes] | None:
        """Return the delivery in a file; None if the file is gone or damaged."""
        try:
            header, _, raw = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None  # another process published it
        try:
            return msgspec.json.decode(header, type=WaitingDelivery), raw
        except msgspec.DecodeError as error:
            log.error("journal.damaged", path=str(path), error=str(error))
            return None  # the file stays for a person, and `count` includes it

    def done(self, path: Path) -> None:
        """Remove a delivery that Kafka has."""
        path.unlink(missing_ok=True)

    def aside(self, path: Path) -> None:
        """Set aside a delivery that a bug stopped; `count` includes it, but nothing retries it."""
        path.rename(path.with_name(path.name + _ASIDE_SUFFIX))

    def _names(self) -> list[str]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not name.startswith("."))
