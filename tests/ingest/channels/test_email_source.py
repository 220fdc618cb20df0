"""The mail source hands over each mail of a real Dovecot once, whatever the server does."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ingest.channel import Delivery
from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.source import SourceContext
from schemas.errors import Retry
from tests.support.messages import MemoryCursors
from tests.support.programs import require_program
from tests.support.servers.dovecot import Dovecot
from tests.support.waiting import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TURKISH = "Müşteri İletileri"


def _leaf_errors(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Return the exceptions within groups of groups."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaf_errors(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


class Box:
    """One user's mailboxes, the deliveries of their source, and its lines in the log."""

    def __init__(self, server: Dovecot, user: str) -> None:
        self.server, self.user = server, user
        self.settings = Account(
            host="127.0.0.1", port=server.port, tls=False, user=user, password="secret"
        )
        self.cursors = MemoryCursors()
        self.deliveries: list[Delivery] = []
        self.lines: list[str] = []
        self.is_kafka_away = False
        self.pass_count = 0

    def set(self, **settings: object) -> None:
        """Change settings of the account."""
        self.settings = msgspec.structs.replace(self.settings, **settings)

    async def accept(self, delivery: Delivery) -> None:
        """Take a delivery, or raise Retry while Kafka is away."""
        if self.is_kafka_away:
            raise Retry(1, "Kafka is away")
        self.deliveries.append(delivery)

    def source(self) -> ImapSource:
        """Return a new source of the account."""

        def count_pass(_source: str) -> None:
            self.pass_count += 1

        context = SourceContext(
            now=lambda: NOW,
            pause=asyncio.sleep,
            warn=lambda event, **fields: self.lines.append(f"{event} {fields}"),
            report_pass=count_pass,
        )
        return ImapSource("a", self.settings, context)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Run the source as ingest/run.py does, which starts it again after an error."""

        async def read_for_ever() -> None:
            while True:
                try:
                    await self.source().run(self.accept, self.cursors)
                except* (Retry, OSError) as errors:
                    self.lines += [str(error) for error in _leaf_errors(errors)]

        task = asyncio.create_task(read_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def texts(self) -> list[str]:
        """Return the text of each mail that was handed over."""
        return [d.raw.decode().split("\r\n\r\n")[1].strip() for d in self.deliveries]


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
        await until("all mails", lambda: len(box.deliveries) >= 25)
        box.server.deliver(box.user, _mail("later"))
        await until("IDLE wakes the loop", lambda: "later" in box.texts())
    assert sorted(box.texts()) == sorted([*map(str, range(25)), "later"])
    unseen = box.server.doveadm("search", "-u", box.user, "mailbox", "INBOX", "UNSEEN")
    assert len(unseen.splitlines()) == 26
    assert box.cursors.saved["email:a:INBOX"].position == 26


async def test_reading_continues_at_the_cursor_after_a_restart(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["one"])
    box.server.deliver(box.user, _mail("two"))
    async with box.reading():
        await until("the second", lambda: "two" in box.texts())
    # The window below the cursor is read once more after a restart; the ids absorb it.
    assert set(box.texts()) == {"one", "two"}


async def test_the_cursor_never_passes_what_kafka_does_not_have(box: Box) -> None:
    box.is_kafka_away = True
    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("a refusal", lambda: any("Kafka is away" in line for line in box.lines))
        assert "email:a:INBOX" not in box.cursors.saved
        box.is_kafka_away = False
        await until("the second try", lambda: box.texts() == ["one"])


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
    box.set(poll=timedelta(seconds=1))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["one"])
        box.server.doveadm("mailbox", "update", "--uid-validity", "4242", "-u", box.user, "INBOX")
        await until("read again", lambda: box.texts() == ["one", "one"])
    assert any("source.renumbered" in line for line in box.lines)
    assert box.cursors.saved["email:a:INBOX"].epoch == "4242"
    assert len({d.position for d in box.deliveries}) == 2


async def test_a_server_that_was_restored_from_an_old_backup_loses_no_new_mail(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    async with box.reading():
        await until("the first", lambda: box.texts() == ["one"])
    # The backup is older than the cursor, so a new mail gets a UID that was read before.
    cursor = box.cursors.saved["email:a:INBOX"]
    await box.cursors.save(msgspec.structs.replace(cursor, position=cursor.position + 500))
    box.server.deliver(box.user, _mail("two"))
    async with box.reading():
        await until("the new one", lambda: "two" in box.texts())
        await until(
            "the cursor went back too", lambda: box.cursors.saved["email:a:INBOX"].position == 2
        )
    assert any("source.went_back" in line for line in box.lines)


async def test_a_source_connects_again_after_its_server_died(box: Box) -> None:
    async with box.reading():
        await until("the first pass", lambda: box.pass_count)
        box.server.kill()
        await until("the loss is noticed", lambda: box.lines)
        await asyncio.to_thread(box.server.start)
        box.server.deliver(box.user, _mail("after"))
        await until("the mail after the restart", lambda: box.texts() == ["after"])


async def test_a_mailbox_with_turkish_letters_is_read(box: Box) -> None:
    box.set(mailboxes=(TURKISH,))
    box.server.deliver(box.user, _mail("selam"), ".M&APwBXw-teri &ATA-letileri")
    async with box.reading():
        await until("the mail", lambda: box.texts() == ["selam"])
    epoch = box.cursors.saved[f"email:a:{TURKISH}"].epoch
    assert box.deliveries[0].position == f"{TURKISH};{epoch};1"


async def test_a_mail_of_20_mb_arrives_whole(box: Box) -> None:
    body = b"x" * 76 + b"\r\n"
    raw = _mail("big") + body * (20 * 1024 * 1024 // len(body))
    box.server.deliver(box.user, raw)
    box.server.deliver(box.user, _mail("small"))
    async with box.reading():
        await until("both", lambda: len(box.deliveries) == 2, 60)
    assert {len(d.raw) for d in box.deliveries} == {len(raw), len(_mail("small"))}


async def test_the_words_of_a_mail_are_never_read_as_the_line_of_another_mail(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    box.server.deliver(box.user, _mail("two * 1 FETCH (UID 1 BODY[] {5}").rstrip())
    box.server.deliver(box.user, _mail("three"))
    async with box.reading():
        await until("all", lambda: len(box.deliveries) == 3)
    assert box.texts() == ["one", "two * 1 FETCH (UID 1 BODY[] {5}", "three"]
    assert {type(d.raw) for d in box.deliveries} == {bytes}, (
        "the parser's process takes bytes alone"
    )


async def test_the_inventory_names_what_the_server_holds(box: Box) -> None:
    for number in range(3):
        box.server.deliver(box.user, _mail(str(number)))
    async with box.reading():
        await until("all", lambda: len(box.deliveries) == 3)
    positions = [p async for p in box.source().inventory()]
    assert sorted(positions) == sorted(str(d.position) for d in box.deliveries)


async def test_a_mail_over_the_limit_is_handed_over_as_its_head(box: Box) -> None:
    box.server.deliver(box.user, _mail("big") + b"x" * 5000)
    box.set(max_mail=1000)
    async with box.reading():
        await until("its head", lambda: box.deliveries)
    refused = box.deliveries[0].refused
    assert refused is not None
    assert refused.code == "mail.too_large"
    assert box.deliveries[0].raw.startswith(b"From: a@ornek.example")


async def test_a_missing_mailbox_does_not_delay_the_others(box: Box) -> None:
    box.server.deliver(box.user, _mail("one"))
    box.set(mailboxes=("Yok", "INBOX"))
    async with box.reading():
        await until("the mail of the other", lambda: box.texts() == ["one"])
        await until("the missing one's line", lambda: any("Yok" in line for line in box.lines))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"password": 'w"rong\\'}, "login"), ({"mailboxes": ("Yok",)}, "mailbox 'Yok'")],
    ids=["password", "mailbox"],
)
async def test_the_log_names_a_refused_login_and_a_missing_mailbox(
    box: Box, settings: dict[str, object], reason: str
) -> None:
    box.set(**settings)
    async with box.reading():
        await until("a line in the log", lambda: box.lines)
    assert reason in box.lines[0], box.lines


def test_dovecot_is_there() -> None:
    require_program(Dovecot.program, "Dovecot")
