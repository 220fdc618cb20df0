"""No two agents' acts on one item both count, whatever Redis and Kafka forget or refuse.

Agents claim, complete, reroute, escalate, abandon and die while Redis is read-only, full, without
its disk or replica, killed, emptied, or replaced by an older copy. Each run has a seed.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from runtime.settings.structs import Settings
from schemas import topics
from schemas.http_api.bodies import Done, Item, LeaseIn
from schemas.outcome import Outcome
from tests.support.desk.desk_world import World, desk_world
from tests.support.desk.histories import counted_closings, violations
from tests.support.messages import NOW
from tests.support.redis.servers import STATES, valkeys
from tests.support.waiting import until
from workers.desk_queue.queue import P
from workers.desk_queue.values import LeaseLost

AGENTS = 5


def _state(word: str, *, forgets: bool = False) -> Callable[[World], Awaitable[None]]:
    """Return a harm that puts the primary into one of its bad states for a short time.

    A state that `forgets` takes the data of the replica, without the last writes of the primary.
    """

    async def harm(world: World) -> None:
        primary, replica = world.primary, world.replica
        state = STATES[word](primary, replica)
        world.era += forgets
        await asyncio.to_thread(state.__enter__)
        world.era += forgets
        await world.pause(0.4)
        await asyncio.to_thread(state.__exit__, None, None, None)
        await asyncio.to_thread(replica.follow, primary)

    return harm


async def _flush(world: World) -> None:
    world.era += 1
    await asyncio.to_thread(world.primary.run, "FLUSHALL")
    world.era += 1


HARMS: dict[str, Callable[[World], Awaitable[None]]] = {
    "read-only": _state("READONLY", forgets=True),
    "older replica": lambda world: world.fail_over(0.5),
    "full": _state("OOM"),
    "emptied": _flush,
    "killed": lambda world: world.restart(empty=False),
    "no disk": _state("MISCONF"),
    "killed without a log": lambda world: world.restart(empty=True),
    "no replica": _state("NOREPLICAS"),
    "feed away": lambda world: world.restart_feed(1.5),
    "much older replica": lambda world: world.fail_over(1.5),
}


async def _run(kafka: Settings, seed: int, harms: list[str]) -> World:
    """Let agents work through some harms, then finish all that is left; check the history."""
    with valkeys(2, "--appendonly", "yes") as servers:
        async with desk_world(kafka, servers, seed) as world:
            world.publisher.fault_rate = 0.05
            agents = [asyncio.ensure_future(world.work(f"agent {n}")) for n in range(AGENTS)]
            await until("work begins", lambda: len(world.acts) > 20)
            for name in harms:
                await HARMS[name](world)
                before = len(world.acts)
                await until(f"work after {name}", lambda b=before: len(world.acts) > b + 15)
            world.ended.set()
            await asyncio.gather(*agents)
            await world.drain()
    broken = violations(world.acts, world.outcomes, world.queued)
    assert not broken, f"seed {seed}: " + "; ".join(broken)
    return world


async def test_no_two_acts_on_one_item_count_while_redis_forgets(kafka: Settings) -> None:
    world = await _run(kafka, 1, ["read-only", "older replica", "full", "emptied"])
    answers = Counter((act.verb, act.answer) for act in world.acts)
    assert answers["complete", "ok"] > 10
    assert answers["reroute", "ok"] > 3
    assert len(counted_closings(world.outcomes)) == len(world.queued)


@pytest.mark.certify
async def test_kafka_says_which_act_counts_beside_a_late_feed(kafka: Settings) -> None:
    with valkeys(2) as servers:
        async with desk_world(kafka, servers, 1) as world:
            items: list[Item] = []

            async def claimed() -> bool:
                items[:] = await world.claim("Ada", "billing", 2)
                return len(items) == 2

            await until("Ada has two items", claimed)
            await asyncio.to_thread(world.primary.run, "SET", f"{P}doubt", "", "PX", 600_000)
            await world.stop_feed()
            second = items[1]
            rival = Outcome(
                id="rival",
                kind="resolved",
                brand="default",
                conversation=second.conversation,
                item=second.id,
                department="billing",
                messages=tuple(m.id for m in second.messages),
                at=NOW,
                agent="Can",
            )
            await world.publisher.publish(topics.OUTCOMES, rival, source="test")
            done, refusal = await asyncio.gather(
                *(world.desk.complete(i.id, LeaseIn(lease=i.lease)) for i in items),
                return_exceptions=True,
            )
            assert isinstance(refusal, LeaseLost), refusal
            assert isinstance(done, Done), done

            def closings() -> list[Outcome]:
                return [o for o in world.outcomes if o.kind == "resolved"]

            world.start_feed()
            await until("the router read all", lambda: len(closings()) == 3)
            counted = {outcome.id for outcome in counted_closings(closings()).values()}
            assert counted == {done.outcome, "rival"}


async def _claim(world: World, agent: str, native: str) -> Item:
    """Return the item of a message, once this agent has it."""
    items: list[Item] = []

    async def claimed() -> bool:
        items[:] = [
            item
            for item in await world.claim(agent, "billing", 5)
            if item.messages[0].native_id == native
        ]
        return bool(items)

    await until(f"{agent} has the item", claimed)
    return items[0]


async def test_the_second_of_two_agents_who_complete_the_same_messages_is_refused(
    kafka: Settings,
) -> None:
    with valkeys(2) as servers:
        async with desk_world(kafka, servers, 1) as world:
            world.ended.set()  # no other message joins the conversation
            await world.send(99, 0)
            queue, acts = world.desk_queue, {}
            for agent in ("Ada", "Can"):
                world.publisher.pauses[agent] = asyncio.Event()
                item = await _claim(world, agent, "99-0")
                complete = world.desk.complete(item.id, LeaseIn(lease=item.lease))
                acts[agent] = asyncio.ensure_future(complete)

                async def is_closing() -> bool:
                    return bool(await queue.list_closings("billing", 10**15))

                await until(f"{agent} closes it", is_closing)
                if agent == "Ada":  # whose process pauses for so long that it passes for dead
                    (closing,) = await queue.list_closings("billing", 10**15)
                    assert await queue.cancel_closing("billing", closing)
            for agent in ("Ada", "Can"):
                world.publisher.pauses[agent].set()
                await until("it is in Kafka", lambda a=agent: a in _resolvers(world))
            done, refusal = await asyncio.gather(*acts.values(), return_exceptions=True)
            assert isinstance(done, Done), done
            assert isinstance(refusal, LeaseLost), refusal
            assert [o.agent for o in counted_closings(world.outcomes).values()] == ["Ada"]


def _resolvers(world: World) -> list[str]:
    return [outcome.agent for outcome in world.outcomes if outcome.kind == "resolved"]


@pytest.mark.certify
@pytest.mark.parametrize("seed", range(2, 10))
async def test_no_two_acts_count_in_long_histories(kafka: Settings, seed: int) -> None:
    await _run(kafka, seed, [name for _ in range(2) for name in HARMS])
