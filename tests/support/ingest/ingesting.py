"""The ingest step by itself on a broker of the tests."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec

from ingest.intake.accept import Ingest
from ingest.intake.spool import Spool
from ingest.parser_pool.pool import Parsers, ParsersInPlace
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.http.public_client import PublicClient
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool


@contextlib.asynccontextmanager
async def ingesting(
    settings: Settings,
    ack_timeout: timedelta,
    parsers: Parsers | None = None,
    disk: DiskSpool | None = None,
) -> AsyncIterator[Ingest]:
    """Yield the ingest step on that broker, which waits `ack_timeout` for an acknowledgement."""
    kafka = msgspec.structs.replace(settings.kafka, ack_timeout=ack_timeout)
    publisher, web = Publisher(kafka, "test"), PublicClient()
    try:
        yield Ingest(
            archive=FolderArchive(settings.archive_path),
            spool=Spool(disk or DiskSpool(settings.spool_path)),
            publisher=publisher,
            clock=SystemClock(),
            brand="default",
            web=web,
            parsers=parsers or ParsersInPlace(),
        )
    finally:
        await publisher.stop()
        await web.close()
