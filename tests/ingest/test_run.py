"""Pulled sources through real parts: a poisoned mail between good ones, and servers that are away."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import signal
import smtplib
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import msgspec
import pytest

from cli.up.ports import free_port
from ingest.channels.email.account import Account
from ingest.intake.cursors import Cursors
from ingest.parser_pool.pool import ParserPool
from ingest.run import SourceRunner
from ingest.sources.state_folder import StateFolder
from runtime.archive.opening import open_archive
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import DoorSettings, OpsSettings, ParsersSettings, Settings
from runtime.stage import probes
from schemas import topics
from schemas.message import Message
from tests.support import http_clients
from tests.support.ingest.archive_bucket import bucket_settings
from tests.support.ingest.ingesting import ingesting
from tests.support.ingest.poison import COMMAND
from tests.support.json_body import JsonBody
from tests.support.servers.broker import read_topic
from tests.support.servers.dovecot import Dovecot
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.s3 import S3
from tests.support.stages import post, process
from tests.support.waiting import until, wait

QUICK = ParsersSettings(processes=2, cpu=timedelta(seconds=0.5), memory_mb=64)
FAILS = ("loops", "raises", "crashes", "eats")


_users = itertools.count()


@pytest.fixture
def box(dovecot: Dovecot) -> str:
    """A user of the test's own, whose mailbox is there."""
    user = f"zehir{next(_users)}"
    dovecot.doveadm("mailbox", "create", "-u", user, "var")
    return user


def _mail(subject: str, body: str, head: str = "") -> bytes:
    return (
        f"From: Ada <ada@musteri.example>\r\nMessage-ID: <{subject}@musteri.example>\r\n"
        f"Subject: {subject}\r\n{head}\r\n{body}"
    ).encode("latin-1")


async def test_poisoned_mails_between_good_ones_hold_nothing_up(
    kafka: Settings, dovecot: Dovecot, box: str, tmp_path: Path
) -> None:
    subjects = [s for word in FAILS for s in (f"before {word}", word)]
    for subject in [*subjects, "after"]:
        dovecot.deliver(box, _mail(subject, subject if subject in FAILS else "iyi"))
    account = Account(
        host="127.0.0.1",
        port=dovecot.port,
        tls=False,
        user=box,
        password="secret",
        poll=timedelta(milliseconds=200),
    )
    async with (
        ParserPool(QUICK, COMMAND) as parsers,
        ingesting(kafka, timedelta(seconds=10), parsers) as ingest,
    ):
        health, clock = Health("ingest"), SystemClock()
        cursors = Cursors(kafka.kafka, ingest.publisher)
        runner = SourceRunner(
            ingest=ingest,
            cursors=cursors,
            state=StateFolder(tmp_path),
            health=health,
            clock=clock,
        )
        task = asyncio.create_task(runner.run("email", "a", account))

        async def passed() -> bool:
            return await _position(cursors) > len(subjects)

        await until("the cursor is behind the last mail", passed, 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        messages = [m async for m in read_topic(kafka, topics.MESSAGES.name, Message)]
    failed = {m.subject for m in messages if "unreadable" in m.repaired}
    assert failed == set(FAILS)
    assert len(messages) == len(subjects) + 1
    assert health.report()[0] == 200


@pytest.mark.certify
async def test_a_mailbox_waits_at_a_long_mail_while_the_bucket_is_away_and_loses_no_mail(
    kafka: Settings, dovecot: Dovecot, box: str, s3: S3, tmp_path: Path
) -> None:
    for subject, body in (("short", "iyi"), ("long", "x" * 100_000), ("after", "iyi")):
        dovecot.deliver(box, _mail(subject, body))
    account = Account(
        host="127.0.0.1",
        port=dovecot.port,
        tls=False,
        user=box,
        password="secret",
        poll=timedelta(milliseconds=200),
    )
    archive = open_archive(bucket_settings(tmp_path, s3.url))
    async with ingesting(kafka, timedelta(seconds=10)) as parts:
        ingest = dataclasses.replace(parts, archive=archive)
        health, clock = Health("ingest"), SystemClock()
        neighbour = probes.archive_neighbour(archive, bucket_settings(tmp_path, s3.url), clock)
        health.add("archive", neighbour.problem)
        cursors = Cursors(kafka.kafka, ingest.publisher)
        s3.broken = [503] * 10_000
        neighbour.start()
        runner = SourceRunner(
            ingest=ingest,
            cursors=cursors,
            state=StateFolder(tmp_path),
            health=health,
            clock=clock,
            neighbours=[neighbour],
        )
        task = asyncio.create_task(runner.run("email", "a", account))

        async def subjects() -> list[str]:
            records = read_topic(kafka, topics.MESSAGES.name, Message)
            return [message.subject async for message in records]

        async def short_ones() -> bool:
            return set(await subjects()) == {"after", "short"}

        await until("the short mails beside it", short_ones, 60)
        await until("readiness names the archive", lambda: b"503" in health.report()[1], 30)
        assert health.report()[0] == 503
        tries = len(s3.broken)
        await until("the long mail is tried again", lambda: len(s3.broken) < tries - 6, 60)
        assert set(await subjects()) == {"after", "short"}
        assert await _position(cursors) == 0
        s3.broken = []

        async def passed() -> bool:
            return await _position(cursors) >= 3

        await until("flow is back", passed, 12)
        assert set(await subjects()) == {"after", "long", "short"}
        await until("it is ready", lambda: health.report()[0] == 200, 20)
        neighbour.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    archive.close()


async def _position(cursors: Cursors) -> int:
    cursor = await cursors.load("email:a:INBOX")
    return cursor.position if cursor else 0


@contextlib.contextmanager
def _silent() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture
def up(dovecot: Dovecot, box: str, tmp_path: Path) -> Iterator[LocalProfile]:
    """The local profile with one mailbox that is there and four that can't be read."""
    lmtp = free_port()
    with _silent() as silent:
        away = {
            "unknown": 'host = "imap.invalid"',
            "refused": f'host = "127.0.0.1"\nport = {free_port()}',
            "silent": f'host = "127.0.0.1"\nport = {silent}',
            "locked": f'host = "127.0.0.1"\nport = {dovecot.port}\npassword = "yanlış"',
        }
        tables = "".join(
            f'\n[channels.email.{name}]\ntls = false\ntimeout = "2s"\nuser = "{box}"\n{lines}\n'
            for name, lines in away.items()
        )
        profile = LocalProfile(
            tmp_path,
            f"""
[mail_door]
protocol = "lmtp"
port = {lmtp}
{tables}
[channels.email.there]
host = "127.0.0.1"
port = {dovecot.port}
tls = false
user = "{box}"
password = "secret"
poll = "1s"
addresses = ["destek@ornek.example"]

[channels.mastodon.away]
url = "https://mastodon.invalid"
token = "x"
""",
        ).start()
        try:
            profile.access["lmtp"] = lmtp
            yield profile
        finally:
            profile.stop()


# Each of these was neither accepted nor buried once.
HOSTILE = {
    "idna": _mail("idna", "\xfc", "Content-Type: text/plain; charset=idna\r\n"),
    "nul": _mail("nul", "\xfc", 'Content-Type: text/plain; charset="a\0b"\r\n'),
    "nested": _mail(
        "nested",
        "".join(
            f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n"
            for n in range(1000)
        ),
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=never\r\n",
    ),
    "marks": _mail("marks", "<p>" + "&#xE000;x" * 6000, "Content-Type: text/html\r\n"),
}


def test_sources_that_are_away_keep_neither_the_profile_nor_other_mail_waiting(
    up: LocalProfile, dovecot: Dovecot, box: str
) -> None:
    mails = {"good": _mail("good", "Kargom nerede?"), **HOSTILE, "last": _mail("last", "Merhaba")}
    for raw in mails.values():
        dovecot.deliver(box, raw)
    with smtplib.LMTP("127.0.0.1", up.access["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        for name, raw in HOSTILE.items():
            raw = raw.replace(b"Message-ID: <", b"Message-ID: <lmtp-")
            assert not client.sendmail("ada@musteri.example", ["destek@ornek.example"], raw), name

    def ledger() -> JsonBody:
        totals: JsonBody = json.loads(up.cli("ledger", "--json").stdout.splitlines()[-1])
        return totals

    def accounted() -> bool:
        (line,) = [s for s in ledger()["sources"] if s["source"] == "email:there"]
        return bool(line["held"] == len(mails) and not line["unaccounted"])

    wait("every mail is a message or a dead letter", accounted, 60)
    away = {s["source"]: s["held"] for s in ledger()["sources"]}
    assert away["email:silent"] is None
    base = up.access["ops"]["ingest"]
    report = httpx2.get(f"{base}/readyz?verbose").json()
    assert report["ready"], report
    assert report["notes"]["source email:there"] == "ok"
    for name in ("unknown", "refused", "silent", "locked"):
        assert report["notes"][f"source email:{name}"] == "no finished poll yet"
    metrics = httpx2.get(f"{base}/metrics").text
    assert 'santral_source_ready{source="email:there"} 1.0' in metrics
    assert 'santral_source_ready{source="email:unknown"} 0.0' in metrics


@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGTERM])
async def test_the_end_of_one_door_of_a_shared_port_loses_nothing_acknowledged(
    kafka: Settings, tmp_path: Path, harm: signal.Signals
) -> None:
    settings = msgspec.structs.replace(
        kafka,
        home=str(tmp_path),
        door=DoorSettings(port=free_port(), share_port=True),
        ops=OpsSettings(port=free_port()),
    )
    further = msgspec.structs.replace(settings, ops=OpsSettings(port=free_port()))
    acknowledged: set[str] = set()
    enough = asyncio.Event()

    async def write(name: str) -> None:
        for number in itertools.count():
            if enough.is_set():
                return
            with contextlib.suppress(httpx2.TransportError):  # its door ends, and it tries another
                answer = await post(settings, f"{name}-{number}")
                if answer.status_code == 202:
                    acknowledged.add(answer.json()["id"])

    def accepts(door: Settings) -> bool:
        metrics = http_clients.get(f"http://127.0.0.1:{door.ops.port}/metrics").text
        return 'santral_messages_accepted_total{channel="api"}' in metrics

    with (
        process(settings, "ingest"),
        process(further, "ingest", "--only", "door") as stage,
    ):
        writing = [asyncio.create_task(write(f"{harm.name}-{n}")) for n in range(4)]
        await until("both accept", lambda: accepts(settings) and accepts(further))
        stage.send_signal(harm)
        before = len(acknowledged)
        await until("the other goes on", lambda: len(acknowledged) > before + 20)
        await until("it has ended", lambda: stage.poll() is not None)
        enough.set()
        await asyncio.gather(*writing)
    published = {message.id async for message in read_topic(kafka, topics.MESSAGES.name, Message)}
    assert acknowledged <= published
