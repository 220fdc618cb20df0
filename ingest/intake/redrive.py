"""Sends a dead letter again, as a Kafka record to its topic or as a delivery to its channel.

Its content goes the same way as the first time. A second refusal is a new attempt of the same
letter.
"""

import asyncio

import msgspec

from ingest.accounts import configured_accounts
from ingest.channel import AccountSettings, Delivery
from ingest.intake.build import build_ingest
from ingest.intake.stored_hint import read_hint
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from runtime.bus.publisher import Publisher
from runtime.clock import Clock, SystemClock
from runtime.settings.structs import Settings
from schemas import topics
from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected, Unavailable
from schemas.message import Message


async def redrive(settings: Settings, letter: DeadLetter, raw: bytes) -> str:
    """Send a dead letter again; return a sentence with the result.

    Raises Unavailable when the letter's account is not configured any more.
    """
    clock = SystemClock()
    publisher = Publisher(settings.kafka, "santral-redrive")
    try:
        if letter.origin.topic is not None:
            key = (letter.origin.record_key or "").encode()
            await publisher.send(letter.origin.topic, key, raw, [])
            return f"{letter.id}: back on {letter.origin.topic}"
        account = _account_of(settings, letter)
        try:
            message = await _accept(settings, letter, raw, account, publisher, clock)
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


def _account_of(settings: Settings, letter: DeadLetter) -> AccountSettings:
    """Return the settings of a letter's account; raise Unavailable."""
    account = letter.source.partition(":")[2]
    accounts = configured_accounts(settings).get(letter.channel, {})
    if account not in accounts:
        raise Unavailable(f"{letter.id}: no account {letter.source!r} is configured any more")
    return accounts[account]


async def _accept(
    settings: Settings,
    letter: DeadLetter,
    raw: bytes,
    account: AccountSettings,
    publisher: Publisher,
    clock: Clock,
) -> Message | None:
    """Publish a letter's delivery; return its message, or None after a parser failed again."""
    hint, by_reference = read_hint(letter.origin.hint, letter.origin.position)
    delivery = Delivery(
        raw=raw,
        account=letter.source.partition(":")[2],
        received_at=clock.now(),
        position=letter.origin.position,
        hint=hint,
        by_reference=by_reference,
    )
    async with ParserPool(settings.parsers) as parsers:
        ingest = build_ingest(settings, clock, publisher, parsers)
        try:
            return await ingest.publish_or_refuse(CHANNELS[letter.channel], delivery, account)
        finally:
            await asyncio.to_thread(ingest.archive.close)
