"""The pauses between two tries to read a mailbox."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.source import SourceContext
from tests.support.messages import NOW, MemoryCursors
from tests.support.servers.imap import serve_imap

_POLL = timedelta(seconds=30)
_SELECTED = b"* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n%s OK done\r\n"


async def _read(
    port: int, pause: Callable[[float], Awaitable[None]], until: asyncio.Event, *mailboxes: str
) -> None:
    """Read these mailboxes until the event is set."""
    account = Account(
        host="127.0.0.1",
        port=port,
        tls=False,
        user="a",
        password="b",
        mailboxes=mailboxes,
        poll=_POLL,
        timeout=timedelta(seconds=5),
    )
    context = SourceContext(
        now=lambda: NOW, pause=pause, warn=lambda *_a, **_k: None, report_pass=lambda _s: None
    )

    async def accept(_delivery: Delivery) -> None:
        raise AssertionError("there is no mail")

    task = asyncio.create_task(ImapSource("a", account, context).run(accept, MemoryCursors()))
    try:
        await asyncio.wait_for(until.wait(), 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_throttles_is_obeyed() -> None:
    throttled = b" BAD Request is throttled. Suggested Backoff Time: 57000 milliseconds\r\n"
    pauses: list[float] = []
    paused = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()
        await asyncio.Event().wait()

    async with serve_imap(lambda _command, tag: tag + throttled) as port:
        await _read(port, pause, paused, "INBOX")
    assert pauses == [57.0]


async def test_a_mailbox_that_works_does_not_shorten_the_pauses_of_another() -> None:
    pauses: list[float] = []
    paused_often = asyncio.Event()

    def answer(command: bytes, tag: bytes) -> bytes:
        if command.startswith(b"SELECT"):
            return tag + b" NO missing\r\n" if b"Missing" in command else _SELECTED % tag
        return tag + b" OK done\r\n"

    async def pause(seconds: float) -> None:
        if seconds == _POLL.total_seconds():
            await asyncio.sleep(0)
            return
        pauses.append(seconds)
        if len(pauses) == 5:
            paused_often.set()

    async with serve_imap(answer) as port:
        await _read(port, pause, paused_often, "INBOX", "Missing")
    assert pauses[:5] == [2.0, 4.0, 8.0, 16.0, 32.0]
