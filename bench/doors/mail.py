"""Mail: parsed and cleaned on one core, and 10,000 mails picked up from Dovecot against mbsync.

Both programs write a file for each mail into the temporary folder. Set TMPDIR to a folder in memory,
because a shared disk can take longer than both of them.
"""

import asyncio
import base64
import os
import shutil
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench.comparison.figures import find_ratio
from bench.support import NOW, TEXTS
from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.parsing.mail.message import parse_message
from ingest.source import SourceContext
from tests.support.messages import MemoryCursors
from tests.support.servers.dovecot import Dovecot

MAILS = int(os.environ.get("BENCH_MAILS", "10000"))
ROUNDS = 7
RATE = "mails/s"
_USER = "destek"


def plain_mail(number: int) -> bytes:
    """Return a mail of plain text with a quote; each number gives another one."""
    text = "\r\n\r\n".join(TEXTS[(number + i) % len(TEXTS)] for i in range(4))
    quote = "\r\n".join(f"> {t}" for t in TEXTS * 3)
    return (
        f"From: =?utf-8?q?Ay=C5=9Fe?= <ayse{number % 500}@musteri.example>\r\nTo: destek@ornek.example\r\n"
        f"Subject: =?utf-8?b?{base64.b64encode('Ynt: Siparişim hakkında'.encode()).decode()}?=\r\n"
        f"Message-ID: <{number}@musteri.example>\r\nIn-Reply-To: <a{number}@ornek.example>\r\n"
        "Date: Fri, 13 Mar 2026 14:20:00 +0300\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"{text}\r\n\r\n13 Mar 2026 Cum, 14:05 tarihinde Destek <destek@ornek.example> şunu yazdı:\r\n\r\n{quote}\r\n"
    ).encode()


def _rich(number: int) -> bytes:
    html = "".join(f"<p>{t}</p><table><tr><td>{t}</td></tr></table>" for t in TEXTS * 6)
    picture = base64.encodebytes(os.urandom(60_000)).replace(b"\n", b"\r\n")
    return (
        plain_mail(number).partition(b"MIME-Version")[0]
        + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        + b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        + html.encode()
        + b"\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=x.png\r\n\r\n" + picture + b"\r\n--b--\r\n"
    )


def _worst() -> bytes:
    """A bounce in prose as long as is looked at: every pattern has its turn."""
    lines = "\r\n".join(
        f"<kisi{i}@musteri.example>: could not be delivered, 550 no" for i in range(900)
    )
    return f"From: MAILER-DAEMON@mx.example\r\nSubject: failure notice\r\nMessage-ID: <w@x>\r\n\r\n{lines}".encode()


def _rate(mails: list[bytes]) -> float:
    began = time.process_time()
    for raw in mails:
        parse_message(raw, brand="default", account="a", received_at=NOW)
    return len(mails) / (time.process_time() - began)


def _write(path: str, data: bytes) -> None:
    """Write a file without a Path and a buffer, which cost as much as the file."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(file, data)
    os.close(file)


async def _picked(server: Dovecot, count: int, folder: Path) -> float:
    """Fetch every mail and write it into a folder, as mbsync does; return the seconds."""
    done = asyncio.Event()
    taken = 0

    async def accept(delivery: Delivery) -> None:
        nonlocal taken
        _write(f"{folder}/{taken}", delivery.raw)
        taken += 1
        if taken == count:
            done.set()

    tools = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    account = Account(
        host="127.0.0.1",
        port=server.port,
        tls=False,
        user=_USER,
        password="secret",
        poll=timedelta(seconds=30),
    )
    began = time.perf_counter()
    task = asyncio.create_task(ImapSource("a", account, tools).run(accept, MemoryCursors()))
    await done.wait()
    seconds = time.perf_counter() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seconds


def _mbsync(server: Dovecot, home: Path) -> float:
    program = shutil.which("mbsync")
    if program is None:
        raise SystemExit("mbsync is not installed: apt-get install isync")
    (home / "box").mkdir()
    conf = home / "mbsyncrc"
    conf.write_text(
        "FSync no\n\n"  # because our measurement has no fsync either
        f"IMAPStore far\nHost 127.0.0.1\nPort {server.port}\nUser {_USER}\nPass secret\nSSLType None\n"
        f"AuthMechs LOGIN\n\nMaildirStore near\nPath {home}/box/\nInbox {home}/box/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nSync Pull\nCreate Near\n"
    )
    began = time.perf_counter()
    subprocess.run(
        [program, "-q", "-c", str(conf), "all"],
        check=True,
        cwd=home,
        env={**os.environ, "HOME": str(home)},
    )
    seconds = time.perf_counter() - began
    assert len(list((home / "box" / "INBOX" / "new").iterdir())) >= MAILS
    return seconds


def _pick_up_by_turns(server: Dovecot) -> list[dict[str, dict[str, float]]]:
    """Fetch all mails by mbsync and by the mail source; return the mails a second of each round."""
    rounds = []
    for _ in range(ROUNDS):
        home = Path(tempfile.mkdtemp(prefix="bench-mail-"))
        try:
            theirs = _mbsync(server, home)
            folder = home / "ours"
            folder.mkdir()
            ours = uvloop.run(_picked(server, MAILS, folder))
        finally:
            shutil.rmtree(home, ignore_errors=True)
        rounds.append({"mbsync": {RATE: MAILS / theirs}, "ours": {RATE: MAILS / ours}})
    return rounds


def run() -> dict[str, Any]:
    """Measure both."""
    plain = median(_rate([plain_mail(n) for n in range(1000)]) for _ in range(ROUNDS))
    rich = median(_rate([_rich(n) for n in range(100)]) for _ in range(ROUNDS))
    began = time.process_time()
    parse_message(_worst(), brand="default", account="a", received_at=NOW)
    worst = time.process_time() - began
    server = Dovecot().start()
    try:
        server.doveadm("mailbox", "create", "-u", _USER, "warm")
        for number in range(MAILS):
            server.deliver(_USER, plain_mail(number))
        rounds = _pick_up_by_turns(server)
    finally:
        server.stop()
    ratio = find_ratio(rounds, "ours", "mbsync", RATE)
    assert ratio is not None
    return {
        "plain_per_s": round(plain),
        "rich_per_s": round(rich),
        "worst_bounce_ms": round(worst * 1000),
        "mails": MAILS,
        "mbsync_s": [round(MAILS / rows["mbsync"][RATE], 2) for rows in rounds],
        "ours_s": [round(MAILS / rows["ours"][RATE], 2) for rows in rounds],
        "ratio": round(ratio.median, 2),
        "ratio_range": [round(ratio.low, 2), round(ratio.high, 2)],
    }
