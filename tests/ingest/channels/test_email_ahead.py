"""The mails that are on their way while Kafka takes others."""

import asyncio
from datetime import timedelta

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.source import SourceContext
from tests.support.messages import NOW, MemoryCursors
from tests.support.servers.imap import Answer, serve_imap
from tests.support.waiting import until

_SELECTED = b"* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1000] ok\r\n"
_MAIL = b"Message-ID: <%d@x>\r\n\r\nselam"


def _account(port: int, **settings: str) -> Account:
    login = {"user": "a", "password": "b", **settings}
    return Account(host="127.0.0.1", port=port, tls=False, timeout=timedelta(seconds=10), **login)


def _mailbox(count: int, commands: list[bytes]) -> Answer:
    """Return the answers of a server whose mailbox has `count` mails; note its commands."""
    uids = range(1, count + 1)

    def answer(command: bytes, tag: bytes) -> bytes:
        commands.append(command)
        lines = b""
        if command.startswith(b"SELECT"):
            lines = _SELECTED
        elif command.startswith(b"UID SEARCH"):
            lines = b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\n"
        elif command.startswith(b"UID FETCH"):
            wanted = [int(uid) for uid in command.split()[2].split(b",")]
            form = _body if b"BODY" in command else _size
            lines = b"".join(map(form, wanted))
        return lines + tag + b" OK done\r\n"

    return answer


def _body(uid: int) -> bytes:
    raw = _MAIL % uid
    return b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(raw), raw)


def _size(uid: int) -> bytes:
    return b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, uid, len(_MAIL % uid))


async def test_the_next_mails_are_on_their_way_while_kafka_takes_these() -> None:
    taken: list[int] = []
    kafka = asyncio.Event()

    async def accept(delivery: Delivery) -> None:
        await kafka.wait()
        taken.append(int((delivery.position or "").rpartition(";")[2]))

    context = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    cursors = MemoryCursors()
    commands: list[bytes] = []
    async with serve_imap(_mailbox(170, commands)) as port:
        source = ImapSource("a", _account(port), context)
        task = asyncio.create_task(source.run(accept, cursors))

        def requests() -> list[bytes]:
            return [c for c in commands if b"BODY.PEEK[]" in c]

        await until("the second wave is asked for", lambda: len(requests()) == 2)
        assert (taken, cursors.saved) == ([], {}), "nothing is safe before Kafka says so"
        kafka.set()
        await until("all", lambda: len(taken) == 170)
        await until("the cursor", lambda: cursors.saved["email:a:INBOX"].position == 170)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert taken == list(range(1, 171))
    assert len(requests()) == 7
