"""A desk with agents on Kafka and two Valkeys behind a proxy, with the feed and the router.

The agents record every act and answer (histories.py).
"""

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer

from router.decision.decide import RoutingResult, decide_message
from router.record_decision import decide_record
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.health.faults import is_outage
from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings, Settings
from schemas import envelope, topics
from schemas.decision import WorkItem
from schemas.http_api.bodies import ClaimIn, Done, Item, LeaseIn, MoveIn
from schemas.outcome import Outcome, closed_messages
from schemas.state.conversation import ConversationState
from tests.support.desk.desk_faults import AgentDied, FaultyPublisher, Proxy, RecordingDeskQueue
from tests.support.desk.histories import Act, Answer, MessageHops
from tests.support.messages import NOW, message, policy
from tests.support.redis.servers import Valkey
from tests.support.waiting import until
from workers.desk.commands import Desk
from workers.desk.outcome_order import KafkaOrder
from workers.desk.queue_bodies import QueueBodyReader
from workers.desk_feed.feed import Feed
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import ItemUnknown, LeaseLost

R = TypeVar("R")
DEPARTMENTS = ("billing", "legal", "sales", "triage")
_LEASE = timedelta(seconds=1.5)
VERBS = ("complete",) * 5 + ("reroute",) * 3 + ("escalate", "release", "abandon", "die", "die")


@dataclass
class World:
    """One run: its servers, its agents' acts, and what was queued."""

    settings: Settings
    servers: list[Valkey]
    proxy: Proxy
    desk: Desk
    desk_queue: RecordingDeskQueue
    publisher: FaultyPublisher
    rng: random.Random
    acts: list[Act] = field(default_factory=list)
    queued: list[MessageHops] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    states: dict[str, ConversationState] = field(default_factory=dict)
    era: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    feed: asyncio.Future[None] = field(init=False)

    @property
    def primary(self) -> Valkey:
        """The server that clients reach."""
        return self.proxy.target

    @property
    def replica(self) -> Valkey:
        """The other server."""
        return next(s for s in self.servers if s is not self.proxy.target)

    async def pause(self, seconds: float) -> None:
        """Let the other tasks continue for a time."""
        await asyncio.wait({asyncio.ensure_future(self.ended.wait())}, timeout=seconds)

    # Messages and the router

    async def send(self, conversation: int, number: int) -> None:
        """Put one message of a customer in its queue."""
        sent = message(
            "Faturam yanlış",
            native=f"{conversation}-{number}",
            root=str(conversation),
            received_at=SystemClock().now(),
        )
        state = self.states.get(sent.conversation)
        decided = decide_message(sent, state, policy(), NOW)
        await self._enqueue(decided)

    async def _enqueue(self, decided: RoutingResult) -> None:
        if decided.state is not None:
            self.states[decided.state.conversation] = decided.state
        if decided.item is None:
            return
        item: WorkItem = decided.item
        topic = topics.queue(item.decision.department)
        self.queued.append((item.message.id, item.decision.hops))
        await Publisher.publish(self.publisher, topic, item, source="test")

    async def send_for_ever(self) -> None:
        """Let customers write until the end of the run."""
        conversation = 0
        while not self.ended.is_set():
            conversation += 1
            for number in range(self.rng.choice((1, 1, 2, 3))):
                await self.send(conversation, number)
            await self.pause(0.06)

    async def route(self, consumer: AIOKafkaConsumer) -> None:
        """Apply outcomes as the router does, in the order of Kafka."""
        while True:
            for records in (await consumer.getmany(timeout_ms=50)).values():
                for record in records:
                    outcome = envelope.decode(Outcome, record.value)
                    self.outcomes.append(outcome)
                    state = self.states.get(outcome.conversation)
                    transition = decide_record(outcome, lambda s=state: s, policy(), NOW).transition
                    if isinstance(transition, RoutingResult):
                        await self._enqueue(transition)
                    elif transition is not None:
                        self.states[outcome.conversation] = transition

    # Agents

    async def act(
        self, agent: str, verb: str, item: Item | None, call: Callable[[], Awaitable[R]]
    ) -> tuple[Answer, R | None]:
        """Run one call of an agent, record it, and return its result if it has one."""
        begin, era = asyncio.get_running_loop().time(), self.era
        published = self.publisher.published[agent]
        result: R | None = None
        answer: Answer = "ok"
        try:
            result = await call()
        except (LeaseLost, ItemUnknown):
            answer = "refused"
        except AgentDied:
            answer = "unsure"
        except Exception as error:
            if not is_outage(error):
                raise
            answer = "unsure"
        if item is not None:
            published = self.publisher.published[agent] - published
            self._note(agent, verb, item, (begin, era), answer, published=published > 0)
        return answer, result

    def _note(
        self,
        agent: str,
        verb: str,
        item: Item,
        begin: tuple[float, int],
        answer: Answer,
        *,
        published: bool = False,
    ) -> None:
        start, era = begin
        self.acts.append(
            Act(
                agent=agent,
                verb=verb,
                lease=item.lease,
                conversation=item.conversation,
                messages=self.desk_queue.shown[item.lease],
                start=start,
                end=asyncio.get_running_loop().time(),
                answer=answer,
                era=era if era == self.era else -1,
                published=published,
            )
        )

    async def claim(self, agent: str, department: str, count: int = 2) -> list[Item]:
        """Return the items that an agent got."""
        request = ClaimIn(agent=agent, count=count)
        begin = (asyncio.get_running_loop().time(), self.era)
        _, claimed = await self.act(
            agent, "claim", None, lambda: self.desk.claim(department, request)
        )
        items = list(claimed.items) if claimed is not None else []
        for item in items:
            self._note(agent, "claim", item, begin, "ok")
        return items

    async def work(self, agent: str) -> None:
        """Claim and finish items, as people do, until the end of the run."""
        while not self.ended.is_set():
            items = await self.claim(agent, self.rng.choice(DEPARTMENTS))
            for item in items:
                await self._finish(agent, item, self.rng.choice(VERBS))
            if not items:
                await self.pause(0.05)

    async def _finish(self, agent: str, item: Item, verb: str) -> None:
        lease = LeaseIn(lease=item.lease)
        if self.rng.random() < 0.5:
            await self.act(agent, "heartbeat", item, lambda: self.desk.heartbeat(item.id, lease))
        if verb == "abandon":
            return
        call = self._call(item, self.rng.choice(("complete", "reroute")) if verb == "die" else verb)
        if verb == "die":
            self.publisher.dying.add(agent)
            await self.act(agent, verb, item, call)
            self.publisher.dying.discard(agent)
            return
        for _ in range(3):
            answer, _ = await self.act(agent, verb, item, call)
            if answer != "unsure":
                return
            await self.pause(0.2)

    def _call(self, item: Item, verb: str) -> Callable[[], Awaitable[Done]]:
        lease = LeaseIn(lease=item.lease)
        others = [d for d in DEPARTMENTS if d != item.department]
        target = self.rng.choice(others) if verb == "reroute" else None
        move = MoveIn(lease=item.lease, department=target, reason="-")
        desk, name = self.desk, item.id
        return {
            "complete": lambda: desk.complete(name, lease),
            "release": lambda: desk.release(name, lease),
            "reroute": lambda: desk.reroute(name, move),
            "escalate": lambda: desk.escalate(name, move),
        }[verb]

    # The end of a run

    async def drain(self) -> None:
        """Finish all that is left, as the last agent, once nobody else works."""
        self.publisher.fault_rate = 0.0
        self.publisher.dying.clear()

        async def step() -> bool:
            left = 0
            for department in DEPARTMENTS:
                for item in await self.claim("last", department, 20):
                    await self._finish("last", item, "complete")
                try:
                    for closing in await self.desk_queue.list_closings(department, 10**15):
                        await self.desk_queue.cancel_closing(
                            department, closing
                        )  # every process has ended
                    left += sum(await self.desk_queue.count_items(department))
                except Exception as error:
                    if not is_outage(error):
                        raise
                    left += 1
            return left == 0 and await self._is_routed()

        await until("every line is empty", step, 40)

    async def _is_routed(self) -> bool:
        """Say whether each queued message was closed as far as the router has read."""
        closed = {
            (message, hops)
            for outcome in self.outcomes
            for message, hops in closed_messages(outcome)
        }
        return all(message_hops in closed for message_hops in self.queued)

    # Harms

    def start_feed(self) -> None:
        """Start a feed as a process of its own would."""
        redis = connect(self.settings.redis)
        feed = Feed(self.settings, redis, SystemClock(), Health("desk"))

        async def run() -> None:
            try:
                await feed.run()
            finally:
                await redis.aclose()

        self.feed = asyncio.ensure_future(run())

    async def stop_feed(self) -> None:
        """End the feed in the middle of its work."""
        self.feed.cancel()
        await asyncio.gather(self.feed, return_exceptions=True)

    async def restart_feed(self, after_s: float) -> None:
        """End the feed in the middle of its work, and start another after a time."""
        await self.stop_feed()
        await self.pause(after_s)
        self.start_feed()

    async def restart(self, *, empty: bool) -> None:
        """Kill the primary, and start it with its log, or with nothing."""
        server = self.primary
        self.era += 1
        await asyncio.to_thread(server.kill)
        if empty:
            shutil.rmtree(server.folder)
            server.folder.mkdir()
        await self.pause(0.3)
        await asyncio.to_thread(server.start)
        self.proxy.switch(server)
        self.era += 1

    async def fail_over(self, lag_s: float) -> None:
        """Kill the primary; its replica, which is older by `lag_s`, takes its place."""
        old, new = self.primary, self.replica
        await asyncio.to_thread(new.run, "REPLICAOF", "NO", "ONE")
        await self.pause(lag_s)
        self.era += 1
        await asyncio.to_thread(old.kill)
        self.proxy.switch(new)
        self.era += 1
        await asyncio.to_thread(old.start)
        await asyncio.to_thread(old.follow, new)


@contextlib.asynccontextmanager
async def desk_world(kafka: Settings, servers: list[Valkey], seed: int) -> AsyncIterator[World]:
    """Run feed, router and customers on a broker and two Valkeys."""
    rng = random.Random(seed)
    proxy = Proxy(servers[0])
    listening = await proxy.start()
    desk_settings = msgspec.structs.replace(kafka.desk, lease=_LEASE)
    settings = msgspec.structs.replace(
        kafka, redis=RedisSettings(url=f"redis://127.0.0.1:{proxy.port}/0"), desk=desk_settings
    )
    await asyncio.to_thread(servers[1].follow, servers[0])
    redis = connect(settings.redis)
    publisher = FaultyPublisher(settings, rng)
    desk_queue = RecordingDeskQueue(redis)
    bodies = QueueBodyReader(settings.kafka)
    desk = Desk(
        settings=settings,
        desk_queue=desk_queue,
        publisher=publisher,
        clock=SystemClock(),
        bodies=bodies,
        outcome_order=KafkaOrder(settings.kafka),
    )
    world = World(settings, servers, proxy, desk, desk_queue, publisher, rng)
    consumer = create_reader(settings.kafka, topics.OUTCOMES.name, group=None, client_id="router")
    await consumer.start()
    world.start_feed()
    await until("the lines are served", lambda: _is_served(desk_queue))
    # No agent worked before, so no outcome can come from an earlier history.
    await redis.delete("santral:lines:doubt")
    tasks = [asyncio.ensure_future(work) for work in (world.route(consumer), world.send_for_ever())]
    try:
        yield world
        for task in (*tasks, world.feed):
            assert not task.done() or task.exception() is None, "a stage ended"
    finally:
        tasks.append(world.feed)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await consumer.stop()
        await bodies.close()
        await publisher.stop()
        await redis.aclose()
        listening.close()


async def _is_served(desk_queue: DeskQueue) -> bool:
    return await desk_queue.read_epoch() is not None and (await desk_queue.read_history())[1]
