"""Durable files and packs on a local disk, which the archive writes before an acceptance.

The folder's entry of a file is as durable as the file. Short deliveries share packs, and threads
that wait for a flush share one flush.
"""

import contextlib
import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PACKS = "packs"


def write_file(root: Path, digest: str, data: bytes) -> None:
    """Write a file aside, flush it, move it: a crash leaves no half file under the final name."""
    folder = root / digest[:2]
    path = folder / digest
    if path.exists():
        flush_folder(folder)  # its writer may not have flushed it yet
        return
    aside = folder / f".{uuid.uuid4().hex}"
    try:
        _make_folder(folder)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.replace(path)
        flush_folder(folder)
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


def write_all(handle: int, data: bytes) -> None:
    """Write every byte to an open file."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(0o700, parents=True, exist_ok=True)
        flush_folder(folder.parent)


@dataclass
class _Pack:
    handle: int
    name: str
    opened_at: float
    size: int = 0


@dataclass
class _Flushes:
    """How far the disk has the appends, counted from 1; a failed range is never safe."""

    appended: int = 0
    flushed: int = 0
    lost: list[range] = field(default_factory=list)


class Packs:
    """Append-only files of one process; a lock on each says that its writer lives.

    `limit` bytes fill a pack. The next append then opens another one.
    """

    def __init__(
        self, root: Path, limit: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = root / PACKS
        self._limit, self._monotonic = limit, monotonic
        self._pack: _Pack | None = None
        self._unflushed: dict[int, _Pack] = {}
        self._closing: list[_Pack] = []
        self._new_names = False
        self._count = _Flushes()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()

    def append(self, data: bytes) -> tuple[str, int]:
        """Write a delivery and return its pack and its offset there; raise OSError.

        Only `flush` makes it safe.
        """
        with self._lock:
            pack = self._pack
            if pack is None or pack.size > self._limit:
                pack = self._open()
            offset = pack.size
            try:
                write_all(pack.handle, data)
            except OSError:
                # The end of this pack is unknown now, and so the next append opens another one.
                self._close_pack()
                raise
            pack.size += len(data)
            self._unflushed[pack.handle] = pack
            self._count.appended += 1
            return pack.name, offset

    def flush(self) -> None:
        """Return once the disk has every delivery appended before; raise OSError."""
        with self._lock:
            number = self._count.appended
        with self._flushing:
            count = self._count
            if any(number in lost for lost in count.lost):
                raise OSError(5, "the disk lost a write")
            if count.flushed >= number and not self._closing:
                return
            self._flush_all()

    def roll(self, older_than_s: float = 0) -> None:
        """End the present pack if it is at least that old, and flush it; raise OSError."""
        with self._lock:
            pack = self._pack
            if pack and pack.size and self._monotonic() - pack.opened_at >= older_than_s:
                self._close_pack()
        self.flush()

    def _open(self) -> _Pack:
        self._close_pack()
        _make_folder(self._folder)
        name = str(uuid.uuid4())
        aside = self._folder / f".{name}"
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # The lock comes before the name, so that no process takes the pack for a dead one's.
        fcntl.flock(handle, fcntl.LOCK_EX)
        aside.rename(self._folder / name)
        self._pack, self._new_names = _Pack(handle, name, self._monotonic()), True
        return self._pack

    def _close_pack(self) -> None:
        if self._pack is not None:
            self._closing.append(self._pack)
        self._pack = None

    def _flush_all(self) -> None:
        """Flush each pack with an append, and the folder where it has a new name."""
        with self._lock:
            until, packs = self._count.appended, list(self._unflushed.values())
            closing, new_names = self._closing, self._new_names
            self._unflushed, self._closing, self._new_names = {}, [], False
        try:
            for pack in packs:
                os.fdatasync(pack.handle)
            if new_names:
                flush_folder(self._folder)
        except OSError:
            # A second fsync may succeed though the disk dropped the pages: never trust these again.
            self._count.lost.append(range(self._count.flushed + 1, until + 1))
            with self._lock:
                self._close_pack()
            raise
        finally:
            self._count.flushed = until
            for pack in closing:
                os.close(pack.handle)

    def close(self) -> None:
        """Flush and close every pack; raise OSError."""
        self.roll()


def packs_without_writer(root: Path) -> list[Path]:
    """Return the packs that no living process appends to."""
    try:
        paths = [path for path in (root / PACKS).iterdir() if not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [path for path in paths if not _is_locked(path)]


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    return False
