"""A mail source ends whenever it is stopped, at any turn of the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.session import ImapSession
from ingest.channels.email.source import ImapSource
from ingest.source import SourceContext
from tests.support.messages import NOW, MemoryCursors

_ANSWERS = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 %s\r\n",
    b"SELECT": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n",
    b"UID": b"* SEARCH\r\n",
}


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _empty_mailbox(idle: bytes) -> Serve:
    """Return a function that serves one connection; an IDLE reports a mail at once."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        tag = b""
        while line := await reader.readline():
            if line.strip() == b"DONE":
                writer.write(tag + b" OK done\r\n")
                continue
            tag, command = line.split()[:2]
            if command == b"IDLE":
                writer.write(b"+ idling\r\n* 1 EXISTS\r\n")
                continue
            answer = _ANSWERS.get(command, b"")
            writer.write((answer % idle if b"%s" in answer else answer) + tag + b" OK done\r\n")
        writer.close()

    return serve


async def _accept(_delivery: Delivery) -> None:
    raise AssertionError("there is no mail")


class _SilentServer:
    """A server that greets and then never answers a login, and the tokens for it."""

    def __init__(self) -> None:
        self.login = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while line := await reader.readline():
            if b"CAPABILITY" in line:
                tag = line.split()[0]
                writer.write(b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n" + tag + b" OK done\r\n")
            else:
                self.login.set()
        writer.close()

    async def token(self) -> str:
        """Return a token for the login."""
        return "t"


async def test_a_login_by_token_ends_with_its_source() -> None:
    silent = _SilentServer()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = Account(host="127.0.0.1", port=port, tls=False, user="a", password="")
    session = ImapSession(account, "a", "INBOX", silent)  # type: ignore[arg-type]  # it has the only method that a login calls
    before = asyncio.all_tasks()
    opening = asyncio.create_task(session.open())
    await asyncio.wait_for(silent.login.wait(), 10)
    opening.cancel()
    await asyncio.wait({opening}, timeout=5)
    left = {t.get_coro().__name__ for t in asyncio.all_tasks() - before if not t.cancelling()}
    assert "_run" not in left
    await session.close()
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("idle", [b"", b"IDLE"])
async def test_a_mail_source_ends_whenever_it_is_stopped(idle: bytes) -> None:
    server = await asyncio.start_server(_empty_mailbox(idle), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = Account(
        host="127.0.0.1", port=port, tls=False, user="a", password="b", timeout=timedelta(seconds=5)
    )
    passes = 0

    def count_pass(_source: str) -> None:
        nonlocal passes
        passes += 1

    async def pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    context = SourceContext(
        now=lambda: NOW, pause=pause, warn=lambda *_a, **_k: None, report_pass=count_pass
    )
    before = asyncio.all_tasks()
    for turns in range(200):
        task = asyncio.create_task(ImapSource("a", account, context).run(_accept, MemoryCursors()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=5)
        assert done, f"the source lost its stop after {turns} turns of the event loop"
        assert task.cancelled()
    assert passes > 50
    server.close()
    left = asyncio.all_tasks() - before
    assert not [t for t in left if "serve" not in repr(t)]
