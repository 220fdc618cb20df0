"""A delivery by reference is one again behind the spool and behind a dead letter, also an old one."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ingest.channel import Context, Delivery
from ingest.channels.email import Email
from ingest.channels.email.account import Account
from ingest.intake.spool import Spool, delivery_of
from ingest.intake.stored_hint import read_hint, stored_hint
from runtime.spool import DiskSpool
from schemas.dead_letter import Origin

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MAIL = b"From: a@ornek.example\r\nMessage-ID: <1@x>\r\n\r\nFaturam yanl\xc4\xb1\xc5\x9f\r\n"
NAME = "mail in a bucket"
OLD_FILE = (
    b'{"channel":"email","account":"destek","received_at":"2026-11-20T09:00:00Z",'
    b'"traceparent":null,"position":null,"hint":"mail in a bucket"}\n'
    b'{"key":"in/k1","sender":"a@ornek.example","to":"destek@ornek.example"}'
)
"""A file of the spool as versions before this test wrote it."""

CONTEXT = Context[Account](brand="default")


def test_an_old_file_of_the_spool_is_still_a_mail_in_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "00001763629200000000-old").write_bytes(OLD_FILE)
    disk = DiskSpool(tmp_path)
    (path,) = disk.paths()
    entry = disk.read(path)
    assert entry is not None
    delivery = delivery_of(*entry)
    notice = Email().parse(delivery, CONTEXT).notice
    assert (notice and notice.ref, delivery.hint) == ("in/k1", None)


def test_an_old_dead_letter_is_still_a_mail_in_a_bucket() -> None:
    origin = msgspec.json.decode(b'{"position":null,"hint":"mail in a bucket"}', type=Origin)
    assert read_hint(origin.hint, origin.position) == (None, True)


def test_an_older_version_reads_the_hint_that_this_one_stores() -> None:
    delivery = Delivery(raw=b"{}", account="a", received_at=NOW, by_reference=True)
    assert stored_hint(delivery) == NAME


def test_a_mailbox_of_any_name_is_a_mailbox() -> None:
    delivery = Delivery(raw=MAIL, account="a", received_at=NOW, hint=NAME, position=f"{NAME};1;7")
    parsed = Email().parse(delivery, CONTEXT)
    assert (parsed.notice, parsed.message.text) == (None, "Faturam yanlış")
    assert read_hint(stored_hint(delivery), delivery.position) == (NAME, False)


DELIVERY = Delivery(raw=MAIL, account="destek", received_at=NOW)


@pytest.mark.parametrize(
    "delivery",
    [
        DELIVERY,
        replace(DELIVERY, hint="INBOX", position="INBOX;1;7"),
        replace(DELIVERY, raw=b'{"key":"in/k1"}', by_reference=True),
    ],
    ids=["posted", "mailbox", "by reference"],
)
async def test_a_delivery_comes_out_of_the_spool_as_it_went_in(
    tmp_path: Path, delivery: Delivery
) -> None:
    spool = Spool(DiskSpool(tmp_path))
    await spool.put("email", delivery)
    (path,) = spool.disk.paths()
    entry = spool.disk.read(path)
    assert entry is not None
    assert delivery_of(*entry) == delivery
