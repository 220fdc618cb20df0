"""The door for mail servers, spoken to by a real LMTP and SMTP client, in front of a real Kafka."""

import asyncio
import contextlib
import smtplib
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from cli.up.ports import free_port
from ingest.channels.email import Email
from ingest.channels.email.account import Account
from ingest.door import lmtp
from runtime.bus.readers import read_to_end
from runtime.settings.structs import MailDoorSettings, Settings
from schemas import envelope, topics
from schemas.errors import ConfigError
from schemas.message import Message
from tests.support.ingest.ingesting import ingesting
from tests.support.servers.broker import broker_process

ACCOUNTS = {
    "destek": Account(addresses=("destek@ornek.example", "İade@ornek.example")),
    "all": Account(addresses=("@genel.example",)),
}
MAIL = "From: Ada <ada@musteri.example>\r\nMessage-ID: <{}@x>\r\nSubject: Fatura\r\n\r\nFaturam yanlış\r\n"


@pytest.fixture(scope="module")
def kafka(file_kafka: Settings) -> Settings:
    """The shared broker; each test has mails of its own."""
    return file_kafka


@contextlib.asynccontextmanager
async def opened(kafka: Settings, protocol: str = "lmtp") -> AsyncIterator[int]:
    """The door on a free port."""
    async with ingesting(kafka, timedelta(seconds=3)) as ingest:
        port, stop = free_port(), asyncio.Event()
        receiver = lmtp.Receiver(ingest, Email(), ACCOUNTS)
        settings = MailDoorSettings(protocol=protocol, port=port)  # type: ignore[arg-type]  # one of its words
        task = asyncio.create_task(lmtp.serve(settings, receiver, stop))
        try:
            async with asyncio.timeout(10):
                while True:
                    with contextlib.suppress(OSError):
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                        writer.close()
                        break
            yield port
        finally:
            stop.set()
            await task


def send(
    port: int, to: str, raw: str | bytes, sender: str = "ada@musteri.example"
) -> tuple[int, bytes]:
    """Send one mail by LMTP; return what the server said, code first."""
    with smtplib.LMTP("127.0.0.1", port, timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        refused = client.rcpt(to)
        if refused[0] != 250:
            return refused
        return client.data(raw.encode() if isinstance(raw, str) else raw)


async def read_messages(kafka: Settings, *names: str) -> list[Message]:
    """Return the messages whose Message-ID is one of `names`."""
    messages = [
        envelope.decode(Message, r.value)
        async for records in read_to_end(kafka.kafka, [topics.MESSAGES.name])
        for r in records
    ]
    return [m for m in messages if m.native_id in {f"<{n}@x>" for n in names}]


async def test_a_mail_is_answered_250_once_kafka_has_it(kafka: Settings) -> None:
    async with opened(kafka) as port:
        for name, to, sender in (
            ("plain", "destek@ornek.example", "ada@musteri.example"),
            ("plus", "destek+42@ornek.example", ""),
            ("dotted", "iade@ornek.example", "ada@musteri.example"),
            ("domain", "kim@genel.example", "ada@musteri.example"),
        ):
            code, text = await asyncio.to_thread(send, port, to, MAIL.format(name), sender)
            assert code == 250, text
        code, _ = await asyncio.to_thread(send, port, "yok@ornek.example", MAIL.format("y"))
        assert code == 550
        long = MAIL.format("uzun") + "x" * 300_000 + "\r\n"
        code, _ = await asyncio.to_thread(send, port, "destek@ornek.example", long)
        assert code == 250, "a long line is the sender's fault: it must not bounce"
        turkish = MAIL.format("turkce").encode("cp1254")
        code, _ = await asyncio.to_thread(send, port, "destek@ornek.example", turkish)
        assert code == 250
    messages = await read_messages(kafka, "plain", "plus", "dotted", "domain", "uzun", "turkce")
    assert [m.source for m in messages].count("email:destek") == 5
    assert [m.source for m in messages].count("email:all") == 1
    assert {m.sender.handle("email") for m in messages} == {"ada@musteri.example"}
    assert [m.text for m in messages if "turkce" in m.native_id] == ["Faturam yanlış"]


async def test_the_same_mail_again_is_the_same_message_and_many_recipients_come_one_by_one(
    kafka: Settings,
) -> None:
    def both(port: int) -> tuple[int, int]:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.ehlo()
            client.mail("ada@musteri.example")
            return client.rcpt("destek@ornek.example")[0], client.rcpt("kim@genel.example")[0]

    async with opened(kafka, "smtp") as port:
        assert await asyncio.to_thread(both, port) == (250, 452)

        def send_one() -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                client.sendmail(
                    "ada@musteri.example", ["destek@ornek.example"], MAIL.format("1").encode()
                )

        await asyncio.to_thread(send_one)
        await asyncio.to_thread(send_one)
    assert len({m.id for m in await read_messages(kafka, "1")}) == 1


async def test_with_kafka_away_the_mail_stays_with_the_server_in_front(kafka: Settings) -> None:
    process = broker_process(kafka)
    async with opened(kafka) as port:
        assert (await asyncio.to_thread(send, port, "destek@ornek.example", MAIL.format("a")))[
            0
        ] == 250
        process.suspend()
        try:
            code, text = await asyncio.to_thread(
                send, port, "destek@ornek.example", MAIL.format("b")
            )
        finally:
            process.resume()
        assert (code, text[:5]) == (451, b"4.3.0")
        async with asyncio.timeout(60):
            while True:
                answer = await asyncio.to_thread(
                    send, port, "destek@ornek.example", MAIL.format("b")
                )
                if answer[0] == 250:
                    break
    assert len({m.id for m in await read_messages(kafka, "a", "b")}) == 2


async def test_a_caller_that_leaves_before_the_answer_loses_nothing(kafka: Settings) -> None:
    async with opened(kafka) as port:

        def leave() -> None:
            with socket.create_connection(("127.0.0.1", port), 30) as connection:
                file = connection.makefile("rwb")
                file.readline()
                for line in ("LHLO x", "MAIL FROM:<>", "RCPT TO:<destek@ornek.example>", "DATA"):
                    file.write(line.encode() + b"\r\n")
                    file.flush()
                    while file.readline()[3:4] == b"-":
                        pass
                file.write(MAIL.format("gitti").encode() + b".\r\n")
                file.flush()

        await asyncio.to_thread(leave)
        async with asyncio.timeout(30):
            while not await read_messages(kafka, "gitti"):
                pass


async def test_no_line_brings_the_door_down(kafka: Settings) -> None:
    async with opened(kafka) as port:

        def shout(data: bytes) -> None:
            with socket.create_connection(("127.0.0.1", port), 10) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    while connection.recv(4096):
                        pass

        for data in (
            b"\xff\xfe\r\n" * 30,
            b"LHLO\r\nMAIL\r\nRCPT\r\nDATA\r\n",
            b"LHLO x\r\nMAIL FROM:<\x00>\r\n",
            b"LHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<>\r\nDATA\r\n.\r\n",
            b"\r\n" * 500,
        ):
            await asyncio.to_thread(shout, data)
        assert (await asyncio.to_thread(send, port, "destek@ornek.example", MAIL.format("c")))[
            0
        ] == 250
        code, text = await asyncio.to_thread(send, port, "destek@ornek.example", b"\r\n")
        assert code == 250, text


def test_the_start_names_accounts_without_an_address_or_with_a_shared_one() -> None:
    settings = MailDoorSettings(protocol="lmtp")
    with pytest.raises(ConfigError, match="no account has addresses"):
        lmtp.check(settings, {"a": Account()})
    with pytest.raises(ConfigError, match="pem is not there"):
        lmtp.check(MailDoorSettings(protocol="lmtp", certificate="/nowhere/a.pem"), ACCOUNTS)
    lmtp.check(MailDoorSettings(certificate="/nowhere/a.pem"), {})
    with pytest.raises(ConfigError, match="is a's too"):
        lmtp.check(
            settings, {"a": Account(addresses=("x@y.z",)), "b": Account(addresses=("X@y.z",))}
        )
