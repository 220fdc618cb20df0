"""The desk's lines in a real Valkey: order, leases, what comes meanwhile, moves, replays."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from runtime.claims import Claims, connect
from runtime.settings import Redis
from schemas.errors import Retry
from tests.servers import valkey
from workers.desk_redis import Arrival, ItemUnknown, LeaseLost, Lines


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """A Valkey of its own."""
    with valkey() as port:
        yield port


@pytest.fixture
async def redis(server: int) -> AsyncIterator["Client[bytes]"]:
    """An empty database."""
    made = connect(Redis(url=f"redis://127.0.0.1:{server}/0"))
    await made.flushall()
    yield made
    await made.aclose()


@pytest.fixture
async def lines(redis: "Client[bytes]") -> Lines:
    """Lines that were declared whole."""
    made = Lines(redis)
    await redis.set("lock", "t")
    assert await made.begin("e1", "lock", "t")
    return made


async def _add(lines: Lines, message: str, conversation: str = "c", *, hops: int = 0, at: int = 1,
               score: float = 0, department: str = "d", quiet: bool = False) -> bool:  # fmt: skip
    return bool(await lines.add([_arrival(
        message, conversation, hops=hops, at=at, score=score, department=department, quiet=quiet
    )]))  # fmt: skip


def _arrival(message: str, conversation: str, *, hops: int = 0, at: int = 1, score: float = 0,
             department: str = "d", quiet: bool = False) -> Arrival:  # fmt: skip
    return Arrival(
        department=department, conversation=conversation, message=message, hops=hops,
        work=f"{message}/{hops}".encode(), arrived_ms=at, score=score, quiet=quiet,
    )  # fmt: skip


async def test_many_come_by_few_round_trips_each_once_and_in_order(
    lines: Lines, redis: "Client[bytes]"
) -> None:
    many = [_arrival(f"m{n}", f"c{n % 400}", at=n, score=n) for n in range(1300)]
    before = (await redis.info("stats"))["total_connections_received"]
    assert await lines.add([*many, *many[:50]]) == 1300
    assert await lines.add(many) == 0
    assert await lines.add([]) == 0
    assert (await redis.info("stats"))["total_connections_received"] <= before + 2
    claimed, _ = await lines.claim("d", "a", 1000, 2)
    assert [c.works[0] for c in claimed] == [b"m0/0", b"m1/0"]
    assert [w.decode() for w in claimed[0].works] == [f"m{n}/0" for n in range(0, 1300, 400)]


async def test_nothing_is_served_before_the_lines_are_whole(redis: "Client[bytes]") -> None:
    lines = Lines(redis)
    await _add(lines, "m")
    with pytest.raises(Retry, match="rebuilt"):
        await lines.claim("d", "a", 1000, 1)


async def test_lines_emptied_in_mid_rebuild_are_not_declared_whole(redis: "Client[bytes]") -> None:
    assert not await Lines(redis).begin("e", "lock", "mine")
    assert await Lines(redis).epoch() is None


async def test_the_lowest_score_goes_first(lines: Lines) -> None:
    await _add(lines, "late", "c1", score=30)
    await _add(lines, "urgent", "c2", score=10)
    await _add(lines, "early", "c3", score=20)
    claimed, _ = await lines.claim("d", "a", 1000, 2)
    assert [c.item for c in claimed] == ["urgent", "early"]


async def test_one_item_a_conversation_and_what_comes_meanwhile_is_not_resolved(
    lines: Lines,
) -> None:
    await _add(lines, "m1", at=1)
    await _add(lines, "m2", at=2)
    (claim,), _ = await lines.claim("d", "a", 10_000, 9)
    assert (claim.item, claim.works) == ("m1", (b"m1/0", b"m2/0"))
    await _add(lines, "m3", at=3, score=-5)
    assert (await lines.claim("d", "b", 10_000, 9))[0] == []
    held = await lines.hold("m1", claim.lease, 10_000)
    assert held.works == (b"m1/0", b"m2/0"), "the agent never saw m3"
    await lines.close("d", "c", [("m1", 0), ("m2", 0)])
    (again,), _ = await lines.claim("d", "b", 10_000, 9)
    assert (again.item, again.works) == ("m3", (b"m3/0",))


async def test_showing_again_shows_what_came_meanwhile(lines: Lines) -> None:
    await _add(lines, "m1")
    (claim,), _ = await lines.claim("d", "a", 10_000, 1)
    await _add(lines, "m2", at=2)
    shown = await lines.hold("m1", claim.lease, 10_000, show=True)
    assert shown.works == (b"m1/0", b"m2/0")
    assert (await lines.hold("m1", claim.lease, 10_000)).works == shown.works


async def test_a_lease_that_ran_out_is_anothers_and_the_old_token_is_refused(lines: Lines) -> None:
    await _add(lines, "m")
    (first,), _ = await lines.claim("d", "a", 1, 1)

    async def again() -> list[Any]:
        return (await lines.claim("d", "b", 10_000, 1))[0]

    found: list[Any] = []
    while not found:
        found = await again()
    with pytest.raises(LeaseLost):
        await lines.hold("m", first.lease, 1000)
    with pytest.raises(LeaseLost):
        await lines.release("m", first.lease)
    assert (await lines.hold("m", found[0].lease, 1000)).agent == "b"


async def test_finished_and_unknown_items_are_told_apart(lines: Lines) -> None:
    await _add(lines, "m")
    (claim,), _ = await lines.claim("d", "a", 10_000, 1)
    assert await lines.close("d", "c", [("m", 0)]) == 1
    assert await lines.close("d", "c", [("m", 0)]) == 0
    with pytest.raises(LeaseLost):
        await lines.hold("m", claim.lease, 1)
    with pytest.raises(ItemUnknown):
        await lines.hold("never", "x", 1)


async def test_a_finished_message_is_not_put_in_line_again(lines: Lines) -> None:
    await lines.close("d", "c", [("m", 0)])
    assert not await _add(lines, "m")
    assert await lines.counts("d") == (0, 0)


@pytest.mark.parametrize("order", ["add first", "close first"])
async def test_an_escalated_item_survives_whatever_is_read_first(lines: Lines, order: str) -> None:
    await _add(lines, "m", hops=0)
    if order == "add first":
        await _add(lines, "m", hops=1)
        await lines.close("d", "c", [("m", 0)])
    else:
        await lines.close("d", "c", [("m", 0)])
        await _add(lines, "m", hops=1)
    await lines.close("d", "c", [("m", 0)])
    (claim,), _ = await lines.claim("d", "a", 1000, 1)
    assert claim.works == (b"m/1",)


async def test_an_event_alone_opens_nothing(lines: Lines) -> None:
    assert not await _add(lines, "edit", quiet=True)
    await _add(lines, "m")
    assert await _add(lines, "edit", quiet=True, at=2)


async def test_a_conversation_of_thousands_is_handed_out_in_parts(lines: Lines) -> None:
    for number in range(300):
        await _add(lines, f"m{number:03}", at=number)
    (claim,), _ = await lines.claim("d", "a", 10_000, 1)
    assert len(claim.works) == 200
    await lines.close("d", "c", [(f"m{n:03}", 0) for n in range(200)])
    (rest,), _ = await lines.claim("d", "a", 10_000, 1)
    assert (rest.item, len(rest.works)) == ("m200", 100)


async def test_a_redis_that_came_back_older_is_noticed(
    lines: Lines, redis: "Client[bytes]"
) -> None:
    await lines.reached({"queue.d.v1/0": 7})
    assert not await lines.behind({"queue.d.v1/0": 7})
    await redis.hset("santral:desk:reached", "queue.d.v1/0", 5)
    assert await lines.behind({"queue.d.v1/0": 7})
    assert await lines.epoch() is None


async def test_a_claim_is_new_mine_busy_or_done(redis: "Client[bytes]") -> None:
    claims = Claims(redis, "p:", 10_000, 10_000)
    assert await claims.claim("x", "a") == "NEW"
    assert await claims.claim("x", "a") == "MINE"
    assert await claims.claim("x", "b") == "BUSY"
    await claims.release("x", "b")
    assert await claims.claim("x", "b") == "BUSY"
    await claims.done("x")
    assert await claims.claim("x", "a") == "DONE"
