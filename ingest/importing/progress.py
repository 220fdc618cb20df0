"""Remembers how far a file or folder was imported, so that a stopped run continues there.

run.py saves it under home/imports after each batch.
"""

import hashlib
from pathlib import Path

import msgspec

from schemas.base import Record

_READ_BYTES = 1024 * 1024
_NAME_DIGITS = 16  # enough of a hash to name a file


class ImportProgress(Record, frozen=True, kw_only=True):
    """The progress of an import.

    `done` counts the entries of a file whose first `size` bytes have this hash: a file that begins
    otherwise is another one. A Maildir has the `keys` of its entries instead.
    """

    done: int = 0
    size: int = 0
    sha256: str = ""
    keys: tuple[str, ...] = ()


class ProgressFile:
    """The saved progress of importing one path for one account."""

    def __init__(self, home: Path, path: Path, account: str, *, work: bool) -> None:
        run = hashlib.sha256(f"{path.absolute()}|{account}|{work}".encode()).hexdigest()
        self._file = home / "imports" / f"{run[:_NAME_DIGITS]}.json"
        self._path = path

    def load(self) -> ImportProgress:
        """Return the progress; that of the beginning where the path has another file by now."""
        try:
            progress = msgspec.json.decode(self._file.read_bytes(), type=ImportProgress)
        except (FileNotFoundError, msgspec.DecodeError):
            return ImportProgress()
        if not progress.size:
            return progress
        is_same = self.size() >= progress.size and self._hash(progress.size) == progress.sha256
        return progress if is_same else ImportProgress()

    def save(self, done: int, keys: set[str], previous: ImportProgress, *, size: int) -> None:
        """Save the progress; a `size` above zero is that of the file, which was read to its end."""
        progress = ImportProgress(
            done=done,
            size=size or previous.size,
            keys=tuple(sorted(keys)),
            sha256=self._hash(size) if size else previous.sha256,
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".part")
        temporary.write_bytes(msgspec.json.encode(progress))
        temporary.replace(self._file)

    def forget(self) -> None:
        """Remove the progress, so that the next run reads from the beginning."""
        self._file.unlink(missing_ok=True)

    def size(self) -> int:
        """Return the bytes of the file, or 0 for a folder."""
        return self._path.stat().st_size if self._path.is_file() else 0

    def _hash(self, size: int) -> str:
        """Return the hash of the file's first bytes."""
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while size > 0 and (chunk := file.read(min(size, _READ_BYTES))):
                digest.update(chunk)
                size -= len(chunk)
        return digest.hexdigest()
