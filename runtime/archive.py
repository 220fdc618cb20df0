"""The raw archive: bytes under their own sha256, written before anything is promised.

Before: ingest keeps what came in, the router what it could not decode. After: `santral dead`,
the console and re-drives read it back. A folder now; S3-compatible storage is another `Archive`.
"""

import contextlib
import os
import re
import threading
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from runtime.archive_state import ArchiveState
from schemas.errors import Unavailable
from schemas.message import Raw

# Making a file costs more than all the rest of accepting a short message: those share files.
_PACKED = 64 * 1024
_PACK_LIMIT = 256 * 1024 * 1024
_NAME = re.compile(r"^[0-9a-f-]{10,80}$")


class Archive(Protocol):
    """Keeps bytes; where they lie is said in `Raw.ref`."""

    def put(self, data: bytes) -> Raw:
        """Keep what came in; raise Unavailable when it can't be kept."""
        ...

    def keep(self, data: bytes) -> str:
        """Keep a file under its sha256, once; return that."""
        ...

    def read(self, raw: Raw) -> bytes | None:
        """Return the bytes again, None if they are not there or not whole."""
        ...

    def problem(self) -> str | None:
        """Return why nothing can be kept now, None when all is well; a check for /readyz.

        The last write decides, or a small probe where that was long ago or failed. Any thread may
        call it, but it may take a disk's or a bucket's time: never call it on an event loop.
        """
        ...


class Folder:
    """An archive in a folder: short deliveries in packs, long ones and files by their sha256.

    A pack belongs to one process and only grows; `pack:NAME:OFFSET` says where a delivery lies.
    Plain strings instead of paths, since this is on every way in.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._pack: int | None = None
        self._name = ""
        self._at = 0
        self._lock = threading.Lock()
        self._state = ArchiveState(self._probe)

    def put(self, data: bytes) -> Raw:
        """Keep a delivery."""
        digest = sha256(data).hexdigest()
        if len(data) > _PACKED:
            self._file(digest, data)
            return Raw(sha256=digest, size=len(data), ref=f"sha256:{digest}")
        try:
            with self._lock:
                if self._pack is None or self._at > _PACK_LIMIT:
                    self._open()
                at, self._at = self._at, self._at + len(data)
                assert self._pack is not None
                _write(self._pack, data)
                self._state.worked()
                return Raw(sha256=digest, size=len(data), ref=f"pack:{self._name}:{at}")
        except OSError as error:
            self._at = _PACK_LIMIT + 1  # its end is not known any more: the next opens a new one
            raise self._full(error) from error

    def keep(self, data: bytes) -> str:
        """Keep a file under its sha256."""
        digest = sha256(data).hexdigest()
        self._file(digest, data)
        return digest

    def path(self, digest: str) -> Path:
        """Return where a file of that sha256 lies."""
        return Path(self._root, digest[:2], digest)

    def read(self, raw: Raw) -> bytes | None:
        """Return the bytes again, None if they are not there or not whole."""
        kind, _, rest = raw.ref.partition(":")
        name, _, at = rest.partition(":")
        try:
            if kind == "pack" and _NAME.match(name) and at.isdigit():
                with Path(self._root, "packs", name).open("rb") as file:
                    file.seek(int(at))
                    data = file.read(raw.size)
            elif re.fullmatch(r"[0-9a-f]{64}", raw.sha256):
                data = self.path(raw.sha256).read_bytes()
            else:
                return None
        except FileNotFoundError:
            return None
        return data if sha256(data).hexdigest() == raw.sha256 else None

    def problem(self) -> str | None:
        """Return why nothing can be kept now, None when all is well."""
        return self._state.problem()

    def _probe(self) -> None:
        """Write a small file and remove it; raise Unavailable."""
        path = f"{self._root}/.probe-{uuid.uuid4().hex}"
        try:
            os.makedirs(self._root, 0o700, exist_ok=True)
            try:
                Path(path).write_bytes(b"\0" * _PACKED)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        except OSError as error:
            raise self._full(error) from error

    def _open(self) -> None:
        folder = f"{self._root}/packs"
        os.makedirs(folder, 0o700, exist_ok=True)
        self._name = str(uuid.uuid4())
        if self._pack is not None:
            os.close(self._pack)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._pack, self._at = os.open(f"{folder}/{self._name}", flags, 0o600), 0

    def _file(self, digest: str, data: bytes) -> None:
        """Write a file aside, then move it: a crash leaves no half file under the final name."""
        folder = f"{self._root}/{digest[:2]}"
        path = f"{folder}/{digest}"
        if os.path.exists(path):
            return
        part = f"{folder}/.{uuid.uuid4().hex}"
        try:
            os.makedirs(folder, 0o700, exist_ok=True)
            Path(part).write_bytes(data)
            os.replace(part, path)
            self._state.worked()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise self._full(error) from error

    def _full(self, error: OSError) -> Unavailable:
        text = (
            f"The archive {self._root} can't be written: {error.strerror}. Make room or give "
            "another folder as `url` in [archive]."
        )
        self._state.failed(text)
        return Unavailable(text)


def _write(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]
