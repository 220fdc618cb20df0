"""A lease that ran out is written once, and its item waits again."""

from collections.abc import Sequence
from typing import cast

import pytest
from redis.asyncio import Redis as Client

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import decide_message
from runtime.bus.publisher import Publisher
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.decision import WorkItem
from schemas.errors import Retry
from schemas.outcome import Outcome, author_of, closed_messages
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from workers.desk.expired_leases import ExpiredLeases
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import QueuedMessage

__all__ = ["redis", "server"]

OVER_MS = -5000
"""A lease of this length is over when it begins, so that no test waits."""

RESULT = decide_message(message("Faturam yanlış"), None, policy(), NOW)


class _Bodies:
    """The queue in Kafka, which has the same work item at every offset."""

    async def load(
        self, department: str, offsets: Sequence[tuple[int, int]]
    ) -> Sequence[bytes | None]:
        """Return the item."""
        assert department == "billing"
        return [envelope.encode(_work()) for _ in offsets]


class _AwayPublisher(FeedPublisher):
    async def publish(self, *_records: object, **_more: object) -> tuple[int, int]:
        """Refuse, as while Kafka is away."""
        raise Retry(1, "Kafka is away")


def _work() -> WorkItem:
    assert RESULT.item is not None
    return RESULT.item


@pytest.fixture
async def desk_queue(redis: "Client[bytes]") -> DeskQueue:
    """A desk queue with one message."""
    desk_queue = await open_desk_queue(redis)
    work = _work()
    queued = QueuedMessage(
        department="billing",
        conversation=work.message.conversation,
        message=work.message.id,
        hops=0,
        work=envelope.encode(work),
        arrived_ms=1,
        score=0,
        quiet=False,
    )
    await desk_queue.add([queued])
    return desk_queue


def _leases(desk_queue: DeskQueue, publisher: FeedPublisher) -> ExpiredLeases:
    return ExpiredLeases(
        settings=Settings(),
        desk_queue=desk_queue,
        bodies=_Bodies(),
        publisher=cast("Publisher", publisher),
    )


async def test_a_lease_that_ran_out_is_written_once_and_its_item_waits_again(
    desk_queue: DeskQueue,
) -> None:
    (claimed,), _ = await desk_queue.claim("billing", "ada lovelace", OVER_MS, 1)
    publisher = FeedPublisher(desk_queue)
    leases = _leases(desk_queue, publisher)
    assert await leases.check() == 1
    assert await leases.check() == 0
    (outcome,) = publisher.records
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.agent, outcome.item) == ("expired", "ada lovelace", claimed.item)
    assert (author_of(outcome), outcome.messages) == ("automation", (_work().message.id,))
    assert int(outcome.at.timestamp() * 1000) == claimed.until_ms
    (again,), expired = await desk_queue.claim("billing", "can", 60_000, 1)
    assert (again.item, expired) == (claimed.item, 0)


async def test_the_next_claim_notes_the_lease_that_ran_out_before_it(
    desk_queue: DeskQueue,
) -> None:
    await desk_queue.claim("billing", "ada", OVER_MS, 1)
    (second,), expired = await desk_queue.claim("billing", "can", OVER_MS, 1)
    assert expired == 1
    publisher = FeedPublisher(desk_queue)
    assert await _leases(desk_queue, publisher).check() == 2
    agents = {record.agent for record in publisher.records if isinstance(record, Outcome)}
    assert agents == {"ada", "can"}
    assert len({record.id for record in publisher.records if isinstance(record, Outcome)}) == 2
    assert second.item


async def test_a_lease_that_its_agent_completed_or_released_has_not_expired(
    desk_queue: DeskQueue,
) -> None:
    publisher = FeedPublisher(desk_queue)
    leases = _leases(desk_queue, publisher)
    (released,), _ = await desk_queue.claim("billing", "ada", 60_000, 1)
    await desk_queue.release(released.item, released.lease)
    (completed,), _ = await desk_queue.claim("billing", "ada", 60_000, 1)
    await desk_queue.mark_closing(completed.item, completed.lease, "complete", ["o1"])
    assert await leases.check() == 0
    assert publisher.records == []


async def test_a_lease_of_an_earlier_history_ends_without_an_outcome(
    desk_queue: DeskQueue, redis: "Client[bytes]"
) -> None:
    (claimed,), _ = await desk_queue.claim("billing", "ada", OVER_MS, 1)
    await redis.set(f"santral:lines:claimed:{claimed.lease}", "a history before a fail-over")
    publisher = FeedPublisher(desk_queue)
    assert await _leases(desk_queue, publisher).check() == 0
    assert publisher.records == [], "Redis may have lost that the agent completed it"
    (again,), _ = await desk_queue.claim("billing", "can", 60_000, 1)
    assert again.item == claimed.item


async def test_the_note_of_a_lease_stays_until_kafka_has_its_outcome(
    desk_queue: DeskQueue, redis: "Client[bytes]"
) -> None:
    await desk_queue.claim("billing", "ada", OVER_MS, 1)
    with pytest.raises(Retry):
        await _leases(desk_queue, _AwayPublisher(desk_queue)).check()
    publisher = FeedPublisher(desk_queue)
    assert await _leases(desk_queue, publisher).check() == 0, "the first process may still write it"
    for key in await redis.keys("santral:lines:once:expired:*"):
        await redis.delete(key)
    assert await _leases(desk_queue, publisher).check() == 1


async def test_an_expired_lease_closes_and_changes_nothing(desk_queue: DeskQueue) -> None:
    await desk_queue.claim("billing", "ada", OVER_MS, 1)
    publisher = FeedPublisher(desk_queue)
    await _leases(desk_queue, publisher).check()
    (outcome,) = publisher.records
    assert isinstance(outcome, Outcome)
    assert closed_messages(outcome) == ()
    assert apply_outcome(outcome, RESULT.state, policy().departments, NOW) is None
