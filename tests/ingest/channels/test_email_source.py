"""Mail by IMAP on a real Dovecot: everything picked up once, whatever the server does."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.channels.email.utf7 import encode_mailbox
from ingest.source import SourceContext
from schemas.errors import Retry
from tests.support.messages import MemoryCursors
from tests.support.programs import require_program
from tests.support.servers.dovecot import Dovecot
from tests.support.waiting import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURKISH = "Müşteri İletileri"


async def _pause(seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


def flat(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    """Return the exceptions within groups of groups."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += flat(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


class Box:
    """One user's mailboxes, read by the channel, with what was handed over."""

    def __init__(self, server: Dovecot, user: str, mailboxes: tuple[str, ...] = ("INBOX",)) -> None:
        self.server, self.user = server, user
        self.settings = Account(
            host="127.0.0.1",
            port=server.port,
            tls=False,
            user=user,
            password="secret",
            mailboxes=mailboxes,
        )
        self.cursors = MemoryCursors()
        self.taken: list[Delivery] = []
        self.lines: list[str] = []
        self.refuse = False
        self.polled = 0

    async def accept(self, delivery: Delivery) -> None:
        if self.refuse:
            raise Retry(1, "Kafka is away")
        self.taken.append(delivery)

    def source(self, **more: Any) -> ImapSource:
        import msgspec

        def polled(_source: str) -> None:
            self.polled += 1

        tools = SourceContext(
            now=lambda: NOW,
            pause=asyncio.sleep,
            warn=lambda what, **more: self.lines.append(f"{what} {more}"),
            report_pass=polled,
        )
        return ImapSource("a", msgspec.structs.replace(self.settings, **more), tools)

    @contextlib.asynccontextmanager
    async def reading(self, **more: Any) -> AsyncIterator[None]:
        """Read as ingest/run.py does: what ends a connection begins a new one."""

        async def forever() -> None:
            while True:
                try:
                    await self.source(**more).run(self.accept, self.cursors)
                except* (Retry, OSError) as errors:
                    self.lines += [str(e) for e in flat(errors)]

        task = asyncio.create_task(forever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def texts(self) -> list[str]:
        return [d.raw.decode().split("\r\n\r\n")[1].strip() for d in self.taken]


@pytest.fixture
def box(dovecot: Dovecot) -> Box:
    """An empty mailbox of a new user."""
    user = f"u{uuid.uuid4().hex[:10]}"
    dovecot.doveadm("mailbox", "create", "-u", user, TURKISH)
    return Box(dovecot, user)


def _mail(text: str) -> bytes:
    return f"From: a@ornek.example\r\nMessage-ID: <{text}@x>\r\n\r\n{text}\r\n".encode()


async def test_each_mail_is_handed_over_once_and_stays_unseen(box: Box) -> None:
    for number in range(25):
        box.server.deliver(box.user, _mail(str(number)))
    async with box.reading():
        await until("all mails", lambda: len(box.taken) >= 25)
        box.server.deliver(box.user, _mail("later"))
        await until("IDLE wakes the loop", lambda: "later" in box.texts())
    assert sorted(box.texts()) == sorted([*map(str, range(25)), "later"])
    unseen = box.server.doveadm("search", "-u", box.user, "mailbox", "INBOX", "UNSEEN")
    assert len(unseen.splitlines()) == 26
    assert box.cursors.saved["email:a:INBOX"].position == 26


async def test_reading_goes_on_from_the_cursor_after_a_restart(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["one"])
    box.server.deliver(box.user, _mail("two"))
    async with box.reading():
        await until("the second", lambda: "two" in box.texts())
    # The window below the cursor is read once more after a restart; the ids absorb it.
    assert set(box.texts()) == {"one", "two"}


async def test_the_cursor_never_passes_what_kafka_does_not_have(box: Box) -> None:
    box.refuse = True
    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("it was tried", lambda: any("Kafka is away" in t for t in box.lines))
        assert "email:a:INBOX" not in box.cursors.saved
        box.refuse = False
        await until("it comes again", lambda: box.texts() == ["one"])


async def test_a_lower_uid_that_appears_late_is_found(box: Box) -> None:
    box.server.doveadm("mailbox", "update", "--min-next-uid", "10", "-u", box.user, "INBOX")
    box.server.deliver(box.user, _mail("ten"))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["ten"])
        box.server.deliver_late(box.user, 5, _mail("five"))
        await until("the late one", lambda: "five" in box.texts())
    assert box.cursors.saved["email:a:INBOX"].position == 10


async def test_a_new_uidvalidity_reads_everything_again(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    async with box.reading(poll=timedelta(seconds=1)):
        await until("the first", lambda: box.texts() == ["one"])
        box.server.doveadm("mailbox", "update", "--uid-validity", "4242", "-u", box.user, "INBOX")
        await until("read again", lambda: box.texts() == ["one", "one"])
    assert any("source.renumbered" in t for t in box.lines)
    assert box.cursors.saved["email:a:INBOX"].epoch == "4242"
    assert len({d.position for d in box.taken}) == 2


async def test_a_server_that_was_restored_from_an_old_backup_loses_no_new_mail(box: Box) -> None:
    import msgspec

    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["one"])
    # The backup knows nothing of what was read since: a new mail gets a number that was read.
    cursor = box.cursors.saved["email:a:INBOX"]
    await box.cursors.save(msgspec.structs.replace(cursor, position=cursor.position + 500))
    box.server.deliver(box.user, _mail("two"))
    async with box.reading():
        await until("the new one", lambda: "two" in box.texts())
        await until(
            "the cursor went back too", lambda: box.cursors.saved["email:a:INBOX"].position == 2
        )
    assert any("source.went_back" in t for t in box.lines)


async def test_a_server_that_dies_while_we_wait_is_joined_again(box: Box) -> None:
    async with box.reading():
        await until("it polls", lambda: box.polled)
        box.server.kill()
        await until("the loss is noticed", lambda: box.lines)
        await asyncio.to_thread(box.server.start)
        box.server.deliver(box.user, _mail("after"))
        await until("the mail after the restart", lambda: box.texts() == ["after"])


async def test_a_mailbox_with_turkish_letters_is_read(dovecot: Dovecot, box: Box) -> None:
    box.settings = Account(
        host="127.0.0.1",
        port=dovecot.port,
        tls=False,
        user=box.user,
        password="secret",
        mailboxes=(TURKISH,),
    )
    assert encode_mailbox("Gönderilmiş Postalar") == '"G&APY-nderilmi&AV8- Postalar"'
    assert encode_mailbox('R&D "x"') == '"R&-D \\"x\\""'
    dovecot.deliver(box.user, _mail("selam"), ".M&APwBXw-teri &ATA-letileri")
    async with box.reading():
        await until("the mail", lambda: box.texts() == ["selam"])
    assert box.taken[0].position == f"{TURKISH};{box.cursors.saved[f'email:a:{TURKISH}'].epoch};1"


async def test_a_mail_of_20_mb_arrives_whole(box: Box) -> None:
    body = b"x" * 76 + b"\r\n"
    raw = _mail("big") + body * (20 * 1024 * 1024 // len(body))
    box.server.deliver(box.user, raw)
    box.server.deliver(box.user, _mail("small"))
    async with box.reading():
        await until("both", lambda: len(box.taken) == 2, 60)
    assert {len(d.raw) for d in box.taken} == {len(raw), len(_mail("small"))}


async def test_the_inventory_names_what_the_server_holds(box: Box) -> None:
    for number in range(3):
        box.server.deliver(box.user, _mail(str(number)))
    async with box.reading():
        await until("all", lambda: len(box.taken) == 3)
    positions = [p async for p in box.source().inventory()]
    assert sorted(positions) == sorted(str(d.position) for d in box.taken)


async def test_a_mail_over_the_limit_is_handed_over_as_its_head(box: Box) -> None:
    box.server.deliver(box.user, _mail("big") + b"x" * 5000)
    async with box.reading(max_mail=1000):
        await until("its head", lambda: box.taken)
    refused = box.taken[0].refused
    assert refused is not None
    assert refused.code == "mail.too_large"
    assert box.taken[0].raw.startswith(b"From: a@ornek.example")


async def test_one_missing_mailbox_holds_no_other_up(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    async with box.reading(mailboxes=("Yok", "INBOX")):
        await until("the mail of the other", lambda: box.texts() == ["one"])
    assert any("Yok" in t for t in box.lines)


async def test_a_wrong_password_and_a_missing_mailbox_are_named(box: Box) -> None:
    for more, word in (
        ({"password": 'w"rong\\'}, "login"),
        ({"mailboxes": ("Yok",)}, "mailbox 'Yok'"),
    ):
        box.lines.clear()
        async with box.reading(**more):
            await until("it is told", lambda: box.lines)
        assert word in box.lines[0], box.lines


def test_dovecot_is_there() -> None:
    require_program(Dovecot.program, "Dovecot")
