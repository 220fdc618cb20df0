"""A poisoned template, action or rank costs its record the extras; the workers continue."""

import asyncio
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

import msgspec
import pytest

from router.decision.decide import decide_message
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings, Settings
from schemas import topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.outcome import Outcome, Reply
from tests.support.caught_bugs import count_caught_bugs
from tests.support.messages import message, policy
from tests.support.redis.servers import start_valkey
from tests.support.servers.broker import read_topic
from tests.support.waiting import until
from workers.actions.reply_email import EmailReplyAccount
from workers.desk_feed import record_decoder
from workers.desk_feed.feed import Feed
from workers.replies import acknowledge
from workers.replies.acknowledge import Acknowledger
from workers.sender import reply_sender
from workers.sender.reply_sender import ReplySender

POISONED = 2
R = TypeVar("R", bound=Record)


@pytest.fixture
def redis_url() -> Iterator[str]:
    """Yield the address of a Valkey for this test."""
    with start_valkey() as port:
        yield f"redis://127.0.0.1:{port}/0"


def _items() -> list[WorkItem]:
    items = []
    for number in range(5):
        sent = message(
            "Faturam yanlış",
            native=str(number),
            root=str(number),
            channel="email",
            kind="mail",
            received_at=SystemClock().now(),
            reply_to=f"k{number}@ornek.example",
            source="email:a",
        )
        item = decide_message(sent, None, policy(), SystemClock().now()).item
        assert item is not None
        items.append(item)
    return items


class _PoisonedAction:
    """An action with a fault for one customer."""

    name, channel, account, shares = "reply_email", "email", EmailReplyAccount, ()

    async def send(self, reply: Reply, _settings: object, _key: bytes) -> str:
        if reply.reply_to == f"k{POISONED}@ornek.example":
            raise KeyError(reply.id)
        return "250 kept"


def _poison(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, item: WorkItem) -> None:
    """Make a function raise for the values of one item."""
    original = getattr(module, name)

    def poisoned(first: object, *more: object) -> object:
        if first in (item, item.decision.language):
            raise KeyError(name)
        return original(first, *more)

    monkeypatch.setattr(module, name, poisoned)


async def _published(settings: Settings, topic: str, kind: type[R], count: int) -> list[R]:
    """Return a topic's records once there are `count` of them."""

    async def read() -> list[R]:
        records = [record async for record in read_topic(settings, topic, kind)]
        return records if len(records) >= count else []

    return await until(f"{count} records of {topic}", read, 60)


def _answer(acknowledgement: Reply, item: WorkItem) -> Reply:
    """Return a person's answer to an item, by the account of an acknowledgement."""
    return msgspec.structs.replace(
        acknowledgement,
        id="answer",
        kind="answer",
        message=item.message.id,
        conversation="c",
        reply_to=item.message.reply_to,
    )


async def test_a_fault_costs_one_record_its_extras_and_no_other_anything(
    kafka: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = msgspec.structs.replace(
        kafka,
        redis=RedisSettings(url=redis_url),
        actions={"reply_email": {"a": {"host": "mail.example"}}},
    )
    items = _items()
    poisoned = items[POISONED]
    items[POISONED] = poisoned = msgspec.structs.replace(
        poisoned, decision=msgspec.structs.replace(poisoned.decision, language="en")
    )
    _poison(monkeypatch, acknowledge, "acknowledgement", poisoned)
    _poison(monkeypatch, record_decoder, "score", poisoned)
    monkeypatch.setattr(reply_sender, "for_channel", lambda *_: _PoisonedAction())
    clock, redis = SystemClock(), connect(settings.redis)
    publisher = Publisher(settings.kafka, "test")
    steps = ("santral-acknowledge", "santral-desk", "santral-replies")
    before = {step: count_caught_bugs(step) for step in steps}
    for item in items:
        await publisher.publish(topics.queue("billing"), item, source="test")
    feed = Feed(settings, redis, clock, Health("desk"))
    working = [
        asyncio.ensure_future(Acknowledger(settings, redis, publisher, clock).run()),
        asyncio.ensure_future(feed.run()),
        asyncio.ensure_future(ReplySender(settings, redis, publisher, clock, Health("r")).run()),
    ]
    try:
        replies = await _published(settings, topics.REPLIES.name, Reply, 4)
        assert {reply.message for reply in replies} == {
            i.message.id for i in items if i is not poisoned
        }
        answer = _answer(replies[0], poisoned)
        await publisher.publish(topics.REPLIES, answer, source="test")
        outcomes = await _published(settings, topics.OUTCOMES.name, Outcome, 5)
        failed = [o for o in outcomes if o.kind == "undeliverable"]
        assert [(o.reply, o.reason) for o in failed] == [("answer", str(Rejected("reply.bug")))]
        assert sum(o.kind == "delivered" for o in outcomes) == 4

        async def lined_up() -> bool:
            return (await feed.desk_queue.count_items("billing"))[0] >= len(items)

        await until("every item is in line", lined_up, 30)
        assert not any(task.done() for task in working), "no worker ended"
        after = {step: count_caught_bugs(step) - before[step] for step in steps}
        assert (after["santral-acknowledge"], after["santral-replies"]) == (1, 1)
        assert after["santral-desk"] in (1, 2), "once more where the lines were rebuilt"
    finally:
        for task in working:
            task.cancel()
        _, running = await asyncio.wait(working, timeout=30)
        await publisher.stop()
        await redis.aclose()
    assert not running, "a cancelled worker ends"
