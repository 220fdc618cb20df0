"""An archive in a folder: short deliveries in packs, long ones and files by their sha256.

The folder is on the local disk, or hosts share it.
"""

import re
import uuid
from hashlib import sha256
from pathlib import Path

from runtime.archive.durable_files import PACKS, Packs, write_file
from runtime.archive.protocol import Archive
from runtime.archive.state import ArchiveState
from schemas.errors import Unavailable
from schemas.message import Raw

PACKED_BYTES = 64 * 1024
"""Up to here deliveries share packs: making a file costs more than the rest of accepting one."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PACK_NAME = re.compile(r"^[0-9a-f-]{10,80}$")


class FolderArchive(Archive):
    """An archive in a folder: short deliveries in packs, long ones and files by their sha256.

    A pack belongs to one process and only grows; `pack:NAME:OFFSET` says where a delivery is.
    """

    def __init__(self, root: Path, pack_limit: int = 256 * 1024 * 1024) -> None:
        self.root = root
        self.packs = Packs(self.root, pack_limit)
        self._state = ArchiveState(self._probe)

    def append(self, data: bytes) -> Raw:
        """Write a delivery; a long one is safe at once, a short one after `flush`."""
        digest = sha256(data).hexdigest()
        if len(data) > PACKED_BYTES:
            self._write_file(digest, data)
            return Raw(sha256=digest, size=len(data), ref=f"sha256:{digest}")
        try:
            name, offset = self.packs.append(data)
        except OSError as error:
            raise self._failure(error) from error
        self._state.worked()
        return Raw(sha256=digest, size=len(data), ref=f"pack:{name}:{offset}")

    def flush(self) -> None:
        """Return once every delivery appended before survives a crash."""
        try:
            self.packs.flush()
        except OSError as error:
            raise self._failure(error) from error

    def keep(self, data: bytes) -> str:
        """Keep a file under its sha256."""
        digest = sha256(data).hexdigest()
        self._write_file(digest, data)
        return digest

    def path(self, digest: str) -> Path:
        """Return the path of a file of that sha256."""
        return self.root / digest[:2] / digest

    def read(self, raw: Raw) -> bytes | None:
        """Return a delivery, None if it is not there or not whole."""
        position = pack_position(raw)
        if position is None:
            return self.read_file(raw.sha256)
        name, offset, _ = position
        try:
            with (self.root / PACKS / name).open("rb") as file:
                file.seek(offset)
                data = file.read(raw.size)
        except FileNotFoundError:
            return None
        return verified(raw.sha256, data)

    def read_file(self, digest: str) -> bytes | None:
        """Return a kept file, None if it is not there or not whole."""
        if not is_digest(digest):
            return None
        try:
            return verified(digest, self.path(digest).read_bytes())
        except FileNotFoundError:
            return None

    def explain_missing(self, raw: Raw) -> str:
        """Return that the folder has no such bytes."""
        return f"the archive {self.root} has no bytes for {raw.ref}, or damaged ones"

    def problem(self) -> str | None:
        """Return why nothing can be kept now, None when all is well."""
        return self._state.problem()

    def close(self) -> None:
        """Flush and close the packs."""
        try:
            self.packs.close()
        except OSError as error:
            raise self._failure(error) from error

    def _probe(self) -> None:
        """Write a small file and remove it; raise Unavailable."""
        path = self.root / f".probe-{uuid.uuid4().hex}"
        try:
            self.root.mkdir(0o700, parents=True, exist_ok=True)
            try:
                path.write_bytes(bytes(PACKED_BYTES))
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(error) from error

    def _write_file(self, digest: str, data: bytes) -> None:
        try:
            write_file(self.root, digest, data)
        except OSError as error:
            raise self._failure(error) from error
        self._state.worked()

    def _failure(self, error: OSError) -> Unavailable:
        text = (
            f"The archive {self.root} can't be written: {error.strerror or error}. Make room or "
            "give another folder in [archive]."
        )
        self._state.failed(text)
        return Unavailable(text)


def pack_position(raw: Raw) -> tuple[str, int, str] | None:
    """Return a delivery's pack, its offset there and the host that wrote it, or None.

    Written as pack:NAME:OFFSET in a folder, and as pack:NAME:OFFSET:HOST with a bucket.
    """
    kind, _, rest = raw.ref.partition(":")
    name, _, rest = rest.partition(":")
    offset, _, host = rest.partition(":")
    if kind == "pack" and _PACK_NAME.match(name) and offset.isdigit():
        return name, int(offset), host
    return None


def is_digest(text: str) -> bool:
    """Say whether a text is a sha256 in hexadecimal, and so safe in a path."""
    return bool(_DIGEST.fullmatch(text))


def verified(digest: str, data: bytes) -> bytes | None:
    """Return bytes that have this sha256, None for others."""
    return data if sha256(data).hexdigest() == digest else None
