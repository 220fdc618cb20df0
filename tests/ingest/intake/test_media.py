"""Files that a vendor still holds: fetched after the vendor was answered, said where they are not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from ingest.channel import AccountSettings, Context, Delivery, MediaClient, Notice
from ingest.channels.whatsapp import Whatsapp
from ingest.channels.whatsapp.account import Account
from ingest.intake.drain import SpoolDrain
from ingest.intake.media import PATIENCE, fetch_content, fetch_files
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.readers import read_to_end
from runtime.http.public_client import PublicClient
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool
from schemas import envelope, topics
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.ingest.ingesting import ingesting
from tests.support.ingest.vendor_calls import whatsapp_body, whatsapp_message
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def _delivery(*files: str, received_at: datetime = NOW) -> Delivery:
    kinds = ("document", "image", "video")
    more = {
        k: {"id": f, "mime_type": "application/octet-stream"}
        for k, f in zip(kinds, files, strict=False)
    }
    (raw,) = Whatsapp().take(whatsapp_body(whatsapp_message("document", **more))).deliveries
    return Delivery(raw=raw, account="a", received_at=received_at)


@pytest.fixture
async def web() -> AsyncIterator[PublicClient]:
    """The guarded client."""
    client = PublicClient()
    yield client
    await client.close()


def _serves(vendor: Vendor, number: str, data: bytes, status: int = 200) -> None:
    vendor.says(f"/{number}", {"url": f"{vendor.url}/datei{number}"})
    vendor.says(f"/datei{number}", data, status=status)


async def test_each_file_has_its_index_its_type_and_its_hash(
    vendor: Vendor, web: PublicClient
) -> None:
    _serves(vendor, "1", b"%PDF-1.7 x")
    _serves(vendor, "2", b"gone", status=404)
    _serves(vendor, "3", b"\x89PNG\r\n\x1a\n" + b"0" * 20)
    settings = Account(token="t", api=vendor.url)
    parsed = Whatsapp().parse(_delivery("1", "2", "3"), Context(brand="b", settings=settings))
    fetched = await fetch_files(Whatsapp(), parsed, settings, web, last=False)
    by_name = {a.name.partition(".")[0]: a for a in fetched.message.attachments}
    assert "404" in by_name["document" if by_name["document"].refused else "video"].refused or (
        "404" in next(a.refused for a in fetched.message.attachments if a.refused)
    )
    complete = [a for a in fetched.message.attachments if not a.refused]
    assert [a.sha256 for a in complete] == [sha256(f).hexdigest() for f in fetched.files]
    assert {a.type for a in complete} == {"application/pdf", "image/png"}


async def test_a_file_that_may_still_come_is_awaited_and_in_the_end_refused(
    vendor: Vendor, web: PublicClient
) -> None:
    _serves(vendor, "1", b"busy", status=503)
    settings = Account(token="t", api=vendor.url)
    parsed = Whatsapp().parse(_delivery("1"), Context(brand="b", settings=settings))
    with pytest.raises(Retry):
        await fetch_files(Whatsapp(), parsed, settings, web, last=False)
    fetched = await fetch_files(Whatsapp(), parsed, settings, web, last=True)
    assert "503" in fetched.message.attachments[0].refused
    assert fetched.files == ()


async def test_a_bomb_is_refused_and_a_channel_without_a_fetch_is_a_bug(
    vendor: Vendor, web: PublicClient
) -> None:
    import gzip

    _serves(vendor, "1", gzip.compress(b"0" * 300_000_000, 9))
    settings = Account(token="t", api=vendor.url)
    parsed = Whatsapp().parse(_delivery("1"), Context(brand="b", settings=settings))
    fetched = await fetch_files(Whatsapp(), parsed, settings, web, last=False)
    assert fetched.message.attachments[0].refused == "it would burst"
    with pytest.raises(TypeError):
        await fetch_files(object(), parsed, settings, web, last=False)


class Broken(Whatsapp):
    """A channel with a bug in its requests to the vendor."""

    async def fetch(self, ref: str, settings: AccountSettings, web: MediaClient) -> bytes:
        """Fail."""
        raise KeyError("a field of an answer")

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: AccountSettings, web: MediaClient
    ) -> bytes:
        """Fail."""
        raise KeyError("a field of an answer")


async def test_a_bug_in_a_fetch_costs_the_file_and_leaves_the_words(web: PublicClient) -> None:
    settings = Account(token="t")
    parsed = Whatsapp().parse(_delivery("1"), Context(brand="b", settings=settings))
    fetched = await fetch_files(Broken(), parsed, settings, web, last=False)
    assert fetched.message.text == parsed.message.text
    assert fetched.message.attachments[0].refused == "KeyError in fetch"


async def test_a_bug_in_asking_for_a_message_is_a_dead_letter_only_without_its_words(
    web: PublicClient,
) -> None:
    notice = Notice(ref="1")
    assert await fetch_content(Broken(), notice, b"", None, web, waited=timedelta()) is None
    with pytest.raises(Rejected, match=r"parser\.bug"):
        await fetch_content(
            Broken(), replace(notice, bare=True), b"", None, web, waited=timedelta()
        )


async def test_a_message_with_a_file_is_safe_at_once_and_published_with_it(
    kafka: Settings, tmp_path: Path, vendor: Vendor
) -> None:
    _serves(vendor, "1", b"%PDF-1.7 x")
    settings = Account(token="t", api=vendor.url)
    disk = DiskSpool(tmp_path)
    clock_now = datetime.now(UTC)
    async with ingesting(kafka, timedelta(seconds=20), disk=disk) as ingest:
        drain = SpoolDrain(ingest, {"whatsapp": {"a": settings}})
        await ingest.publish_or_spool(
            Whatsapp(), settings, _delivery("1", received_at=clock_now), patient=True
        )
        assert disk.count() == 1
        assert vendor.requests == [], "the vendor waits for an answer: nothing is fetched meanwhile"
        assert await drain.publish() == 0
        assert await drain.finish_fetches() == 1
        assert disk.count() == 0
        (message,) = await _messages(kafka)
        (file,) = message.attachments
        assert FolderArchive(kafka.archive_path).path(file.sha256).read_bytes() == b"%PDF-1.7 x"


async def test_a_vendor_that_is_away_holds_no_other_message_up(
    kafka: Settings, tmp_path: Path, vendor: Vendor
) -> None:
    _serves(vendor, "1", b"busy", status=503)
    settings = Account(token="t", api=vendor.url)
    disk = DiskSpool(tmp_path)
    now = datetime.now(UTC)
    async with ingesting(kafka, timedelta(seconds=20), disk=disk) as ingest:
        drain = SpoolDrain(ingest, {"whatsapp": {"a": settings}})
        await ingest.publish_or_spool(
            Whatsapp(), settings, _delivery("1", received_at=now), patient=True
        )
        await drain.publish()
        assert await drain.finish_fetches() == 0
        (text,) = (
            Whatsapp()
            .take(whatsapp_body(whatsapp_message(text={"body": "sonra"}, id="wamid.9")))
            .deliveries
        )
        later = Delivery(raw=text, account="a", received_at=now)
        await ingest.publish_or_spool(Whatsapp(), settings, later, patient=True)
        assert [m.text for m in await _messages(kafka)] == ["sonra"]
        requests = len(vendor.requests)
        await drain.publish()
        await drain.finish_fetches()
        assert len(vendor.requests) == requests, "it is not asked again at once"
        # Its patience is over when it was received long ago.
        old = replace(_delivery("1"), received_at=now - PATIENCE - timedelta(minutes=1))
        await ingest.publish_or_spool(Whatsapp(), settings, old, patient=True)
        await drain.publish()
        assert await drain.finish_fetches() == 1
        messages = [m for m in await _messages(kafka) if m.attachments]
        assert "503" in messages[0].attachments[0].refused


async def _messages(settings: Settings) -> list[Message]:
    return [
        envelope.decode(Message, r.value)
        async for records in read_to_end(settings.kafka, [topics.MESSAGES.name])
        for r in records
    ]
