"""Acknowledgements and bounces take their memory from Kafka and the store after Redis was emptied."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka import TopicPartition
from sqlalchemy import Engine, text

from router.decision.decide import decide_message
from runtime import store
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.clock import SystemClock
from runtime.redis.claims import Claims, connect
from runtime.settings.structs import RedisSettings, Settings, TokensSettings
from schemas import topics
from schemas.base import conversation_id
from schemas.decision import TRIAGE
from schemas.errors import Retry
from schemas.message import Automatic, Bounce
from schemas.outcome import Outcome, Reply
from schemas.text import reply_token
from tests.support.messages import NOW, message, policy
from tests.support.redis.servers import start_valkey
from tests.support.servers.broker import read_topic
from tests.support.waiting import until
from workers.replies.acknowledge import Acknowledger
from workers.replies.bounces import BounceReporter
from workers.run import MIGRATIONS

KEY = b"0123456789abcdef01234567"


@pytest.fixture(scope="module")
def settings(file_kafka: Settings) -> Iterator[Settings]:
    """The shared broker and a Redis for the tests of this file; a mail server is named, and never used."""
    with start_valkey() as port:
        yield msgspec.structs.replace(
            file_kafka,
            redis=RedisSettings(url=f"redis://127.0.0.1:{port}/0"),
            tokens=TokensSettings(signing=KEY.decode()),
            actions={"reply_email": {"a": {"host": "mail.example"}}},
        )


@pytest.fixture
async def publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """A publisher of the test."""
    publisher = Publisher(settings.kafka, "test")
    yield publisher
    await publisher.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A store in a file."""
    url = f"sqlite:///{tmp_path}/s.db"
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    yield engine
    engine.dispose()


async def _write_mail(publisher: Publisher, sender: str) -> str:
    """Let a customer begin a conversation by mail; return the message's id."""
    native = str(uuid4())
    mail = message(
        "Kargom nerede?",
        native=native,
        root=native,
        channel="email",
        kind="mail",
        source="email:a",
        reply_to=sender,
        received_at=SystemClock().now(),
    )
    item = decide_message(mail, None, policy(), SystemClock().now()).item
    assert item is not None
    topic = topics.queue(item.decision.department)
    await publisher.publish(topic, item, source="test")
    await publisher.publish(topic, item, source="test")  # a redelivery
    return mail.id


@asynccontextmanager
async def _acknowledging(settings: Settings, publisher: Publisher) -> AsyncIterator[None]:
    redis = connect(settings.redis)
    working = asyncio.ensure_future(Acknowledger(settings, redis, publisher, SystemClock()).run())
    yield
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await redis.aclose()


async def _acknowledged(settings: Settings, *messages: str) -> list[str]:
    """Return the messages of all acknowledgements, once those of `messages` are among them."""

    async def read() -> list[str]:
        replies = [r async for r in read_topic(settings, topics.REPLIES.name, Reply)]
        acknowledged = [reply.message for reply in replies]
        return acknowledged if set(messages) <= set(acknowledged) else []

    return await until("acknowledgements", read, 30)


@pytest.mark.certify
async def test_a_claim_that_redis_forgot_before_the_publication_gives_way_to_a_newer_one(
    settings: Settings, publisher: Publisher
) -> None:
    """It is the first test: a record from an earlier one would use up the time of grace."""
    address = "eda@ornek.example"
    redis = connect(settings.redis)
    await redis.flushall()
    async with _acknowledging(settings, publisher):
        first = await _write_mail(publisher, address)
        key = f"santral:acknowledged:{address}"
        await until("a claim, in the time of grace", lambda: redis.get(key), 20)
        await redis.flushall()
        await Claims(redis, "santral:acknowledged:", 60_000, 60_000).claim(address, "other")
        others = [await _write_mail(publisher, f"e{n}@ornek.example") for n in range(8)]
        acknowledged = await _acknowledged(settings, *others)
    await redis.aclose()
    assert first not in acknowledged


async def test_an_address_gets_one_acknowledgement_a_day_even_after_redis_is_emptied(
    settings: Settings, publisher: Publisher
) -> None:
    async with _acknowledging(settings, publisher):
        first = await _write_mail(publisher, "ada@ornek.example")
        await _acknowledged(settings, first)
    redis = connect(settings.redis)
    await redis.flushall()
    await redis.aclose()
    async with _acknowledging(settings, publisher):
        second = await _write_mail(publisher, "ada@ornek.example")
        others = [await _write_mail(publisher, f"k{n}@ornek.example") for n in range(3)]
        acknowledged = await _acknowledged(settings, *others)
    assert second not in acknowledged
    assert len(acknowledged) == len(set(acknowledged))


def _record(engine: Engine, outcome: Outcome | None, settings: Settings, ends: list[int]) -> None:
    """Write what the recorder would: an outcome, and how far it read outcomes.v1."""
    with engine.begin() as connection:
        if outcome is not None:
            body = msgspec.json.encode(outcome).decode()
            connection.execute(
                text(
                    "INSERT INTO outcomes (id, kind, conversation, item, department, agent, at_ms,"
                    " body) VALUES (:id, :kind, :c, :item, :d, '', 0, :body)"
                ),
                {
                    "id": outcome.id,
                    "kind": outcome.kind,
                    "c": outcome.conversation,
                    "item": outcome.item,
                    "d": outcome.department,
                    "body": body,
                },
            )
        connection.execute(text("DELETE FROM positions"))
        for number, end in enumerate(ends):
            connection.execute(
                text("INSERT INTO positions VALUES (:t, :p, :n, 0, 0, 0)"),
                {"t": topics.OUTCOMES.name, "p": number, "n": end},
            )


async def _ends(settings: Settings) -> list[int]:
    consumer = create_reader(settings.kafka, group=None, client_id="test")
    await consumer.start()
    partitions = [TopicPartition(topics.OUTCOMES.name, n) for n in range(settings.kafka.partitions)]
    ends = await consumer.end_offsets(partitions)
    await consumer.stop()
    return [ends[partition] for partition in partitions]


async def test_a_bounce_waits_for_the_store_and_then_names_the_item_of_its_reply(
    settings: Settings, publisher: Publisher, engine: Engine
) -> None:
    conversation = conversation_id("default", "mail", "<1@x>")
    reply = str(uuid4())
    delivered = Outcome(
        id=str(uuid4()),
        kind="delivered",
        brand="default",
        conversation=conversation,
        item="i1",
        department="billing",
        messages=("m1",),
        at=NOW,
        reply=reply,
    )
    await publisher.publish(topics.OUTCOMES, delivered, source="test")
    for native, of in (("1", reply), ("2", str(uuid4()))):
        ours = reply_token.message_id(KEY, conversation, of.replace("-", ""), "marka.example")
        bounce = Bounce(recipient="yok@ornek.example", hard=True, original=ours)
        mail = message(
            "Teslim edilemedi",
            native=native,
            channel="email",
            conversation=conversation,
            automatic=Automatic(kind="bounce", evidence="report", bounce=bounce),
        )
        await publisher.publish(topics.MESSAGES, mail, source="test")
    bounces = BounceReporter(settings, engine, publisher, SystemClock())
    with pytest.raises(Retry):  # the store has nothing yet
        await bounces.run()
    _record(engine, delivered, settings, await _ends(settings))

    async def run_beside_a_recorder() -> None:
        while True:
            try:
                await bounces.run()
            except Retry:
                _record(engine, None, settings, await _ends(settings))

    working = asyncio.ensure_future(run_beside_a_recorder())

    async def both() -> dict[str, Outcome]:
        outcomes = [o async for o in read_topic(settings, topics.OUTCOMES.name, Outcome)]
        returned = {o.department: o for o in outcomes if o.kind == "undeliverable"}
        return returned if len(returned) == 2 else {}

    returned = await until("both outcomes", both, 30)
    first = returned["billing"]
    assert (first.item, first.messages, first.reply) == ("i1", ("m1",), reply)
    assert TRIAGE in returned, "triage gets what the store knows nothing of"
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
