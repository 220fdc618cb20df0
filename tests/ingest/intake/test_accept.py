"""A delivery is accepted only after both Kafka and the disk have it."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.channel import Delivery
from ingest.intake.accept import Ingest
from ingest.intake.drain import SpoolDrain
from ingest.intake.spool import Spool
from ingest.registry import CHANNELS
from runtime.archive.folder_archive import FolderArchive
from runtime.archive.opening import open_archive
from runtime.archive.protocol import Archive
from runtime.clock import SystemClock
from runtime.http.public_client import PublicClient
from runtime.spool import DiskSpool
from schemas.base import Record
from schemas.errors import Retry, Unavailable
from schemas.message import Message
from schemas.topics import AnyTopic
from tests.support.ingest.archive_bucket import bucket_settings
from tests.support.waiting import until

MAIL = b"From: ada@ornek.example\r\nMessage-ID: <1@x>\r\n\r\nFaturam yanlis\r\n"


class _ListPublisher:
    """A list in place of Kafka."""

    healthy = True

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, _topic: AnyTopic, record: Record, **_options: object) -> None:
        """Keep a record."""
        self.records.append(record)


class _Slow(FolderArchive):
    """A folder on a disk that answers when a test says so."""

    def __init__(self, root: Path, failure: str = "") -> None:
        super().__init__(root)
        self.gate, self.failure = threading.Event(), failure

    def flush(self) -> None:
        """Wait, then succeed or fail."""
        self.gate.wait(5)
        if self.failure:
            raise Unavailable(self.failure)
        super().flush()


def _parts(archive: Archive, folder: Path) -> tuple[Ingest, _ListPublisher, Delivery]:
    published = _ListPublisher()
    ingest = Ingest(
        archive=archive,
        spool=Spool(DiskSpool(folder / "spool")),
        publisher=published,  # type: ignore[arg-type]  # a list stands for Kafka
        clock=SystemClock(),
        brand="default",
        web=PublicClient(),
    )
    delivery = Delivery(account="destek", raw=MAIL, received_at=datetime.now(UTC))
    return ingest, published, delivery


async def _accept(ingest: Ingest, delivery: Delivery) -> Message | None:
    channel = CHANNELS["email"]
    return await ingest.publish_or_bury(channel, delivery, channel.account())


async def test_kafka_alone_does_not_accept_a_delivery(tmp_path: Path) -> None:
    archive = _Slow(tmp_path)
    ingest, published, delivery = _parts(archive, tmp_path)
    accepting = asyncio.create_task(_accept(ingest, delivery))
    await until("Kafka has it", lambda: published.records)
    assert not accepting.done()
    archive.gate.set()
    message = await accepting
    assert message is not None
    assert message.raw is not None
    assert archive.read(message.raw) == MAIL


async def test_a_disk_that_fails_makes_the_delivery_come_again(tmp_path: Path) -> None:
    archive = _Slow(tmp_path, failure="the disk is full")
    archive.gate.set()
    ingest, _, delivery = _parts(archive, tmp_path)
    with pytest.raises(Retry, match="full"):
        await _accept(ingest, delivery)


async def test_a_bucket_that_hangs_delays_no_short_delivery(tmp_path: Path) -> None:
    connections: list[asyncio.StreamWriter] = []

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    archive = open_archive(bucket_settings(tmp_path, url))
    ingest, _, short = _parts(archive, tmp_path)
    long = replace(short, raw=MAIL + bytes(100_000))
    hanging = [asyncio.create_task(_accept(ingest, long)) for _ in range(20)]
    await until("the bucket has requests", lambda: len(connections) >= 4)
    async with asyncio.timeout(5):
        await _accept(ingest, short)
    assert not any(task.done() for task in hanging)
    server.close()
    while not all(task.done() for task in hanging):
        for writer in connections:
            writer.close()
        await asyncio.wait(hanging, timeout=0.1)
    errors = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(error, Retry) for error in errors), errors


class _Away(_ListPublisher):
    """A Kafka that is away."""

    async def publish(self, _topic: AnyTopic, _record: Record, **_options: object) -> None:
        """Fail."""
        raise Retry(2, "Kafka is away")


@pytest.mark.parametrize("patient", [True, False])
async def test_the_spool_keeps_a_delivery_only_for_a_source_that_reads_it_once(
    tmp_path: Path, *, patient: bool
) -> None:
    ingest, _, delivery = _parts(FolderArchive(tmp_path), tmp_path)
    ingest = replace(ingest, publisher=_Away())  # type: ignore[arg-type]  # it has publish alone
    channel = CHANNELS["email"]
    if patient:
        with pytest.raises(Retry, match="away"):
            await ingest.publish_or_spool(channel, channel.account(), delivery, patient=True)
    else:
        await ingest.publish_or_spool(channel, channel.account(), delivery, patient=False)
    assert ingest.spool.disk.count() == (0 if patient else 1)


async def test_the_drain_publishes_a_delivery_as_it_was_put_into_the_spool(tmp_path: Path) -> None:
    ingest, published, delivery = _parts(FolderArchive(tmp_path), tmp_path)
    delivery = replace(delivery, position="INBOX;1;7", hint="INBOX")
    await ingest.spool.put("email", delivery)
    drain = SpoolDrain(ingest, {"email": {"destek": CHANNELS["email"].account()}})
    assert await drain.publish() == 1
    (message,) = published.records
    assert isinstance(message, Message)
    assert (message.position, message.received_at) == ("INBOX;1;7", delivery.received_at)
    assert ingest.spool.disk.count() == 0
