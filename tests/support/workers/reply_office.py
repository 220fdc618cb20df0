"""An office that answers customers, with a broker, a Redis, mail servers and the sender."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from redis.asyncio import Redis as Client

from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import Settings
from schemas import topics
from schemas.message import Party
from schemas.outcome import Outcome, Reply
from tests.support.paths import ROOT
from tests.support.servers.broker import read_topic
from tests.support.servers.smtp import SmtpServer
from tests.support.waiting import until
from workers.sender.reply_sender import ReplySender


@dataclass
class Office:
    """The settings and clients of one broker and one Redis."""

    settings: Settings
    redis: "Client[bytes]"
    publisher: Publisher
    count: int = 0

    def with_accounts(self, **ports: int) -> Settings:
        """Return settings with a mail account for each port."""
        accounts = {
            name: {
                "host": "127.0.0.1",
                "port": port,
                "tls": "none",
                "sender": f"{name}@marka.example",
                "timeout_s": 2,
            }
            for name, port in ports.items()
        }
        return msgspec.structs.replace(self.settings, actions={"reply_email": accounts})

    async def write(self, account: str, number: int, address: str = "") -> list[Reply]:
        """Publish acknowledgements to `number` customers of an account, or all to one address."""
        replies = []
        for _ in range(number):
            self.count += 1
            name = f"r{self.count}"
            replies.append(
                Reply(
                    id=name,
                    kind="acknowledgement",
                    brand="default",
                    channel="email",
                    source=f"email:{account}",
                    conversation=f"c{self.count}",
                    message=f"m{self.count}",
                    item=f"m{self.count}",
                    department="billing",
                    recipient=Party(),
                    reply_to=address or f"{name}@ornek.example",
                    text="Mesajınız ulaştı.",
                    at=SystemClock().now(),
                )
            )
        await asyncio.gather(
            *(self.publisher.publish(topics.REPLIES, reply, source="test") for reply in replies)
        )
        return replies

    async def outcomes(self, replies: list[Reply]) -> dict[str, list[str]]:
        """Return the kinds of the outcomes of these replies."""
        kinds: dict[str, list[str]] = {reply.id: [] for reply in replies}
        async for outcome in read_topic(self.settings, topics.OUTCOMES.name, Outcome):
            if outcome.reply in kinds:
                kinds[outcome.reply].append(outcome.kind)
        return kinds


@asynccontextmanager
async def sending(
    office: Office,
    settings: Settings,
    health: Health | None = None,
    publisher: Publisher | None = None,
) -> AsyncIterator[ReplySender]:
    """Run the sender, and stop it as a deploy does."""
    sender = ReplySender(
        settings,
        office.redis,
        publisher or office.publisher,
        SystemClock(),
        health or Health("replies"),
    )
    running = asyncio.ensure_future(sender.run())
    try:
        yield sender
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def received(smtp: SmtpServer, replies: list[Reply]) -> dict[str, int]:
    """Return the number of mails that came for each of these replies."""
    counts: dict[str, int] = {}
    for _, recipients, _ in smtp.mails:
        counts[recipients[0]] = counts.get(recipients[0], 0) + 1
    return {reply.id: counts.get(reply.reply_to or "", 0) for reply in replies}


async def wait_until_read(office: Office, smtp: SmtpServer, account: str) -> None:
    """Wait until the sender has read every earlier reply, because later ones have left."""
    replies = await office.write(account, 40)
    await until("later replies left", lambda: all(received(smtp, replies).values()), 40)


@contextmanager
def worker_process(office: Office, settings: Settings, tmp_path: Path) -> Iterator[psutil.Process]:
    """Run `santral workers --only replies` on that broker."""
    accounts = "".join(
        f'[actions.reply_email.{name}]\nhost = "127.0.0.1"\nport = {table["port"]}\n'
        f'tls = "none"\nsender = "{table["sender"]}"\ntimeout_s = 2\n'
        for name, table in settings.action_accounts("reply_email").items()
    )
    config = tmp_path / "santral.toml"
    config.write_text(
        f'home = "{tmp_path}"\n[kafka]\nbootstrap = "{settings.kafka.bootstrap}"\n'
        f'[redis]\nurl = "{settings.redis.url}"\n{accounts}'
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")}
    environ |= {
        "SANTRAL_CONFIG": str(config),
        "SANTRAL_TOKENS__SIGNING": "signing-key-of-this-test-only",
    }
    process = psutil.Popen(
        [sys.executable, "-m", "cli.main", "workers", "--only", "replies"],
        env=environ,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(30)
