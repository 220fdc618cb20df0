"""The raw archive: bytes under their own sha256, kept before a delivery is accepted.

Before: ingest keeps what came in, the router what it could not decode. After: `santral dead`,
the console and re-drives read it back. A folder (folder_archive.py) or a bucket
(bucket_archive.py).
"""

from typing import Protocol

from runtime.archive.bucket_archive import BucketArchive
from runtime.archive.folder_archive import Folder
from runtime.settings.structs import Settings
from schemas.message import Raw

__all__ = ["Archive", "Folder", "open_archive"]


class Archive(Protocol):
    """Keeps bytes; `Raw.ref` says where. Threads may share it. Writes raise Unavailable."""

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
        ...

    def keep(self, data: bytes) -> str:
        """Keep a file under its sha256, once, and flush it; return the sha256."""
        ...

    def read(self, raw: Raw) -> bytes | None:
        """Return a delivery, None if it is not there or not whole; raise Unavailable."""
        ...

    def read_file(self, digest: str) -> bytes | None:
        """Return a kept file, None if it is not there or not whole; raise Unavailable."""
        ...

    def explain_missing(self, raw: Raw) -> str:
        """Return where a delivery is that `read` did not find, as a sentence for a person."""
        ...

    def problem(self) -> str | None:
        """Return why nothing can be kept now, None when all is well; a check for /readyz.

        The last write decides, or a small probe where that was long ago or failed. Any thread may
        call it, but it may take a disk's or a bucket's time: never call it on an event loop.
        """
        ...

    def close(self) -> None:
        """Flush, and end what works in the background."""
        ...


def open_archive(settings: Settings, *, uploads: bool = False) -> Archive:
    """Return the archive of the settings; `uploads` in a process that writes to it."""
    if settings.archive.url.startswith("s3://"):
        return BucketArchive(settings.archive, settings.archive_path, uploads=uploads)
    return Folder(settings.archive_path)
