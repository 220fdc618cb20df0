"""A notice is safe at once, and its content is published after the fetch."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from ingest.channel import Delivery
from ingest.channels.phone import Phone
from ingest.intake.drain import SpoolDrain
from runtime.bus.readers import read_to_end
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter
from schemas.message import Message
from tests.support.ingest.ingesting import ingesting
from tests.support.ingest.transcription import (
    ASSEMBLYAI_NOTICE,
    TRANSCRIPT,
    phone_account,
)
from tests.support.servers.vendor import Vendor

Kind = TypeVar("Kind", Message, DeadLetter)


async def test_a_notice_is_safe_at_once_and_its_call_is_published(
    kafka: Settings, tmp_path: Path, vendor: Vendor
) -> None:
    vendor.says("/v2/transcript/t-1", TRANSCRIPT)
    settings = phone_account(vendor)
    disk, now = DiskSpool(tmp_path), datetime.now(UTC)
    async with ingesting(kafka, timedelta(seconds=20), disk=disk) as ingest:
        drain = SpoolDrain(ingest, {"phone": {"a": settings}})
        delivery = Delivery(raw=ASSEMBLYAI_NOTICE, account="a", received_at=now)
        await ingest.publish_or_spool(Phone(), settings, delivery, patient=True)
        assert (disk.count(), vendor.requests) == (1, [])
        await drain.publish()
        assert await drain.finish_fetches() == 1
        messages = await _read(kafka, topics.MESSAGES.name, Message, "phone:a")
        assert [m.text for m in messages] == ["Kargom gelmedi"]
        assert messages[0].raw
        raw = ingest.archive.read(messages[0].raw) or b""
        assert json.loads(raw)["utterances"], "the archive holds the transcript, not the notice"
        gone = Delivery(raw=ASSEMBLYAI_NOTICE.replace(b"t-1", b"t-2"), account="a", received_at=now)
        await ingest.publish_or_spool(Phone(), settings, gone, patient=True)
        await drain.publish()
        await drain.finish_fetches()
        (letter,) = await _read(kafka, topics.DEAD.name, DeadLetter, "phone:a")
        assert letter.code == "media.gone"
        assert disk.count() == 0


async def _read(kafka: Settings, topic: str, kind: type[Kind], source: str) -> list[Kind]:
    """Return the records of a topic that came from a source."""
    records_of_all = [
        envelope.decode(kind, r.value)
        async for records in read_to_end(kafka.kafka, [topic])
        for r in records
    ]
    return [record for record in records_of_all if record.source == source]
