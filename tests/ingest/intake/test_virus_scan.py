"""The virus scanner, on a real clamd with a signature of our own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cli.up.ports import free_port
from ingest.intake.virus_scan import Scanner
from ingest.parsing.mail.message import parse_message
from runtime.settings.structs import ScanSettings
from schemas.errors import Retry
from schemas.message import Message
from tests.support.programs import require_program
from tests.support.servers.clamd import Clamd

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    require_program(Clamd.program, "ClamAV's clamd")
    server = Clamd().start()
    yield server
    server.stop()


def _mail(*files: bytes) -> tuple[Message, tuple[bytes, ...]]:
    parts = b"".join(
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f%d\r\n\r\n"
        % n
        + data
        + b"\r\n"
        for n, data in enumerate(files)
    )
    raw = b"From: a@x.example\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return parse_message(raw + parts + b"--b--\r\n", brand="b", account="a", received_at=NOW)


def _scanner(port: int, **more: object) -> Scanner:
    return Scanner(ScanSettings(address=f"127.0.0.1:{port}", timeout=timedelta(seconds=20), **more))  # type: ignore[arg-type]  # a table of fields


async def test_an_infected_file_is_not_kept_and_the_others_are(clamd: Clamd) -> None:
    scanned, files = await _scanner(clamd.port).scan(
        *_mail(b"one", b"x" + Clamd.SIGNATURE + b"y", b"three")
    )
    assert files == (b"one", b"three")
    assert [a.refused for a in scanned.attachments] == ["", "virus Santral.Test.UNOFFICIAL", ""]
    assert "attachment.infected" in scanned.repaired


async def test_a_large_file_is_sent_in_pieces(clamd: Clamd) -> None:
    data = b"a" * 1_000_000 + Clamd.SIGNATURE
    scanned, files = await _scanner(clamd.port).scan(*_mail(data))
    assert files == ()
    assert scanned.attachments[0].refused


async def test_a_file_too_large_for_the_scanner_passes_and_says_so(clamd: Clamd) -> None:
    mail = _mail(b"a" * 5_300_000)
    scanned, files = await _scanner(clamd.port, max_file=5_000_000).scan(*mail)
    assert len(files) == 1
    assert "attachment.unscanned" in scanned.repaired


async def test_a_delivery_waits_for_an_absent_scanner_unless_the_setting_lets_it_pass() -> None:
    port = free_port()
    with pytest.raises(Retry, match="scanner is away"):
        await _scanner(port).scan(*_mail(b"one"))
    scanned, files = await _scanner(port, when_away="pass").scan(*_mail(b"one"))
    assert (files, scanned.repaired[-1]) == ((b"one",), "attachment.unscanned")


async def test_without_an_address_no_scanner_is_called() -> None:
    scanned, files = await Scanner(ScanSettings()).scan(*_mail(b"one", Clamd.SIGNATURE))
    assert len(files) == 2
    assert scanned.repaired == _mail(b"one", Clamd.SIGNATURE)[0].repaired
