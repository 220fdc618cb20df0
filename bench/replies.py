"""Replies a second by mail to a sink that answers at once, from the records to the last mail.

BENCH_REPLIES sets how many; they are written before the worker starts.
"""

import asyncio
import multiprocessing
import os
import time
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


def sink(port: int, mails: "Synchronized[int]") -> None:
    """Take mails in a process of its own, and count them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                while await reader.readline() not in (b".\r\n", b""):
                    pass
                mails.value += 1
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=500)
        await server.serve_forever()

    asyncio.run(main())


async def write(settings: Settings, publisher: Publisher) -> None:
    """Publish the replies."""
    now = SystemClock().now()
    for begin in range(0, COUNT, 500):
        replies = [
            Reply(
                id=f"r{n}",
                kind="answer",
                brand="b",
                channel="email",
                source="email:a",
                conversation=f"c{n}",
                message=f"m{n}",
                item=f"m{n}",
                department="billing",
                recipient=Party(),
                reply_to=f"k{n}@ornek.example",
                text="Yanıt. " * 40,
                at=now,
            )
            for n in range(begin, min(COUNT, begin + 500))
        ]
        await asyncio.gather(
            *(publisher.publish(topics.REPLIES, reply, source="bench") for reply in replies)
        )


async def measure(settings: Settings, mails: "Synchronized[int]") -> float:
    """Return replies a second, from the first mail to the last."""
    publisher, redis = Publisher(settings.kafka, "bench"), connect(settings.redis)
    await write(settings, publisher)
    worker = ReplySender(settings, redis, publisher, SystemClock(), Health("bench"))
    running = asyncio.ensure_future(worker.run())
    first = 0.0
    while mails.value < COUNT:
        if mails.value and not first:
            first = time.perf_counter()
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - first
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await publisher.stop()
    await redis.aclose()
    return COUNT / seconds


def main() -> None:
    """Print the figure."""
    context = multiprocessing.get_context("spawn")
    mails = cast("Synchronized[int]", context.Value("i", 0))
    port = free_port()
    process = context.Process(target=sink, args=(port, mails))
    process.start()
    account: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "sender": "a@marka.example",
    }
    with start_broker() as kafka, start_valkey() as redis_port:
        settings = msgspec.structs.replace(
            kafka,
            redis=RedisSettings(url=f"redis://127.0.0.1:{redis_port}/0"),
            actions={"reply_email": {"a": account}},
        )
        print(f"{asyncio.run(measure(settings, mails)):.0f} replies/s of {COUNT}")
    process.terminate()


if __name__ == "__main__":
    main()
