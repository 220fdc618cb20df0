"""A claim reads from Kafka the work items that Redis lacks, and gives back the others."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from router.decision.decide import decide_message
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Retry
from schemas.http_api.bodies import ClaimIn
from schemas.topics import AnyTopic
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from workers.desk.commands import Desk
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import QueuedMessage

__all__ = ["redis", "server"]


class Queue:
    """The work items of a queue by offset; None once Kafka deleted one."""

    def __init__(self) -> None:
        self.records: dict[int, bytes | None] = {}
        self.loads = 0
        self.away = False

    async def load(self, department: str, offsets: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Return the work items at these offsets."""
        assert department == "billing"
        if self.away:
            raise Retry(2, "Kafka is away")
        self.loads += 1
        return [self.records[offset] for _, offset in offsets]


class BarrierPublisher(FeedPublisher):
    """A Kafka that acknowledges only when three outcomes wait for it."""

    def __init__(self, desk_queue: DeskQueue) -> None:
        super().__init__(desk_queue)
        self._barrier = asyncio.Barrier(3)

    async def publish(self, topic: AnyTopic, record: Record, **more: object) -> tuple[int, int]:
        """Keep a record."""
        await asyncio.wait_for(self._barrier.wait(), 5)
        return await super().publish(topic, record, **more)


async def _desk(redis: "Redis[bytes]", queue: Queue, count: int) -> Desk:
    """Return a desk with `count` conversations, whose work items are only in the queue."""
    desk_queue = await open_desk_queue(redis)
    for n in range(count):
        work = decide_message(
            message("Faturam yanlış", native=str(n), root=str(n)), None, policy(), NOW
        ).item
        assert isinstance(work, WorkItem)
        queue.records[n] = envelope.encode(work)
        queued = QueuedMessage(
            department="billing",
            conversation=work.message.conversation,
            message=work.message.id,
            hops=0,
            work=b"",
            arrived_ms=n,
            score=n,
            quiet=False,
            offset=n,
        )
        await desk_queue.add([queued])
    return Desk(
        settings=Settings(),
        desk_queue=desk_queue,
        publisher=FeedPublisher(desk_queue),  # type: ignore[arg-type]  # the desk calls only `publish`
        clock=SystemClock(),
        bodies=queue,
    )


async def test_a_claim_reads_all_its_items_at_once_and_redis_keeps_them(
    redis: "Redis[bytes]",
) -> None:
    queue = Queue()
    desk = await _desk(redis, queue, 3)
    items = (await desk.claim("billing", ClaimIn(agent="Ada", count=3))).items
    assert [item.messages[0].native_id for item in items] == ["0", "1", "2"]
    await desk.show(items[0].id, items[0].lease)
    assert queue.loads == 1


async def test_a_claim_without_kafka_gives_its_items_back(redis: "Redis[bytes]") -> None:
    queue = Queue()
    desk = await _desk(redis, queue, 2)
    queue.away = True
    with pytest.raises(Retry, match="Kafka"):
        await desk.claim("billing", ClaimIn(agent="Ada", count=2))
    assert await desk.desk_queue.count_items("billing") == (2, 0)
    queue.away = False
    assert len((await desk.claim("billing", ClaimIn(agent="Ada", count=2))).items) == 2


async def test_an_item_that_kafka_deleted_is_passed_over(redis: "Redis[bytes]") -> None:
    queue = Queue()
    desk = await _desk(redis, queue, 2)
    queue.records[0] = None
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    assert item.messages[0].native_id == "1"


async def test_a_claim_of_many_publishes_its_outcomes_together(redis: "Redis[bytes]") -> None:
    desk = await _desk(redis, Queue(), 3)
    publisher = BarrierPublisher(desk.desk_queue)
    desk = replace(desk, publisher=publisher)  # type: ignore[arg-type]  # as above
    assert len((await desk.claim("billing", ClaimIn(agent="Ada", count=3))).items) == 3
    assert [r.kind for r in publisher.records] == ["claimed"] * 3  # type: ignore[attr-defined]
