"""`santral import`: history from CSV, JSON lines, mbox and Maildir, which needs no answer.

Before: files on disk. After: accept, through the channels' own parsers: what is there already by
its ids is a repeat. Imported messages are stored, decided and searchable; they open no work unless
that is asked for. How far a file was read is kept beside the archive, so that it can be taken up.
"""

import asyncio
import contextlib
import csv
import hashlib
import mailbox
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingest.channel import Channel, Context, Delivery, Parsed
from ingest.registry import CHANNELS
from ingest.run import accounts, build
from runtime.bus import Publisher
from runtime.clock import SystemClock
from runtime.outside import Outside
from runtime.settings import Settings
from schemas.base import Record
from schemas.errors import Retry, Unavailable

FLAG = "imported"
_AT_ONCE = 64
_TRIES = 30
Kind = Literal["csv", "jsonl", "mbox", "maildir"]
_SENDER = ("email", "phone", "handle", "customer_no", "name")
_COLUMNS = ("native_id", "text", "subject", "conversation", "sent_at", "brand", *_SENDER)
_OTHER = {"id": "native_id", "body": "text", "message": "text", "mail": "email", "e-mail": "email",
          "eposta": "email", "telefon": "phone", "tel": "phone", "konu": "subject", "metin": "text",
          "mesaj": "text", "ad": "name", "isim": "name", "tarih": "sent_at", "date": "sent_at",
          "created_at": "sent_at", "thread": "conversation"}  # fmt: skip


@dataclass(kw_only=True)
class Count:
    """What became of a file's entries so far."""

    accepted: int = 0
    refused: int = 0
    skipped: int = 0


class Progress(Record, frozen=True, kw_only=True):
    """How many entries of a file are safe."""

    done: int = 0


class Imported:
    """A channel whose messages say that they are history."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self.name = inner.name
        self.way = inner.way
        self.account = inner.account

    def parse(self, delivery: Delivery, context: Context) -> Parsed:
        """Return the inner channel's message, flagged."""
        made = self._inner.parse(delivery, context)
        message = msgspec.structs.replace(
            made.message, flags=(*made.message.flags, FLAG), answering=None
        )
        return replace(made, message=message)


def kind_of(path: Path) -> Kind:
    """Return what a path holds; raise Unavailable with what can be imported."""
    if path.is_dir() and (path / "cur").is_dir():
        return "maildir"
    ends: dict[str, Kind] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".mbox": "mbox"}
    found = ends.get(path.suffix.lower())
    if found is None and path.is_file():
        with path.open("rb") as file:
            if file.read(5) == b"From ":
                return "mbox"
    if found is None:
        raise Unavailable(
            f"{path}: not known what it is. Import takes .csv, .jsonl, .mbox, and Maildir folders"
        )
    return found


def entries(path: Path, kind: Kind) -> Iterator[tuple[str, bytes]]:
    """Yield the channel and the raw form of every entry, in the file's order."""
    if kind == "csv":
        yield from _rows(path)
    elif kind == "jsonl":
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield "api", line
    elif kind == "mbox":
        with contextlib.closing(mailbox.mbox(path, create=False)) as box:
            for key in box.iterkeys():
                yield "email", box.get_bytes(key)
    else:
        folder = mailbox.Maildir(path, create=False)
        for key in sorted(folder.iterkeys()):
            yield "email", folder.get_bytes(key)


def _rows(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the rows of a CSV file, with a header, as bodies of the API."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        sample = file.read(64 * 1024)
        file.seek(0)
        try:
            dialect: Any = csv.Sniffer().sniff(sample, delimiters=",;\t|")
        except csv.Error:
            dialect = csv.excel
        reader = csv.DictReader(file, dialect=dialect)
        names = {
            n: _OTHER.get(n.strip().lower(), n.strip().lower()) for n in reader.fieldnames or ()
        }
        if "text" not in names.values():
            raise Unavailable(
                f"{path}: its header has no column `text`. Known: {', '.join(_COLUMNS)}"
            )
        for row in reader:
            told = {names[k]: v for k, v in row.items() if k in names and isinstance(v, str) and v}
            sender = {k: told.pop(k) for k in _SENDER if k in told}
            body: dict[str, Any] = {k: v for k, v in told.items() if k in _COLUMNS}
            body["sender"] = sender
            if "sent_at" in body:
                body["sent_at"] = body["sent_at"].replace(" ", "T", 1)
                if not body["sent_at"].endswith("Z") and "+" not in body["sent_at"]:
                    body["sent_at"] += "Z" if "T" in body["sent_at"] else "T00:00:00Z"
            # A row without an id of its own is known by what it says.
            body.setdefault(
                "native_id", hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()
            )
            yield "api", msgspec.json.encode(body)


class Import:
    """One run over one file or folder."""

    def __init__(self, settings: Settings, path: Path, account: str, *, work: bool) -> None:
        self._settings, self._path, self._account, self._work = settings, path, account, work
        mark = hashlib.sha256(f"{path.absolute()}|{account}".encode()).hexdigest()[:16]
        self._progress = settings.home_path / "imports" / f"{mark}.json"
        self.count = Count()

    def total(self, kind: Kind) -> int:
        """Return how many entries there are; read through once, for the progress."""
        return sum(1 for _ in entries(self._path, kind))

    async def run(self, kind: Kind, step: Callable[[int], object]) -> Count:
        """Import what is not safe yet; `step` is told how many entries more are done."""
        found = accounts(self._settings)
        clock, web = SystemClock(), Outside()
        publisher = Publisher(self._settings.kafka, "santral-import")
        ingest = build(self._settings, clock, publisher, web)
        done = self._done()
        channels: dict[str, Any] = {
            n: CHANNELS[n] if self._work else Imported(CHANNELS[n]) for n in ("api", "email")
        }

        async def one(name: str, raw: bytes) -> None:
            settings = found[name].get(self._account) or CHANNELS[name].account()
            for _ in range(_TRIES):
                delivery = Delivery(raw=raw, account=self._account, received_at=clock.now())
                try:
                    made = await ingest.accept(channels[name], delivery, settings, bury=True)
                except Retry as error:
                    await asyncio.sleep(min(10.0, max(1.0, error.after)))
                    continue
                self.count.accepted += made is not None
                self.count.refused += made is None
                return
            raise Unavailable("Kafka is away: start it, and give the same command again")

        try:
            batch: list[tuple[str, bytes]] = []
            for number, entry in enumerate(entries(self._path, kind)):
                if number < done:
                    self.count.skipped += 1
                    step(1)
                    continue
                batch.append(entry)
                if len(batch) == _AT_ONCE:
                    done = await self._flush(batch, one, done, step)
            await self._flush(batch, one, done, step)
        finally:
            await publisher.stop()
            await web.close()
        return self.count

    async def _flush(
        self, batch: list[tuple[str, bytes]], one: Any, done: int, step: Callable[[int], object]
    ) -> int:
        await asyncio.gather(*(one(name, raw) for name, raw in batch))
        done += len(batch)
        step(len(batch))
        batch.clear()
        self._progress.parent.mkdir(parents=True, exist_ok=True)
        part = self._progress.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(Progress(done=done)))
        part.replace(self._progress)
        return done

    def _done(self) -> int:
        try:
            return msgspec.json.decode(self._progress.read_bytes(), type=Progress).done
        except (FileNotFoundError, msgspec.DecodeError):
            return 0

    def forget(self) -> None:
        """Read the file from its beginning: the ids absorb what is there already."""
        self._progress.unlink(missing_ok=True)
