"""The desk's queue in a real Valkey keeps order, leases and closings, also when records repeat."""

from collections.abc import Sequence

import pytest
from redis.asyncio import Redis as Client

from schemas.errors import Retry
from tests.support.desk.open_queue import open_desk_queue, redis, server
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import (
    ClaimedItem,
    Closing,
    ItemClosing,
    ItemUnknown,
    Lease,
    LeaseLost,
    OffsetRange,
    QueuedMessage,
    RedisBehind,
    ShownMessage,
)

__all__ = ["redis", "server"]


@pytest.fixture
async def desk_queue(redis: "Client[bytes]") -> DeskQueue:
    """An empty desk queue that serves agents."""
    return await open_desk_queue(redis)


def _bodies(messages: Sequence[ShownMessage]) -> list[bytes | None]:
    return [message.body for message in messages]


async def _close(desk_queue: DeskQueue, *messages: tuple[str, int], outcome: str = "o") -> int:
    closing = Closing(outcome=outcome, department="d", conversation="c", messages=messages)
    return (await desk_queue.close([closing]))[0]


async def _add(
    desk_queue: DeskQueue, message: str, conversation: str = "c", **fields: object
) -> bool:
    return bool(await desk_queue.add([_queued(message, conversation, **fields)]))


def _queued(message: str, conversation: str, hops: int = 0, **fields: object) -> QueuedMessage:
    values: dict[str, object] = {"department": "d", "arrived_ms": 1, "score": 0, "quiet": False}
    return QueuedMessage(
        conversation=conversation,
        message=message,
        hops=hops,
        work=f"{message}/{hops}".encode(),
        **(values | fields),
    )


async def test_a_thousand_messages_come_in_order_by_few_round_trips(
    desk_queue: DeskQueue, redis: "Client[bytes]"
) -> None:
    many = [_queued(f"m{n}", f"c{n % 400}", arrived_ms=n, score=n) for n in range(1300)]
    before = (await redis.info("stats"))["total_connections_received"]
    assert await desk_queue.add([*many, *many[:50]]) == 1300
    assert await desk_queue.add(many) == 0
    assert await desk_queue.add([]) == 0
    assert (await redis.info("stats"))["total_connections_received"] <= before + 2
    claimed, _ = await desk_queue.claim("d", "a", 1000, 2)
    assert [c.messages[0].body for c in claimed] == [b"m0/0", b"m1/0"]
    assert _bodies(claimed[0].messages) == [f"m{n}/0".encode() for n in range(0, 1300, 400)]


async def test_no_agent_claims_before_the_queue_is_complete(redis: "Client[bytes]") -> None:
    desk_queue = DeskQueue(redis)
    await _add(desk_queue, "m")
    with pytest.raises(Retry, match="rebuilt"):
        await desk_queue.claim("d", "a", 1000, 1)


async def test_a_queue_that_was_emptied_during_its_rebuild_is_not_complete(
    redis: "Client[bytes]",
) -> None:
    assert not await DeskQueue(redis).begin("e", "lock", "mine")
    assert await DeskQueue(redis).read_epoch() is None


async def test_the_lowest_score_goes_first(desk_queue: DeskQueue) -> None:
    await _add(desk_queue, "late", "c1", score=30)
    await _add(desk_queue, "urgent", "c2", score=10)
    await _add(desk_queue, "early", "c3", score=20)
    claimed, _ = await desk_queue.claim("d", "a", 1000, 2)
    assert [c.item for c in claimed] == ["urgent", "early"]


async def test_a_message_that_comes_after_the_claim_is_not_resolved(
    desk_queue: DeskQueue,
) -> None:
    await _add(desk_queue, "m1", arrived_ms=1)
    await _add(desk_queue, "m2", arrived_ms=2)
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 9)
    assert (claim.item, _bodies(claim.messages)) == ("m1", [b"m1/0", b"m2/0"])
    await _add(desk_queue, "m3", arrived_ms=3, score=-5)
    assert (await desk_queue.claim("d", "b", 10_000, 9))[0] == []
    lease = await desk_queue.extend_lease("m1", claim.lease, 10_000)
    assert _bodies(lease.messages) == [b"m1/0", b"m2/0"], "the agent never saw m3"
    await _close(desk_queue, ("m1", 0), ("m2", 0))
    (again,), _ = await desk_queue.claim("d", "b", 10_000, 9)
    assert (again.item, _bodies(again.messages)) == ("m3", [b"m3/0"])


async def test_showing_an_item_again_shows_its_newer_messages(desk_queue: DeskQueue) -> None:
    await _add(desk_queue, "m1")
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    await _add(desk_queue, "m2", arrived_ms=2)
    shown = await desk_queue.extend_lease("m1", claim.lease, 10_000, show=True)
    assert _bodies(shown.messages) == [b"m1/0", b"m2/0"]
    assert (await desk_queue.extend_lease("m1", claim.lease, 10_000)).messages == shown.messages


async def test_the_token_of_a_lease_that_ended_is_refused(
    desk_queue: DeskQueue,
) -> None:
    await _add(desk_queue, "m")
    (first,), _ = await desk_queue.claim("d", "a", 1, 1)

    claimed: list[ClaimedItem] = []
    while not claimed:
        claimed, _ = await desk_queue.claim("d", "b", 10_000, 1)
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m", first.lease, 1000)
    with pytest.raises(LeaseLost):
        await desk_queue.release("m", first.lease)
    assert (await desk_queue.extend_lease("m", claimed[0].lease, 1000)).agent == "b"


async def test_a_half_moved_item_stays_with_its_agent_beside_its_other_half(
    desk_queue: DeskQueue,
) -> None:
    await _add(desk_queue, "m1", arrived_ms=1)
    await _add(desk_queue, "m2", arrived_ms=2)
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    await desk_queue.mark_closing("m1", claim.lease, "reroute other", ["o1", "o2"])
    # Only the first of the two outcomes has come. Its message waits in the new department.
    await _close(desk_queue, ("m1", 0), outcome="o1")
    await _add(desk_queue, "m1", hops=1, department="other")
    (moved,), _ = await desk_queue.claim("other", "b", 10_000, 1)
    assert moved.item == claim.item == "m1"
    again = await desk_queue.extend_lease("m1", claim.lease, 10_000, verb="reroute other")
    assert (again.department, _bodies(again.messages)) == ("d", [b"m2/0"])
    await desk_queue.release("m1", moved.lease)
    await desk_queue.mark_closing("m1", claim.lease, "reroute other", ["o2"])
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m1", moved.lease, 10_000)


async def test_a_lease_opens_no_other_item(desk_queue: DeskQueue) -> None:
    await _add(desk_queue, "m1", "c1")
    await _add(desk_queue, "m2", "c2")
    first, _ = (await desk_queue.claim("d", "a", 10_000, 2))[0]
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m2", first.lease, 10_000)
    with pytest.raises(ItemUnknown):
        await desk_queue.extend_lease("m3", first.lease, 10_000)


async def test_a_finished_item_differs_from_an_unknown_one(desk_queue: DeskQueue) -> None:
    await _add(desk_queue, "m")
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    assert await _close(desk_queue, ("m", 0)) == 1
    assert await _close(desk_queue, ("m", 0)) == 0
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m", claim.lease, 1)
    with pytest.raises(ItemUnknown):
        await desk_queue.extend_lease("never", "x", 1)


async def test_a_finished_message_is_not_put_in_line_again(desk_queue: DeskQueue) -> None:
    await _close(desk_queue, ("m", 0))
    assert not await _add(desk_queue, "m")
    assert await desk_queue.count_items("d") == (0, 0)


@pytest.mark.parametrize("order", ["add first", "close first"])
async def test_an_escalated_item_waits_in_both_orders_of_its_records(
    desk_queue: DeskQueue, order: str
) -> None:
    await _add(desk_queue, "m", hops=0)
    if order == "add first":
        await _add(desk_queue, "m", hops=1)
        await _close(desk_queue, ("m", 0))
    else:
        await _close(desk_queue, ("m", 0))
        await _add(desk_queue, "m", hops=1)
    await _close(desk_queue, ("m", 0))
    (claim,), _ = await desk_queue.claim("d", "a", 1000, 1)
    assert _bodies(claim.messages) == [b"m/1"]


async def test_a_moved_message_keeps_its_text_when_its_close_is_read_after_its_queued(
    desk_queue: DeskQueue,
) -> None:
    await _add(desk_queue, "m")
    await _add(desk_queue, "m", hops=1, department="e")
    assert await _close(desk_queue, ("m", 0)) == 1
    (claim,), _ = await desk_queue.claim("e", "a", 1000, 1)
    assert _bodies(claim.messages) == [b"m/1"]


async def test_an_event_alone_opens_nothing(desk_queue: DeskQueue) -> None:
    assert not await _add(desk_queue, "edit", quiet=True)
    await _add(desk_queue, "m")
    assert await _add(desk_queue, "edit", quiet=True, arrived_ms=2)


async def test_a_conversation_of_thousands_is_handed_out_in_parts(desk_queue: DeskQueue) -> None:
    for number in range(300):
        await _add(desk_queue, f"m{number:03}", arrived_ms=number)
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    assert len(claim.messages) == 200
    await _close(desk_queue, *((f"m{n:03}", 0) for n in range(200)))
    (rest,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    assert (rest.item, len(rest.messages)) == ("m200", 100)


async def test_records_and_position_change_together(desk_queue: DeskQueue) -> None:
    queued_messages = [
        _queued(f"m{n}", f"c{n}", arrived_ms=n, score=n, offset=n) for n in range(1000)
    ]
    assert (
        await desk_queue.add(
            queued_messages, OffsetRange(partition="queue.d.v1/0", start=0, end=1000)
        )
        == 1000
    )
    assert await desk_queue.read_positions() == {"queue.d.v1/0": 1000}
    closing = Closing(outcome="o", department="d", conversation="c7", messages=(("m7", 0),))
    assert await desk_queue.close(
        [closing], OffsetRange(partition="outcomes.v1/0", start=0, end=1)
    ) == (1, 0)
    assert (
        await desk_queue.add(
            queued_messages, OffsetRange(partition="queue.d.v1/0", start=0, end=1000)
        )
        == 0
    )
    assert await desk_queue.count_items("d") == (999, 0), "a replay puts nothing closed in line"


async def test_an_older_redis_refuses_records_after_a_gap(
    desk_queue: DeskQueue,
) -> None:
    await desk_queue.add([], OffsetRange(partition="queue.d.v1/0", start=0, end=5))
    with pytest.raises(RedisBehind) as caught:
        await desk_queue.add(
            [_queued("m", "c")], OffsetRange(partition="queue.d.v1/0", start=7, end=8)
        )
    assert (caught.value.partition, caught.value.position) == ("queue.d.v1/0", 5)
    assert await desk_queue.count_items("d") == (0, 0)


async def test_another_history_serves_nothing_until_the_feed_verified_it(
    desk_queue: DeskQueue, redis: "Client[bytes]"
) -> None:
    await _add(desk_queue, "m")
    await redis.set("santral:lines:verified", "another run's")
    with pytest.raises(Retry, match="compares"):
        await desk_queue.claim("d", "a", 1000, 1)
    assert not await desk_queue.verify(b"another run's")
    history, verified = await desk_queue.read_history()
    assert not verified
    assert await desk_queue.verify(history)
    assert len((await desk_queue.claim("d", "a", 1000, 1))[0]) == 1


async def _closing(desk_queue: DeskQueue, *outcomes: str) -> tuple[Lease, bytes]:
    """Put m1 and m2 in line, claim them and closing them as closing."""
    await _add(desk_queue, "m1", arrived_ms=1)
    await _add(desk_queue, "m2", arrived_ms=2)
    (claim,), _ = await desk_queue.claim("d", "a", 10_000, 1)
    lease = await desk_queue.extend_lease("m1", claim.lease, 10_000)
    return lease, await desk_queue.mark_closing("m1", claim.lease, "reroute x", outcomes)


async def test_a_claim_passes_over_a_closing_item_until_all_its_outcomes_came(
    desk_queue: DeskQueue,
) -> None:
    lease, _ = await _closing(desk_queue, "o1", "o2")
    await _add(desk_queue, "m3", arrived_ms=3)
    assert (await desk_queue.claim("d", "b", 10_000, 9))[0] == []
    assert await desk_queue.count_items("d") == (0, 1)
    assert await _close(desk_queue, ("m1", 0), outcome="o1") == 1
    assert (await desk_queue.claim("d", "b", 10_000, 9))[0] == []
    assert await _close(desk_queue, ("m2", 0), outcome="o2") == 1
    (rest,), _ = await desk_queue.claim("d", "b", 10_000, 9)
    assert [m.message for m in rest.messages] == ["m3"]
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m1", lease.lease, 10_000)


async def test_a_closing_item_takes_the_same_verb_again_and_no_other(desk_queue: DeskQueue) -> None:
    lease, _ = await _closing(desk_queue, "o1", "o2")
    for act in (
        desk_queue.extend_lease("m1", lease.lease, 10_000),
        desk_queue.extend_lease("m1", lease.lease, 10_000, verb="complete"),
        desk_queue.release("m1", lease.lease),
        desk_queue.mark_closing("m1", lease.lease, "complete", ["o9"]),
    ):
        with pytest.raises(ItemClosing, match=r"being closed \(reroute x\)"):
            await act
    await _add(desk_queue, "m3", arrived_ms=3)
    shown = await desk_queue.extend_lease("m1", lease.lease, 10_000, show=True)
    again = await desk_queue.extend_lease("m1", lease.lease, 10_000, verb="reroute x")
    assert shown.messages == again.messages == lease.messages
    await desk_queue.mark_closing("m1", lease.lease, "reroute x", ["o1", "o2"])


async def test_an_abandoned_closing_goes_back_in_line(desk_queue: DeskQueue) -> None:
    lease, _ = await _closing(desk_queue, "o1", "o2")
    await _close(desk_queue, ("m1", 0), outcome="o1")
    assert await desk_queue.list_closings("d", 0) == []
    (closing,) = await desk_queue.list_closings("d", 10**15)
    assert (closing.conversation, closing.verb, closing.outcomes) == ("c", "reroute x", ("o2",))
    assert await desk_queue.cancel_closing("d", closing)
    assert not await desk_queue.cancel_closing("d", closing)
    (rest,), _ = await desk_queue.claim("d", "b", 10_000, 1)
    assert [m.message for m in rest.messages] == ["m2"]
    with pytest.raises(LeaseLost):
        await desk_queue.extend_lease("m1", lease.lease, 10_000, verb="reroute x")


async def test_the_first_outcome_of_a_message_counts(desk_queue: DeskQueue) -> None:
    lease, history = await _closing(desk_queue, "o1")
    closes = [("m1", 0, "o1"), ("m2", 0, "o1")]

    async def confirm(closes: list[tuple[str, int, str]], offset: int) -> str:
        return await desk_queue.confirm(lease, "outcomes.v1/0", offset, history, closes)

    assert await confirm(closes, 0) == "early", "another history was live a short time ago"
    both = (("m1", 0), ("m2", 0))
    rivals = [
        Closing(outcome="o1", department="d", conversation="c", messages=both, offset=0),
        Closing(outcome="o2", department="d", conversation="c", messages=both, offset=1),
    ]
    gone, late = await desk_queue.close(
        rivals, OffsetRange(partition="outcomes.v1/0", start=0, end=2)
    )
    assert (gone, late) == (2, 2)
    assert await confirm(closes, 0) == "counted"
    assert await confirm([("m1", 0, "o2"), ("m2", 0, "o2")], 1) == "superseded"
    assert await confirm([("m9", 0, "o1")], 1) == "unknown"


async def test_while_the_feed_is_late_an_unbroken_mark_confirms(
    desk_queue: DeskQueue, redis: "Client[bytes]"
) -> None:
    lease, history = await _closing(desk_queue, "o1")
    closes = [("m1", 0, "o1")]
    await redis.delete("santral:lines:doubt")
    assert await desk_queue.confirm(lease, "outcomes.v1/0", 0, history, closes) == "alone"
    assert await desk_queue.confirm(lease, "outcomes.v1/0", 0, b"other", closes) == "early"
    (closing,) = await desk_queue.list_closings("d", 10**15)
    await desk_queue.cancel_closing("d", closing)
    assert await desk_queue.confirm(lease, "outcomes.v1/0", 0, history, closes) == "early"
