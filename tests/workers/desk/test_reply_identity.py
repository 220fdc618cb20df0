"""Two answers with the same words are two answers, and a retry repeats the first."""

from typing import TYPE_CHECKING

import pytest

from router.decision.decide import decide_message
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import ClaimIn, Item, ReplyIn
from schemas.outcome import Outcome, Reply
from schemas.topics import AnyTopic
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from workers.desk.commands import Desk
from workers.desk.reply_identity import check_key
from workers.desk_queue.leased_items import MAX_REPLIES
from workers.desk_queue.queue import P
from workers.desk_queue.values import QueuedMessage

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["redis", "server"]

TEXT = "Bir dakika lütfen."

EARLIER_ID = "fca465f1-e396-527f-8e4f-1eea0aef5e0b"
"""The id that the version without keys gave TEXT as the answer to the first message."""


class Breaking(FeedPublisher):
    """Kafka, which takes a reply and then not its outcome, as often as `breaks` says."""

    breaks = 0

    async def publish(self, topic: AnyTopic, record: Record, **more: object) -> tuple[int, int]:
        """Keep a record, or raise Retry."""
        if self.breaks and isinstance(record, Outcome) and record.kind == "replied":
            self.breaks -= 1
            raise Retry(1, "Kafka is away")
        return await super().publish(topic, record, **more)

    def replies(self) -> list[str]:
        """Return the ids of the published replies; the sender sends each id once."""
        return sorted({record.id for record in self.records if isinstance(record, Reply)})


@pytest.fixture
async def desk(redis: "Redis[bytes]") -> Desk:
    """A desk without messages."""
    desk_queue = await open_desk_queue(redis)
    return Desk(
        settings=Settings(),
        desk_queue=desk_queue,
        publisher=Breaking(desk_queue),  # type: ignore[arg-type]  # the desk calls only `publish`
        clock=SystemClock(),
    )


@pytest.fixture
async def item(desk: Desk) -> Item:
    """An item in an agent's hands."""
    await _add(desk, 1)
    (claimed,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    return claimed


def _published(desk: Desk) -> Breaking:
    publisher: object = desk.publisher
    assert isinstance(publisher, Breaking)
    return publisher


async def _add(desk: Desk, number: int) -> None:
    """Put a message of the conversation into the line."""
    written = message("Faturam yanlış", native=str(number), root="1")
    work = decide_message(written, None, policy(), NOW).item
    assert isinstance(work, WorkItem)
    queued = QueuedMessage(
        department="billing",
        conversation=written.conversation,
        message=written.id,
        hops=0,
        work=envelope.encode(work),
        arrived_ms=number,
        score=number,
        quiet=False,
        offset=number,
    )
    await desk.desk_queue.add([queued])


async def test_the_same_text_with_two_keys_is_two_answers(desk: Desk, item: Item) -> None:
    reply = ReplyIn(lease=item.lease, text=TEXT)
    first = await desk.reply(item.id, reply, key="first")
    second = await desk.reply(item.id, reply, key="second")
    assert first.outcome != second.outcome
    assert len(_published(desk).replies()) == 2


async def test_a_retry_with_the_same_key_gets_the_result_of_the_first_try(
    desk: Desk, item: Item
) -> None:
    reply = ReplyIn(lease=item.lease, text=TEXT)
    first = await desk.reply(item.id, reply, key="k")
    written = len(_published(desk).records)
    again = await desk.reply(item.id, reply, key="k")
    assert again.outcome == first.outcome
    assert len(_published(desk).records) == written


async def test_a_retry_after_503_is_one_answer_though_the_customer_wrote_meanwhile(
    desk: Desk, item: Item
) -> None:
    reply = ReplyIn(lease=item.lease, text=TEXT)
    _published(desk).breaks = 1
    with pytest.raises(Retry):
        await desk.reply(item.id, reply, key="k")
    await _add(desk, 2)
    shown = await desk.show(item.id, item.lease)
    assert len(shown.messages) == 2
    await desk.reply(item.id, reply, key="k")
    assert len(_published(desk).replies()) == 1


async def test_a_key_belongs_to_one_text(desk: Desk, item: Item) -> None:
    await desk.reply(item.id, ReplyIn(lease=item.lease, text=TEXT), key="k")
    with pytest.raises(Rejected) as refused:
        await desk.reply(item.id, ReplyIn(lease=item.lease, text="Başka"), key="k")
    assert refused.value.code == "key.reused"
    assert len(_published(desk).replies()) == 1


async def test_a_key_for_two_texts_loses_none_after_redis_forgot_it(
    desk: Desk, item: Item, redis: "Redis[bytes]"
) -> None:
    for text, replies in ((TEXT, 1), (TEXT, 1), ("Başka", 2)):
        await redis.delete(f"{P}sent:{item.id}")
        await desk.reply(item.id, ReplyIn(lease=item.lease, text=text), key="k")
        assert len(_published(desk).replies()) == replies


async def test_without_a_key_a_retry_after_503_is_one_answer_with_the_id_of_earlier_versions(
    desk: Desk, item: Item
) -> None:
    reply = ReplyIn(lease=item.lease, text=TEXT)
    _published(desk).breaks = 1
    with pytest.raises(Retry):
        await desk.reply(item.id, reply)
    await desk.reply(item.id, reply)
    assert _published(desk).replies() == [EARLIER_ID]


async def test_without_a_key_the_same_text_again_is_refused_and_not_silently_dropped(
    desk: Desk, item: Item
) -> None:
    reply = ReplyIn(lease=item.lease, text=TEXT)
    await desk.reply(item.id, reply)
    with pytest.raises(Rejected) as refused:
        await desk.reply(item.id, reply)
    assert refused.value.code == "reply.repeated"
    await desk.reply(item.id, reply, key="k")
    assert len(_published(desk).replies()) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "ş", "x" * 129])
def test_a_malformed_key_is_refused(key: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_key(key)
    assert refused.value.code == "key.invalid"


async def test_the_memory_of_an_item_is_bounded_in_time_and_number(
    desk: Desk, item: Item, redis: "Redis[bytes]"
) -> None:
    for number in range(MAX_REPLIES):
        await desk.desk_queue.leases.begin_reply(item.id, f"key {number}", "d")
    with pytest.raises(Rejected) as refused:
        await desk.reply(item.id, ReplyIn(lease=item.lease, text=TEXT), key="k")
    assert refused.value.code == "reply.too_many"
    assert 0 < await redis.pttl(f"{P}sent:{item.id}") <= 24 * 3600 * 1000
