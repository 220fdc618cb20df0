"""The raw archive: bytes under their own sha256, written before anything is promised.

Before: ingest keeps what came in, the router what it could not decode. After: `santral dead`,
the console and re-drives read it back. A folder now; S3-compatible storage is another `Archive`.
"""

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from schemas.errors import Unavailable
from schemas.message import Raw


class Archive(Protocol):
    """Keeps bytes by content: the same bytes are kept once."""

    def put(self, data: bytes) -> Raw:
        """Keep the bytes; raise Unavailable when they can't be kept."""
        ...

    def get(self, digest: str) -> bytes | None:
        """Return the bytes of that sha256 (hex), or None."""
        ...


class Folder:
    """An archive in a folder, two levels deep, so that no directory grows beyond reason."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: str) -> Path:
        """Return where the bytes of that sha256 lie."""
        return self._root / digest[:2] / digest[2:4] / digest

    def put(self, data: bytes) -> Raw:
        """Keep the bytes; a crash in the middle leaves no half file under the final name."""
        digest = sha256(data).hexdigest()
        path = self.path(digest)
        if not path.exists():
            part = path.with_name(f".{secrets.token_hex(8)}")
            try:
                try:
                    part.write_bytes(data)
                except FileNotFoundError:
                    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    part.write_bytes(data)
                part.replace(path)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise Unavailable(
                    f"The archive {self._root} can't be written: {error.strerror}. Make room or "
                    "give another folder as `url` in [archive]."
                ) from error
        return Raw(sha256=digest, size=len(data), ref=f"sha256:{digest}")

    def get(self, digest: str) -> bytes | None:
        """Return the bytes of that sha256 (hex), or None."""
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            return None
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError:
            return None
