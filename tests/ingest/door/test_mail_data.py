"""A mail's DATA: what is read of it, and that other work gets its turn meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingest.door.mail_data import WholeData

LIMIT = 1_000_000


class DataReceiver:
    """Keeps mails."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.mails.append(envelope.original_content or b"")
        return "250 kept"


@pytest.fixture
async def sent() -> AsyncIterator[tuple[DataReceiver, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A receiver, and a connection to it that has said everything up to DATA."""
    receiver, loop = DataReceiver(), asyncio.get_running_loop()

    def session() -> WholeData:
        return WholeData(receiver, data_size_limit=LIMIT, hostname="x", loop=loop)

    server = await loop.create_server(session, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"HELO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
    while not (await reader.readline()).startswith(b"354"):
        pass
    yield receiver, reader, writer
    writer.close()
    server.close()


@pytest.mark.parametrize(
    ("data", "mail"),
    [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n...a\r\n.b\r\n.\r\n", b".\r\n..a\r\nb\r\n"),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
        (b"x" * 200_000 + b"\r\n.\r\n", b"x" * 200_000 + b"\r\n"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_a_mail_ends_before_the_line_with_a_lone_dot(
    sent: tuple[DataReceiver, asyncio.StreamReader, asyncio.StreamWriter],
    data: bytes,
    mail: bytes,
    pieces: int,
) -> None:
    receiver, reader, writer = sent
    step = max(1, len(data) // pieces)
    for start in range(0, len(data), step):
        writer.write(data[start : start + step])
        await asyncio.sleep(0)
        await writer.drain()
    writer.write(b"NOOP\r\n")
    assert await reader.readline() == b"250 kept\r\n"
    assert (await reader.readline()).startswith(b"250"), "what follows the mail is a command"
    assert receiver.mails == [mail]


async def test_a_mail_over_the_limit_is_refused_at_its_end_and_the_next_is_taken(
    sent: tuple[DataReceiver, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    receiver, reader, writer = sent
    writer.write(b"x\r\n" * LIMIT + b".\r\n")
    assert (await reader.readline()).startswith(b"552")
    writer.write(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
    while not (await reader.readline()).startswith(b"354"):
        pass
    writer.write(b"small\r\n.\r\n")
    assert await reader.readline() == b"250 kept\r\n"
    assert receiver.mails == [b"small\r\n"]


async def test_short_lines_cost_no_more_than_long_ones(
    sent: tuple[DataReceiver, asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    receiver, reader, writer = sent
    began = time.process_time()
    writer.write(b"\r\n" * 400_000 + b".\r\n")
    assert await reader.readline() == b"250 kept\r\n"
    assert time.process_time() - began < 0.5, "line by line it takes two seconds"
    assert receiver.mails == [b"\r\n" * 400_000]
