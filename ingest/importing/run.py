"""`santral import` publishes history from CSV, JSON lines, mbox and Maildir.

It goes through the channels' own parsers, and the ids drop repeated messages. Imported messages are
stored, decided and searchable; they open no work unless the command asks for it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from ingest.accounts import DEFAULT_ACCOUNT, configured_accounts
from ingest.channel import Delivery
from ingest.importing.entries import ImportEntry, ImportKind, read_entries
from ingest.importing.progress import ImportProgress, ProgressFile
from ingest.intake.accept import Ingest
from ingest.intake.build import build_ingest
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.http.public_client import PublicClient
from runtime.settings.structs import Settings
from schemas.errors import Retry, Unavailable
from schemas.message import Message

FLAG = "imported"

_BATCH_ENTRIES = 64  # entries that are published at the same time
_MAX_TRIES = 30  # Kafka is away for five minutes at most
_MIN_PAUSE_S, _MAX_PAUSE_S = 1.0, 10.0


@dataclass(kw_only=True)
class ImportCount:
    """The results of a file's entries so far."""

    accepted: int = 0
    refused: int = 0
    skipped: int = 0


def as_history(message: Message) -> Message:
    """Return the message with the flag of history, which opens no work and takes no answer."""
    return msgspec.structs.replace(message, flags=(*message.flags, FLAG), answering=None)


class Import:
    """One run over one file or folder."""

    def __init__(self, settings: Settings, path: Path, account: str, *, work: bool) -> None:
        self._settings, self._path, self._account, self._work = settings, path, account, work
        self._file = ProgressFile(settings.home_path, path, account, work=work)
        self._accounts = configured_accounts(settings)
        self._previous = ImportProgress()
        self._keys: set[str] = set()
        self.count = ImportCount()

    def begin(self, kind: ImportKind) -> int:
        """Return how many entries there are to read; raise Unavailable for an unknown account."""
        channel = "email" if kind in ("mbox", "maildir") else "api"
        accounts = self._accounts[channel]
        if self._account != DEFAULT_ACCOUNT and self._account not in accounts:
            configured = ", ".join(accounts)
            text = f"no account {self._account!r} of {channel}; configured: {configured}"
            raise Unavailable(text)
        self._previous = self._file.load()
        self._keys = set(self._previous.keys)
        return sum(1 for _ in read_entries(self._path, kind, frozenset(self._keys)))

    async def run(self, kind: ImportKind, advance: Callable[[int], object]) -> ImportCount:
        """Import the entries that were not imported yet.

        `advance` gets the number of entries that were done since its last call. Raises Unavailable
        when Kafka stays away.
        """
        web = PublicClient()
        publisher = Publisher(self._settings.kafka, "santral-import")
        parsers = ParserPool(self._settings.parsers)
        ingest = build_ingest(self._settings, SystemClock(), publisher, parsers, web)
        if not self._work:
            ingest = replace(ingest, finish=as_history)
        self.count.skipped = len(self._keys)
        try:
            async with parsers:
                await self._import(ingest, kind, advance)
        finally:
            await publisher.stop()
            await web.close()
            await asyncio.to_thread(ingest.archive.close)
        return self.count

    def forget(self) -> None:
        """Read the file from its beginning: the ids drop the messages that are there already."""
        self._file.forget()

    async def _import(
        self, ingest: Ingest, kind: ImportKind, advance: Callable[[int], object]
    ) -> None:
        """Publish the entries in batches, and save the progress after each."""
        done, size = self._previous.done, self._file.size()
        batch: list[ImportEntry] = []
        entries = read_entries(self._path, kind, frozenset(self._keys))
        for number, entry in enumerate(entries):
            if number < self._previous.done:
                self.count.skipped += 1
                advance(1)
                continue
            batch.append(entry)
            if len(batch) == _BATCH_ENTRIES:
                done = await self._publish_batch(ingest, batch, done)
                advance(len(batch))
                batch = []
        await self._publish_batch(ingest, batch, done, size=size)
        advance(len(batch))

    async def _publish_batch(
        self, ingest: Ingest, batch: list[ImportEntry], done: int, *, size: int = 0
    ) -> int:
        """Publish a batch and save the progress; return how many entries of the file are done.

        The last batch gives the `size` of the file, whose hash is then saved.
        """
        await asyncio.gather(*(self._publish(ingest, entry) for entry in batch))
        keys = {entry.key for entry in batch if entry.key}
        self._keys |= keys
        done += len(batch) - len(keys)
        self._file.save(done, self._keys, self._previous, size=size)
        return done

    async def _publish(self, ingest: Ingest, entry: ImportEntry) -> None:
        """Publish one entry, after a short absence of Kafka too; raise Unavailable after a long."""
        channel = CHANNELS[entry.channel]
        settings = self._accounts[entry.channel].get(self._account) or channel.account()
        for _ in range(_MAX_TRIES):
            delivery = Delivery(
                raw=entry.raw, account=self._account, received_at=ingest.clock.now()
            )
            try:
                message = await ingest.publish_or_bury(channel, delivery, settings)
            except Retry as error:
                await asyncio.sleep(min(_MAX_PAUSE_S, max(_MIN_PAUSE_S, error.after)))
                continue
            self.count.accepted += message is not None
            self.count.refused += message is None
            return
        raise Unavailable("Kafka is away: start it, and give the same command again")
