"""A work item that does not decode costs itself alone: its department continues."""

import pytest
from redis.asyncio import Redis

from router.decision.decide import decide_message
from runtime import metrics
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.decision import WorkItem
from schemas.http_api.bodies import ClaimIn, LeaseIn
from schemas.outcome import Outcome
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from workers.desk.commands import Desk
from workers.desk_queue.values import ItemUnknown, QueuedMessage

__all__ = ["redis", "server"]


@pytest.fixture
async def desk(redis: "Redis[bytes]") -> Desk:
    """A desk whose lines are complete and empty."""
    desk_queue = await open_desk_queue(redis)
    return Desk(
        settings=Settings(),
        desk_queue=desk_queue,
        publisher=FeedPublisher(desk_queue),  # type: ignore[arg-type]  # the desk calls only `publish`
        clock=SystemClock(),
    )


def _readable(native: str) -> bytes:
    item = decide_message(message("Kargom nerede?", native=native), None, policy(), NOW).item
    assert item is not None
    return envelope.encode(item)


async def _wait_in_line(
    desk: Desk, name: str, work: bytes, conversation: str, arrived_ms: int
) -> None:
    queued = QueuedMessage(
        department="orders",
        conversation=conversation,
        message=name,
        hops=0,
        work=work,
        arrived_ms=arrived_ms,
        score=arrived_ms,
        quiet=False,
    )
    assert await desk.desk_queue.add([queued]) == 1


def _count_caught() -> float:
    return (
        metrics.REGISTRY.get_sample_value("santral_bugs_caught_total", {"step": "desk.claim"}) or 0
    )


@pytest.mark.parametrize("damage", [b"{", b"\xff", b"{}", b'{"message":{"kind":"telepathy"}}'])
async def test_an_item_that_does_not_decode_is_passed_over_and_counted(
    desk: Desk, damage: bytes
) -> None:
    await _wait_in_line(desk, "bad", damage, "c1", 1)
    await _wait_in_line(desk, "good", _readable("1"), "c2", 2)
    before = _count_caught()

    claimed = await desk.claim("orders", ClaimIn(agent="Ada"))

    assert [item.id for item in claimed.items] == ["good"]
    assert _count_caught() == before + 1
    assert (await desk.claim("orders", ClaimIn(agent="Ada"))).items == ()
    # The damaged item keeps its lease, after which it waits again.
    assert await desk.desk_queue.count_items("orders") == (0, 2)


async def test_the_rest_of_its_conversation_is_claimed_and_completed(desk: Desk) -> None:
    readable = _readable("1")
    waiting = envelope.decode(WorkItem, readable).message
    identifier, conversation = waiting.id, waiting.conversation
    await _wait_in_line(desk, "bad", b"{", conversation, 1)
    await _wait_in_line(desk, identifier, readable, conversation, 2)

    (item,) = (await desk.claim("orders", ClaimIn(agent="Ada"))).items
    done = await desk.complete(item.id, LeaseIn(lease=item.lease))

    assert [m.id for m in item.messages] == [identifier]
    outcome = desk.publisher.records[-1]  # type: ignore[attr-defined]  # of FeedPublisher
    assert isinstance(outcome, Outcome)
    assert (outcome.id, outcome.messages) == (done.outcome, (identifier,))


async def test_an_item_without_a_readable_message_is_unknown(desk: Desk) -> None:
    await _wait_in_line(desk, "bad", b"{", "c1", 1)
    ((claimed,), _) = await desk.desk_queue.claim("orders", "Ada", 60_000, 1)
    with pytest.raises(ItemUnknown):
        await desk.show(claimed.item, claimed.lease)
