"""Reads the entries of a file or folder of history, one for each message.

run.py gives a path, and publishes the entries by their channels' own parsers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ingest.importing.csv_rows import read_rows
from ingest.importing.mbox import is_mbox, read_mails
from schemas.errors import Unavailable

ImportKind = Literal["csv", "jsonl", "mbox", "maildir"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KINDS: dict[str, ImportKind] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".mbox": "mbox",
}


@dataclass(frozen=True, kw_only=True)
class ImportEntry:
    """The raw form of one message and the channel that parses it; a Maildir's has a `key`."""

    channel: str
    raw: bytes
    key: str = ""


def kind_of(path: Path) -> ImportKind:
    """Return the kind of a file or folder; raise Unavailable with the kinds that there are."""
    if path.is_dir() and (path / "cur").is_dir():
        return "maildir"
    kind = _KINDS.get(path.suffix.lower())
    if kind is None and path.is_file():
        kind = "mbox" if is_mbox(path) else None
    if kind is None:
        raise Unavailable(
            f"{path}: not known what it is. Import takes .csv, .jsonl, .mbox, and Maildir folders"
        )
    return kind


def read_entries(
    path: Path, kind: ImportKind, done_keys: frozenset[str] = frozenset()
) -> Iterator[ImportEntry]:
    """Yield the entries in the order of the file; of a Maildir, those without a done key."""
    if kind == "csv":
        for raw in read_rows(path):
            yield ImportEntry(channel="api", raw=raw)
    elif kind == "jsonl":
        yield from _read_lines(path)
    elif kind == "mbox":
        for mail in read_mails(path):
            yield ImportEntry(channel="email", raw=mail)
    else:
        yield from _read_maildir(path, done_keys)


def _read_lines(path: Path) -> Iterator[ImportEntry]:
    """Yield the bodies of a file of JSON lines, without a last line that is incomplete."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.endswith(b"\n") and not _is_json(line):
                return  # a program is still writing it
            body = line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line
            if body.strip():
                yield ImportEntry(channel="api", raw=body)


def _read_maildir(path: Path, done_keys: frozenset[str]) -> Iterator[ImportEntry]:
    """Yield the mails of a Maildir. Source: cr.yp.to/proto/maildir.html."""
    for name in ("new", "cur"):
        folder = path / name
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            key = file.name.partition(":")[0]
            if key not in done_keys and not key.startswith("."):
                yield ImportEntry(channel="email", raw=file.read_bytes(), key=key)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
