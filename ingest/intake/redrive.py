"""Sends a dead letter through again: a Kafka record to its topic, a delivery to its channel.

Before: `santral dead redrive`. After: the road, as the first time; a second refusal is a new
attempt of the same letter.
"""

import asyncio

import msgspec

from ingest.channel import Delivery
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from ingest.run import accounts, build
from runtime.bus.bus import Publisher
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas import topics
from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected, Unavailable


async def redrive(settings: Settings, letter: DeadLetter, raw: bytes) -> str:
    """Send it; return a sentence of what happened."""
    clock = SystemClock()
    publisher = Publisher(settings.kafka, "santral-redrive")
    try:
        if letter.origin.topic is not None:
            key = (letter.origin.position or "").encode()
            await publisher.send(letter.origin.topic, key, raw, [])
            return f"{letter.id}: back on {letter.origin.topic}"
        channel = CHANNELS.get(letter.channel)
        account = letter.source.partition(":")[2]
        if channel is None or account not in accounts(settings)[letter.channel]:
            raise Unavailable(f"{letter.id}: no account {letter.source!r} is configured any more")
        delivery = Delivery(
            raw=raw,
            account=account,
            received_at=clock.now(),
            position=letter.origin.position,
            hint=letter.origin.hint,
        )
        told = accounts(settings)[letter.channel][account]
        try:
            async with ParserPool(settings.parsers) as parsers:
                ingest = build(settings, clock, publisher, parsers)
                try:
                    message = await ingest.accept(channel, delivery, told, bury=False)
                finally:
                    await asyncio.to_thread(ingest.archive.close)
        except Rejected as error:
            again = msgspec.structs.replace(
                letter,
                code=error.code,
                text=error.text,
                at=clock.now(),
                attempt=letter.attempt + 1,
            )
            await publisher.publish(topics.DEAD, again, source=letter.source)
            return f"{letter.id}: refused again, {error}"
        if message is None:
            return f"{letter.id}: a parser failed on it again; see the log above"
        return f"{letter.id}: accepted as message {message.id}"
    finally:
        await publisher.stop()
