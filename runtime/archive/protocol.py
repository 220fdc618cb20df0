"""The protocol of an archive, which keeps raw bytes under their sha256.

Ingest keeps every delivery, and the router keeps the records that it can't decode. The console,
`santral dead` and re-drives read them again. folder_archive.py and bucket_archive.py implement it.
"""

from typing import Protocol

from schemas.message import Raw


class Archive(Protocol):
    """Keeps bytes, which `Raw.ref` names. Threads may share it. Writes raise Unavailable."""

    def append(self, data: bytes) -> Raw:
        """Write a delivery, which is safe only after the next `flush`."""
        ...

    def flush(self) -> None:
        """Return once every delivery appended before survives a crash of this machine.

        It takes a disk's time. Threads that wait together share one flush.
        """
        ...

    def put(self, data: bytes) -> Raw:
        """Keep a delivery: append it and flush."""
        raw = self.append(data)
        self.flush()
        return raw

    def keep(self, data: bytes) -> str:
        """Keep a file under its sha256, once, and flush it; return the sha256."""
        ...

    def read(self, raw: Raw) -> bytes | None:
        """Return a delivery, or None if it is missing or damaged; raise Unavailable."""
        ...

    def read_file(self, digest: str) -> bytes | None:
        """Return a kept file, or None if it is missing or damaged; raise Unavailable."""
        ...

    def explain_missing(self, raw: Raw) -> str:
        """Return a sentence for people that says where a delivery is which `read` did not find."""
        ...

    def problem(self) -> str | None:
        """Return why the archive can't keep bytes now, or None; a check for /readyz.

        The last write decides, or a small probe if that write failed or is old. Any thread may
        call it, but never an event loop, because it may wait for a disk or a bucket.
        """
        ...

    def close(self) -> None:
        """Flush, and stop the work in the background."""
        ...
