"""Deliveries on which a parser fails, through the ingest step and a real Kafka.

Each is kept and costs no other delivery, and a mail among them reaches a person.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ingest.channel import Channel, Delivery
from ingest.intake.accept import Ingest
from ingest.parser_pool.pool import ParserPool
from runtime.settings.structs import ParsersSettings, Settings
from schemas import topics
from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected
from schemas.message import Message
from tests.support.ingest.ingesting import ingesting
from tests.support.ingest.poison import COMMAND, Poison, PoisonAccount
from tests.support.messages import NOW
from tests.support.servers.broker import read_topic

FAILS = ("loops", "eats", "raises", "recurses", "crashes", "surrogates")
QUICK = ParsersSettings(processes=2, cpu=timedelta(seconds=0.5), memory_mb=64)


@pytest.fixture(scope="module")
def kafka(file_kafka: Settings) -> Settings:
    """The shared broker; each test has deliveries of its own."""
    return file_kafka


@pytest.fixture
async def ingest(kafka: Settings) -> AsyncIterator[Ingest]:
    """The ingest step with processes that have the poisoned channels."""
    async with (
        ParserPool(QUICK, COMMAND) as parsers,
        ingesting(kafka, timedelta(seconds=10), parsers) as ingest,
    ):
        yield ingest


def delivery(raw: str) -> Delivery:
    """Return a delivery whose position is its text."""
    return Delivery(raw=raw.encode(), account="a", received_at=NOW, position=raw)


async def publish(
    ingest: Ingest, channel: Channel[PoisonAccount], *raws: str
) -> list[Message | None]:
    """Publish deliveries side by side; return their messages, or None for a dead letter."""
    return await asyncio.gather(
        *(ingest.publish_or_bury(channel, delivery(raw), PoisonAccount()) for raw in raws)
    )


async def letters(kafka: Settings, account: str) -> dict[str, str]:
    return {
        x.origin.position or "": x.code
        async for x in read_topic(kafka, topics.DEAD.name, DeadLetter)
        if x.source == account
    }


async def test_each_failing_delivery_is_a_dead_letter_and_the_good_ones_arrive(
    kafka: Settings, ingest: Ingest
) -> None:
    words = [w for f in FAILS for w in (f, f"good after {f}.")]
    messages = await publish(ingest, Poison(), *words)
    assert [m.text for m in messages if m] == [f"good after {f}." for f in FAILS]
    codes = await letters(kafka, "poison:a")
    assert {w: c for w, c in codes.items() if w in FAILS} == {
        "loops": "parser.limit",
        "eats": "parser.limit",
        "crashes": "parser.limit",
        "raises": "parser.bug",
        "recurses": "parser.bug",
        "surrogates": "parser.bug",
    }


async def test_a_mail_that_a_parser_fails_on_is_a_message_that_says_so(
    kafka: Settings, ingest: Ingest
) -> None:
    mails = [f"From: ada@musteri.example\r\nSubject: {f}\r\n\r\n{f}" for f in FAILS]
    messages = await publish(ingest, Poison("email"), *mails)
    assert [(m.subject, m.repaired) for m in messages] == [(f, ("unreadable",)) for f in FAILS]
    assert all(m.raw and m.raw.sha256 for m in messages)
    assert not await letters(kafka, "email:a")


async def test_a_delivery_that_meets_a_bug_of_ours_is_accepted_and_buried(
    kafka: Settings, ingest: Ingest
) -> None:
    poison = delivery("of a caller raises")
    assert await ingest.publish_or_refuse(Poison(), poison, PoisonAccount()) is None
    assert (await letters(kafka, "poison:a"))["of a caller raises"] == "parser.bug"
    with pytest.raises(Rejected, match=r"json\.invalid"):
        await ingest.publish_or_refuse(Poison(), delivery("refuses"), PoisonAccount())


async def test_a_bug_after_the_parser_costs_one_delivery_too(
    kafka: Settings, ingest: Ingest
) -> None:
    def finish(message: Message) -> Message:
        if "one" in message.text:
            raise ZeroDivisionError
        return message

    broken = replace(ingest, finish=finish)
    messages = await publish(broken, Poison(), "this one.", "another.")
    assert [m.text for m in messages if m] == ["another."]
    assert (await letters(kafka, "poison:a"))["this one."] == "parser.bug"


async def test_a_call_that_we_could_not_take_apart_is_a_dead_letter_with_its_bytes(
    kafka: Settings, ingest: Ingest
) -> None:
    await ingest.bury_bug("poison", delivery("a call"), KeyError("x"), "take of vendor")
    assert (await letters(kafka, "poison:a"))["a call"] == "parser.bug"
