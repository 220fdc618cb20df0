"""No other agent gets an item that one closes, also if Redis fails right after the outcome."""

import dataclasses
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from router.decision.decide import decide_message
from runtime.clock import SystemClock
from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings, Settings
from schemas import envelope
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Retry
from schemas.http_api.bodies import ClaimIn, Done, Item, LeaseIn, MoveIn, ReplyIn
from schemas.outcome import CLOSES, Outcome
from schemas.topics import AnyTopic
from tests.support.desk.histories import counted_closings
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue
from tests.support.messages import NOW, message, policy
from tests.support.redis.servers import Valkey, valkeys
from workers.desk.commands import Desk
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import (
    AlreadyClosed,
    Closing,
    ItemClosing,
    LeaseLost,
    OffsetRange,
    QueuedMessage,
)


class Hasty(SystemClock):
    """A clock on which the desk's waiting ends in a moment."""

    def monotonic(self) -> float:
        """Return seconds that pass fifty times as fast."""
        return super().monotonic() * 50


class HarmfulPublisher(FeedPublisher):
    """Kafka, which gets each outcome; the feed is late, and then Redis takes no more writes."""

    def __init__(self, server: Valkey) -> None:
        self.records: list[Record] = []
        self._server = server
        self.away = False

    async def publish(self, topic: AnyTopic, record: Record, **_more: object) -> tuple[int, int]:
        """Keep a record; an outcome that closes is the last thing that Redis lets happen."""
        if self.away:
            raise Retry(2, "Kafka is away")
        self.records.append(record)
        if isinstance(record, Outcome) and record.kind in CLOSES:
            self._server.run("CONFIG", "SET", "maxmemory", 1)
        return 0, len(self.records)

    def closings(self) -> list[Outcome]:
        """Return the published outcomes that close messages."""
        return [r for r in self.records if isinstance(r, Outcome) and r.kind in CLOSES]


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    """Yield a Valkey for the tests of this module."""
    with valkeys() as (only,):
        yield only


@pytest.fixture
async def desk(server: Valkey) -> AsyncIterator[Desk]:
    """A desk with one conversation of two messages in line, just after a failover."""
    server.run("CONFIG", "SET", "maxmemory", 0)
    server.run("FLUSHALL")
    redis = connect(RedisSettings(url=f"redis://127.0.0.1:{server.port}/0"))
    desk_queue = await open_desk_queue(redis)
    desk = Desk(
        settings=Settings(),
        desk_queue=desk_queue,
        publisher=HarmfulPublisher(server),  # type: ignore[arg-type]  # the desk calls only `publish`
        clock=Hasty(),
    )
    state = None
    for number in range(2):
        decided = decide_message(
            message("Faturam yanlış", native=str(number)), state, policy(), NOW
        )
        state, work = decided.state, decided.item
        assert isinstance(work, WorkItem)
        await desk_queue.add([_queued(work, number)])
    yield desk
    await redis.aclose()


def _queued(work: WorkItem, number: int) -> QueuedMessage:
    return QueuedMessage(
        department=work.decision.department,
        conversation=work.message.conversation,
        message=work.message.id,
        hops=0,
        work=envelope.encode(work),
        arrived_ms=number,
        score=number,
        quiet=False,
        offset=number,
    )


@pytest.mark.parametrize("verb", ["complete", "reroute", "escalate"])
async def test_a_second_agent_gets_no_item_whose_outcome_is_published(
    desk: Desk, server: Valkey, verb: str
) -> None:
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    with pytest.raises(Retry):
        await _act(desk, verb, item)
    server.run("CONFIG", "SET", "maxmemory", 0)

    for rival in (await desk.claim("billing", ClaimIn(agent="Can"))).items:
        await desk.complete(rival.id, LeaseIn(lease=rival.lease))

    closings = desk.publisher.closings()  # type: ignore[attr-defined]  # of HarmfulPublisher
    assert {outcome.agent for outcome in closings} == {"Ada"}
    assert len(counted_closings(closings)) == 2


async def test_an_agent_whose_outcome_kafka_did_not_take_repeats_it_and_nothing_else(
    desk: Desk,
) -> None:
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    lease = LeaseIn(lease=item.lease)
    desk.publisher.away = True  # type: ignore[attr-defined]  # of HarmfulPublisher
    with pytest.raises(Retry):
        await _act(desk, "reroute", item)
    desk.publisher.away = False  # type: ignore[attr-defined]
    for refused in (
        desk.complete(item.id, lease),
        desk.heartbeat(item.id, lease),
        desk.release(item.id, lease),
        desk.note(item.id, msgspec.structs.replace(lease, note="n")),
        desk.reply(item.id, ReplyIn(lease=item.lease, text="Merhaba")),
        desk.reroute(item.id, MoveIn(lease=item.lease, department="sales", reason="-")),
    ):
        with pytest.raises(ItemClosing, match="being closed"):
            await refused
    assert len((await desk.show(item.id, item.lease)).messages) == 2
    for _ in range(2):
        with pytest.raises(Retry):
            await _act(desk, "reroute", item)
    ids = [outcome.id for outcome in desk.publisher.closings()]  # type: ignore[attr-defined]
    assert len(ids) == 4
    assert len(set(ids)) == 2, "published twice is once"


async def test_a_stranger_to_the_lease_is_refused_while_the_item_is_closing(desk: Desk) -> None:
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    with pytest.raises(Retry):
        await _act(desk, "complete", item)
    with pytest.raises(LeaseLost) as caught:
        await desk.complete(item.id, LeaseIn(lease="e1.1.0.0"))
    assert not isinstance(caught.value, ItemClosing)


class UnansweredPublisher(FeedPublisher):
    """Kafka and its feed get each outcome, and the publisher hears nothing of the first `unsure`."""

    def __init__(self, desk_queue: DeskQueue) -> None:
        super().__init__(desk_queue)
        self.unsure = 0

    async def publish(self, topic: AnyTopic, record: Record, **more: object) -> tuple[int, int]:
        """Keep a record; the caller may not get the answer."""
        position = await super().publish(topic, record, **more)
        if self.unsure > 0:
            self.unsure -= 1
            raise Retry(2, "Kafka is away")
        return position


@pytest.mark.parametrize("verb", ["complete", "reroute", "escalate"])
async def test_a_repeat_of_an_act_that_counted_has_the_answer_of_the_first(
    desk: Desk, verb: str
) -> None:
    publisher = UnansweredPublisher(desk.desk_queue)
    desk = dataclasses.replace(desk, publisher=publisher)  # type: ignore[arg-type]  # as above
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    publisher.unsure = 2
    with pytest.raises(Retry):
        await _act(desk, verb, item)

    answers = [await _act(desk, verb, item) for _ in range(2)]
    closings = [r for r in publisher.records if isinstance(r, Outcome) and r.kind in CLOSES]
    assert {answer.outcome for answer in answers} == {closings[-1].id}
    assert len(counted_closings(closings)) == 2

    other = "complete" if verb == "escalate" else "escalate"
    with pytest.raises(LeaseLost):
        await _act(desk, other, item)
    with pytest.raises(LeaseLost):
        await desk.heartbeat(item.id, LeaseIn(lease=item.lease))


async def test_a_repeat_is_refused_when_another_agents_act_counts(desk: Desk) -> None:
    desk_queue = desk.desk_queue
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    lease = await desk_queue.extend_lease(item.id, item.lease, 60_000)
    await desk_queue.mark_closing(item.id, item.lease, "complete", ["o-Ada"])
    messages = tuple((m.message, m.hops) for m in lease.messages)
    for outcome in ("o-Can", "o-Ada"):
        closing = Closing(
            outcome=outcome,
            department=lease.department,
            conversation=lease.conversation,
            messages=messages,
        )
        await desk_queue.close([closing])
    with pytest.raises(LeaseLost) as caught:
        await desk.complete(item.id, LeaseIn(lease=item.lease))
    assert not isinstance(caught.value, AlreadyClosed)


async def test_one_superseded_outcome_of_several_refuses_the_repeat(desk: Desk) -> None:
    desk_queue = desk.desk_queue
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    lease = await desk_queue.extend_lease(item.id, item.lease, 60_000)
    first, second = ((m.message, m.hops) for m in lease.messages)
    await desk_queue.mark_closing(item.id, item.lease, "escalate", ["o-Ada-1", "o-Ada-2"])
    for outcome, closed in (("o-Can", first), ("o-Ada-1", first), ("o-Ada-2", second)):
        closing = Closing(
            outcome=outcome,
            department=lease.department,
            conversation=lease.conversation,
            messages=(closed,),
        )
        await desk_queue.close([closing])
    with pytest.raises(LeaseLost) as caught:
        await desk_queue.extend_lease(item.id, item.lease, 60_000, verb="escalate")
    assert not isinstance(caught.value, AlreadyClosed)


class ForgetfulPublisher(FeedPublisher):
    """Kafka gets each outcome; Redis is emptied at that moment, and its feed never comes."""

    def __init__(self, server: Valkey, rivals: list[Outcome]) -> None:
        self.records: list[Record] = []
        self._server, self._rivals = server, rivals

    async def publish(self, topic: AnyTopic, record: Record, **_more: object) -> tuple[int, int]:
        """Keep a record behind those of rivals."""
        if isinstance(record, Outcome) and record.kind in CLOSES:
            self._server.run("FLUSHALL")
            self.records += self._rivals
        self.records.append(record)
        return 0, len(self.records)

    async def read(self, _partition: int, start: int, end: int) -> list[Outcome]:
        """Return outcomes by their offsets, which begin at 1."""
        return [r for r in self.records[start - 1 : end - 1] if isinstance(r, Outcome)]


@pytest.mark.parametrize("verb", ["complete", "reroute", "escalate"])
async def test_kafka_confirms_an_act_whose_lines_are_gone(
    desk: Desk, server: Valkey, verb: str
) -> None:
    kafka = ForgetfulPublisher(server, [])
    await desk.desk_queue.close([], OffsetRange(partition="outcomes.v1/0", start=0, end=1))
    desk = dataclasses.replace(desk, publisher=kafka, outcome_order=kafka)  # type: ignore[arg-type]  # as above
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    done = await _act(desk, verb, item)
    assert isinstance(kafka.records[-1], Outcome)
    assert done.outcome == kafka.records[-1].id


async def test_kafka_refuses_an_act_that_came_second(desk: Desk, server: Valkey) -> None:
    kafka = ForgetfulPublisher(server, [])
    await desk.desk_queue.close([], OffsetRange(partition="outcomes.v1/0", start=0, end=1))
    desk = dataclasses.replace(desk, publisher=kafka, outcome_order=kafka)  # type: ignore[arg-type]  # as above
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    (claimed,) = kafka.records
    assert isinstance(claimed, Outcome)
    kafka._rivals.append(msgspec.structs.replace(claimed, id="o-Can", kind="resolved", agent="Can"))
    with pytest.raises(LeaseLost, match="another agent"):
        await _act(desk, "complete", item)


async def _act(desk: Desk, verb: str, item: Item) -> Done:
    if verb == "complete":
        return await desk.complete(item.id, LeaseIn(lease=item.lease))
    if verb == "reroute":
        move = MoveIn(lease=item.lease, department="legal", reason="-")
        return await desk.reroute(item.id, move)
    return await desk.escalate(item.id, MoveIn(lease=item.lease, reason="-"))
