"""`santral import`: history from CSV, JSON lines, mbox and Maildir, which needs no answer.

Before: files on disk. After: accept, through the channels' own parsers: what is there already by
its ids is a repeat. Imported messages are stored, decided and searchable; they open no work unless
that is asked for. How far a file was read is kept beside the archive, so that it can be taken up.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingest.accounts import configured_accounts
from ingest.channel import Delivery
from ingest.importing import csv_rows
from ingest.importing.mbox import is_mbox, read_mails
from ingest.intake.build import build_ingest
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.http.public_client import Outside
from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.errors import Retry, Unavailable
from schemas.message import Message

FLAG = "imported"
_AT_ONCE = 64
_TRIES = 30
Kind = Literal["csv", "jsonl", "mbox", "maildir"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry: whose parser reads it, its raw form, and its name where it has one."""

    channel: str
    raw: bytes
    key: str = ""


@dataclass(kw_only=True)
class Count:
    """What became of a file's entries so far."""

    accepted: int = 0
    refused: int = 0
    skipped: int = 0


class Progress(Record, frozen=True, kw_only=True):
    """How far a file was read: how many entries, of how many bytes with which hash. A file that
    begins otherwise now is another one. Of a Maildir the keys."""

    done: int = 0
    size: int = 0
    sha256: str = ""
    keys: tuple[str, ...] = ()


def as_history(message: Message) -> Message:
    """Return a message that says that it is history and opens no work."""
    return msgspec.structs.replace(message, flags=(*message.flags, FLAG), answering=None)


def kind_of(path: Path) -> Kind:
    """Return what a path holds; raise Unavailable with what can be imported."""
    if path.is_dir() and (path / "cur").is_dir():
        return "maildir"
    ends: dict[str, Kind] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".mbox": "mbox"}
    kind = ends.get(path.suffix.lower())
    if kind is None and path.is_file():
        kind = "mbox" if is_mbox(path) else None
    if kind is None:
        raise Unavailable(
            f"{path}: not known what it is. Import takes .csv, .jsonl, .mbox, and Maildir folders"
        )
    return kind


def entries(path: Path, kind: Kind, known: frozenset[str] = frozenset()) -> Iterator[Entry]:
    """Yield every entry in the file's order; of a Maildir those whose keys are not `known`."""
    if kind == "csv":
        for raw in csv_rows.rows(path):
            yield Entry(channel="api", raw=raw)
    elif kind == "jsonl":
        with path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n") and not _whole(line):
                    return  # it is still being written
                told = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
                if told.strip():
                    yield Entry(channel="api", raw=told)
    elif kind == "mbox":
        for mail in read_mails(path):
            yield Entry(channel="email", raw=mail)
    else:
        for folder in ("new", "cur"):
            below = path / folder
            for found in sorted(below.iterdir()) if below.is_dir() else ():
                key = found.name.partition(":")[0]
                if key not in known and not key.startswith("."):
                    yield Entry(channel="email", raw=found.read_bytes(), key=key)


def _whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True


class Import:
    """One run over one file or folder."""

    def __init__(self, settings: Settings, path: Path, account: str, *, work: bool) -> None:
        self._settings, self._path, self._account, self._work = settings, path, account, work
        mark = hashlib.sha256(f"{path.absolute()}|{account}|{work}".encode()).hexdigest()[:16]
        self._file = settings.home_path / "imports" / f"{mark}.json"
        self._found = configured_accounts(settings)
        self._before = Progress()
        self._keys: set[str] = set()
        self.count = Count()

    def begin(self, kind: Kind) -> int:
        """Return how many entries there are to read, this time; raise Unavailable."""
        channel = "email" if kind in ("mbox", "maildir") else "api"
        if self._account != "default" and self._account not in self._found[channel]:
            known = ", ".join(self._found[channel])
            raise Unavailable(f"no account {self._account!r} of {channel}; configured: {known}")
        self._before = self._progress()
        self._keys = set(self._before.keys)
        return sum(1 for _ in entries(self._path, kind, frozenset(self._keys)))

    async def run(self, kind: Kind, step: Callable[[int], object]) -> Count:
        """Import what is not safe yet; `step` is told how many entries more are done."""
        clock, web = SystemClock(), Outside()
        publisher = Publisher(self._settings.kafka, "santral-import")
        parsers = ParserPool(self._settings.parsers)
        ingest = build_ingest(self._settings, clock, publisher, parsers, web)
        if not self._work:
            ingest = replace(ingest, finish=as_history)
        self.count.skipped = len(self._keys)

        async def one(entry: Entry) -> None:
            settings = self._found[entry.channel].get(self._account)
            settings = settings or CHANNELS[entry.channel].account()
            for _ in range(_TRIES):
                now = clock.now()
                delivery = Delivery(raw=entry.raw, account=self._account, received_at=now)
                try:
                    message = await ingest.publish(CHANNELS[entry.channel], delivery, settings)
                except Retry as error:
                    await asyncio.sleep(min(10.0, max(1.0, error.after)))
                    continue
                self.count.accepted += message is not None
                self.count.refused += message is None
                return
            raise Unavailable("Kafka is away: start it, and give the same command again")

        done, size = self._before.done, self._size()
        try:
            async with parsers:
                batch: list[Entry] = []
                for number, entry in enumerate(entries(self._path, kind, frozenset(self._keys))):
                    if number < done:
                        self.count.skipped += 1
                        step(1)
                        continue
                    batch.append(entry)
                    if len(batch) == _AT_ONCE:
                        done = await self._flush(batch, one, done, step, size=0)
                await self._flush(batch, one, done, step, size=size)
        finally:
            await publisher.stop()
            await web.close()
            await asyncio.to_thread(ingest.archive.close)
        return self.count

    async def _flush(
        self, batch: list[Entry], one: Any, done: int, step: Callable[[int], object], *, size: int
    ) -> int:
        await asyncio.gather(*(one(entry) for entry in batch))
        keyed = {e.key for e in batch if e.key}
        self._keys |= keyed
        done += len(batch) - len(keyed)
        step(len(batch))
        batch.clear()
        # The hash of what was read makes sure that it is the same file: taken when all is read.
        told = Progress(
            done=done,
            size=size or self._before.size,
            keys=tuple(sorted(self._keys)),
            sha256=self._hash(size) if size else self._before.sha256,
        )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(told))
        part.replace(self._file)
        return done

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.is_file() else 0

    def _hash(self, size: int) -> str:
        made = hashlib.sha256()
        with self._path.open("rb") as file:
            while size > 0 and (piece := file.read(min(size, 1 << 20))):
                made.update(piece)
                size -= len(piece)
        return made.hexdigest()

    def _progress(self) -> Progress:
        """Return how far it was read, from the beginning where it is another file by now."""
        try:
            told = msgspec.json.decode(self._file.read_bytes(), type=Progress)
        except (FileNotFoundError, msgspec.DecodeError):
            return Progress()
        if not told.size:
            return told
        same = self._size() >= told.size and self._hash(told.size) == told.sha256
        return told if same else Progress()

    def forget(self) -> None:
        """Read the file from its beginning: the ids absorb what is there already."""
        self._file.unlink(missing_ok=True)
