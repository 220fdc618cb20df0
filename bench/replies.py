"""`python -m bench.replies`: replies a second by mail, to a mail server that answers at once.

BENCH_REPLIES sets their number; all are on the topic before the worker starts.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.sharedctypes import Synchronized
from typing import Any, cast

import msgspec

from cli.up.ports import free_port
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings, Settings
from schemas import topics
from schemas.message import Party
from schemas.outcome import Reply
from tests.support.redis.servers import start_valkey
from tests.support.servers.broker import start_broker
from workers.sender.reply_sender import ReplySender

COUNT = int(os.environ.get("BENCH_REPLIES", "3000"))
_PUBLISHED_AT_ONCE = 500
_POLL_S = 0.01


def _count_mails(port: int, mails: "Synchronized[int]") -> None:
    """Serve SMTP on a port, in a process of its own, and count the accepted mails."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"DATA":
                writer.write(b"354 go\r\n")
                while await reader.readline() not in (b".\r\n", b""):
                    pass
                mails.value += 1
            writer.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=500)
        await server.serve_forever()

    asyncio.run(listen())


def _reply(number: int, now: datetime) -> Reply:
    return Reply(
        id=f"r{number}",
        kind="answer",
        brand="b",
        channel="email",
        source="email:a",
        conversation=f"c{number}",
        message=f"m{number}",
        item=f"m{number}",
        department="billing",
        recipient=Party(),
        reply_to=f"k{number}@ornek.example",
        text="Yanıt. " * 40,
        at=now,
    )


async def _publish_replies(publisher: Publisher) -> None:
    now = SystemClock().now()
    for begin in range(0, COUNT, _PUBLISHED_AT_ONCE):
        numbers = range(begin, min(COUNT, begin + _PUBLISHED_AT_ONCE))
        await asyncio.gather(
            *(publisher.publish(topics.REPLIES, _reply(n, now), source="bench") for n in numbers)
        )


async def _measure_rate(settings: Settings, mails: "Synchronized[int]") -> float:
    """Return replies a second, from the first mail to the last."""
    publisher, redis = Publisher(settings.kafka, "bench"), connect(settings.redis)
    await _publish_replies(publisher)
    worker = ReplySender(settings, redis, publisher, SystemClock(), Health("bench"))
    running = asyncio.ensure_future(worker.run())
    first = 0.0
    try:
        while mails.value < COUNT:
            if mails.value and not first:
                first = time.perf_counter()
            await asyncio.sleep(_POLL_S)
        return COUNT / (time.perf_counter() - first)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await publisher.stop()
        await redis.aclose()


@contextmanager
def _run_mail_server() -> Iterator[tuple[int, "Synchronized[int]"]]:
    """Run the mail server until the block ends; yield its port and its count of mails."""
    context = multiprocessing.get_context("spawn")
    mails = cast("Synchronized[int]", context.Value("i", 0))
    port = free_port()
    process = context.Process(target=_count_mails, args=(port, mails))
    process.start()
    try:
        yield port, mails
    finally:
        process.terminate()
        process.join()


def main() -> None:
    """Print the figure."""
    with (
        _run_mail_server() as (port, mails),
        start_broker() as kafka,
        start_valkey() as redis_port,
    ):
        account: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port,
            "tls": "none",
            "sender": "a@marka.example",
        }
        settings = msgspec.structs.replace(
            kafka,
            redis=RedisSettings(url=f"redis://127.0.0.1:{redis_port}/0"),
            actions={"reply_email": {"a": account}},
        )
        print(f"{asyncio.run(_measure_rate(settings, mails)):.0f} replies/s of {COUNT}")


if __name__ == "__main__":
    main()
