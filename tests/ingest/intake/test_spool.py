"""Deliveries that wait on disk: kept across a restart, published once Kafka is back, none twice."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from ingest.channels import form
from ingest.channels.email.account import Account
from ingest.door.http import Door, app
from ingest.intake.drain import SpoolDrain
from ingest.parser_pool.pool import ParserPool
from runtime.bus.readers import read_to_end
from runtime.health.checks import Health
from runtime.settings.structs import ParsersSettings, Settings
from runtime.spool import DiskSpool, WaitingDelivery
from schemas import envelope, topics
from schemas.errors import Retry, Unavailable
from schemas.message import Message
from tests.support.ingest.ingesting import ingesting
from tests.support.ingest.poison import COMMAND
from tests.support.servers.broker import broker_process, read_topic
from tests.support.waiting import wait

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCOUNTS = {"email": {"destek": Account()}}


def _mail(number: int) -> bytes:
    return f"From: a@ornek.example\r\nMessage-ID: <{number}@x>\r\n\r\nFaturam yanlış\r\n".encode()


def _waiting(number: int = 0, **more: str) -> WaitingDelivery:
    fields = {"channel": "email", "account": "destek"} | more
    return WaitingDelivery(received_at=NOW + timedelta(seconds=number), **fields)  # type: ignore[arg-type]  # texts only


def _entries(disk: DiskSpool) -> list[tuple[Path, WaitingDelivery, bytes]]:
    entries = ((path, disk.read(path)) for path in disk.paths())
    return [(path, *entry) for path, entry in entries if entry is not None]


def test_deliveries_keep_their_order_over_a_restart(tmp_path: Path) -> None:
    disk = DiskSpool(tmp_path / "pending")
    for number in (3, 1, 2):
        disk.put(_waiting(number), b"raw\n\x00\xff" + bytes([number]))
    (tmp_path / "pending" / ".half").write_bytes(b"written when it died")
    again = DiskSpool(tmp_path / "pending")
    assert again.count() == 3
    assert [raw[-1] for _, _, raw in _entries(again)] == [1, 2, 3]
    for path, waiting, raw in _entries(again):
        assert waiting.account == "destek"
        assert raw.startswith(b"raw\n\x00\xff")
        again.done(path)
        again.done(path)
    assert again.count() == 0


def test_a_damaged_entry_stays_and_holds_no_other_up(tmp_path: Path) -> None:
    disk = DiskSpool(tmp_path)
    disk.put(_waiting(1), b"good")
    (tmp_path / "00000000000000000000-bad").write_bytes(b"no json\nraw")
    assert [raw for _, _, raw in _entries(disk)] == [b"good"]
    assert disk.count() == 2


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="can't be written"):
        DiskSpool(tmp_path / "file").put(_waiting(), b"x")


async def test_with_kafka_back_all_is_published_once_but_deliveries_without_an_account_stay(
    kafka: Settings, tmp_path: Path
) -> None:
    process = broker_process(kafka)
    disk = DiskSpool(tmp_path)
    for number in range(5):
        disk.put(_waiting(number), _mail(number))
    disk.put(_waiting(9, account="gone"), _mail(9))
    async with ingesting(kafka, timedelta(seconds=2), disk=disk) as ingest:
        process.suspend()
        try:
            with pytest.raises(Retry):
                await SpoolDrain(ingest, ACCOUNTS).publish()
        finally:
            process.resume()
        assert disk.count() == 6
        async with asyncio.timeout(60):
            while disk.count() > 1:
                try:
                    await SpoolDrain(ingest, ACCOUNTS).publish()
                except Retry:
                    continue
    messages = [
        envelope.decode(Message, r.value)
        async for records in read_to_end(kafka.kafka, [topics.MESSAGES.name])
        for r in records
    ]
    assert {m.native_id for m in messages} == {f"<{n}@x>" for n in range(5)}
    assert {m.received_at for m in messages} == {NOW + timedelta(seconds=n) for n in range(5)}
    assert wait("the one without an account stays", lambda: disk.count()) == 1


async def test_a_mail_that_its_parser_fails_on_is_unreadable_and_delays_no_other(
    kafka: Settings, tmp_path: Path
) -> None:
    disk = DiskSpool(tmp_path)
    for number, word in enumerate(("first", "raises", "last")):
        disk.put(_waiting(number), _mail(number) + word.encode())
    async with (
        ParserPool(ParsersSettings(processes=1), COMMAND) as parsers,
        ingesting(kafka, timedelta(seconds=10), parsers, disk) as ingest,
    ):
        assert await SpoolDrain(ingest, ACCOUNTS).publish() == 3
    assert disk.count() == 0
    messages = [m async for m in read_topic(kafka, topics.MESSAGES.name, Message)]
    assert len(messages) == 3
    assert [m.native_id for m in messages if "unreadable" in m.repaired] == ["<1@x>"]


async def test_a_visitor_gets_a_receipt_while_kafka_is_away_and_is_read_when_it_is_back(
    kafka: Settings, tmp_path: Path
) -> None:
    accounts = {"form": {"site": form.Account()}}
    disk, process = DiskSpool(tmp_path / "pending"), broker_process(kafka)
    async with (
        ingesting(kafka, timedelta(seconds=2), disk=disk) as ingest,
        httpx2.AsyncClient() as client,
    ):
        drain = SpoolDrain(ingest, accounts)
        door = Door(
            settings=kafka,
            ingest=ingest,
            replies=None,
            accounts=accounts,
            desk=client,  # type: ignore[arg-type]  # no chat here
            outside=client,
        )
        transport = httpx2.ASGITransport(app=app(door, Health("ingest")))
        async with httpx2.AsyncClient(transport=transport, base_url="http://door") as visitor:
            stamp = form.make_stamp(
                kafka.tokens.signing.encode(), "site", datetime.now(UTC) - timedelta(minutes=1)
            )
            fields = {"text": "İnternetim yok", "email": "ayse@ornek.example", "stamp": stamp}
            process.suspend()
            try:
                answer = await visitor.post(
                    "/v1/forms/site", files={k: (None, v) for k, v in fields.items()}
                )
            finally:
                process.resume()
            assert answer.status_code == 200, answer.text
            assert disk.count() == 1
            async with asyncio.timeout(60):
                while disk.count():
                    with contextlib.suppress(Retry):
                        await drain.publish()
        messages = [
            envelope.decode(Message, r.value)
            async for records in read_to_end(kafka.kafka, [topics.MESSAGES.name])
            for r in records
        ]
    assert [m.text for m in messages] == ["İnternetim yok"]
    assert messages[0].id.partition("-")[0].upper() in answer.text, "the receipt names the message"
