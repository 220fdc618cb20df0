"""The desk feed on a real broker and Valkey: what a flush, an older Redis and a crash leave."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from redis.asyncio import Redis as Client

from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.health.progress import Partition
from runtime.redis.client import connect
from runtime.redis.errors import AWAY
from runtime.settings.structs import RedisSettings, Settings
from schemas import envelope, topics
from schemas.decision import WorkItem
from tests.support.desk.feeding import RunningFeed, produce, resolved, work_item
from tests.support.redis.servers import Valkey
from tests.support.redis.states import fill_memory
from tests.support.waiting import pass_time, until
from workers.desk.queue_bodies import QueueBodyReader
from workers.desk_feed.feed import Feed
from workers.desk_feed.log import FeedLog
from workers.desk_feed.record_decoder import PartitionBatch
from workers.desk_queue.queue import DeskQueue, P
from workers.desk_queue.rebuild_lock import LOCK, LockLost, RebuildLock


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    """A Valkey that loads its last snapshot when it starts."""
    running = Valkey().start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
async def settings(kafka: Settings, server: Valkey) -> Settings:
    """Empty topics and an empty Redis."""
    server.run("FLUSHALL")
    server.run("CONFIG", "SET", "maxmemory", 0)
    url = f"redis://127.0.0.1:{server.port}/0"
    return msgspec.structs.replace(kafka, redis=RedisSettings(url=url))


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator["Client[bytes]"]:
    """A client of that Redis."""
    client = connect(settings.redis)
    yield client
    await client.aclose()


async def _waiting(redis: "Client[bytes]", department: str = "orders") -> set[str]:
    """Return the conversations that wait."""
    return {c.decode() for c in await redis.zrange(f"{P}ready:{department}", 0, -1)}


def _conversations(works: list[WorkItem]) -> set[str]:
    return {w.message.conversation for w in works}


async def _until_line(
    feed: Feed, redis: "Client[bytes]", works: list[WorkItem], department: str = "orders"
) -> None:
    """Wait until the verified lines have exactly these items."""
    expected = _conversations(works)

    async def matches() -> bool:
        try:
            _, verified = await feed.desk_queue.read_history()
            complete = await redis.hlen(f"{P}at") > 0
            return verified and complete and await _waiting(redis, department) == expected
        except AWAY:  # a connection to the server before its restart
            return False

    await until(f"{len(works)} conversations wait", matches)


def _forget_history(settings: Settings) -> None:
    """Delete every record of the queues and of outcomes.v1, as retention does."""
    admin = AdminClient(rdkafka_settings(settings.kafka))
    names = [topics.queue_topic("orders"), topics.OUTCOMES.name]
    listed = admin.list_topics(timeout=10).topics
    parts = [TopicPartition(name, n, -1) for name in names for n in listed[name].partitions]
    for future in admin.delete_records(parts).values():
        future.result(10)


async def test_an_empty_redis_needs_the_waiting_messages_and_no_history(
    settings: Settings, redis: "Client[bytes]"
) -> None:
    works = [work_item(n, priority=n % 3) for n in range(300)]
    produce(settings, works[:200], [resolved(w) for w in works[:100]])
    async with RunningFeed(settings) as feed:  # the first start has a history
        await _until_line(feed, redis, works[100:200])
        produce(settings, works[200:], [resolved(w) for w in works[100:150]])
        await _until_line(feed, redis, works[150:])
        order = await redis.zrange(f"{P}ready:orders", 0, -1, withscores=True)
        await asyncio.to_thread(_forget_history, settings)
        await redis.flushall()
        await _until_line(feed, redis, works[150:])
        assert await redis.zrange(f"{P}ready:orders", 0, -1, withscores=True) == order
        (claimed, *_), _ = await feed.desk_queue.claim("orders", "ada", 10_000, 1)
        assert claimed.messages[0].body is None, "the lines have positions, not bodies"


@pytest.mark.certify
async def test_a_finish_that_comes_before_its_item_counts_after_a_flush_too(
    settings: Settings, redis: "Client[bytes]"
) -> None:
    works = [work_item(n) for n in range(6)]
    async with RunningFeed(settings) as feed:
        await _until_line(feed, redis, [])
        produce(settings, [], [resolved(w) for w in works[:4]])
        desk_queue = feed.desk_queue

        async def applied() -> bool:
            stored = await desk_queue.read_positions()
            return sum(n for p, n in stored.items() if p.startswith(topics.OUTCOMES.name)) == 4

        await until("the outcomes are applied", applied)
        produce(settings, works[:2])
        produce(settings, works[4:])
        await _until_line(feed, redis, works[4:])
        await redis.flushall()
        await _until_line(feed, redis, works[4:])
        produce(settings, works[2:4])
        produce(settings, [work_item(9)])
        await _until_line(feed, redis, [*works[4:], work_item(9)])


@pytest.mark.certify
async def test_an_older_redis_reads_the_difference_only(
    settings: Settings, redis: "Client[bytes]", server: Valkey
) -> None:
    works = [work_item(n) for n in range(40)]
    async with RunningFeed(settings) as feed:
        produce(settings, works[:20])
        await _until_line(feed, redis, works[:20])
        server.run("SAVE")
        produce(settings, works[20:], [resolved(w) for w in works[:10]])
        await _until_line(feed, redis, works[10:])
        epoch = await feed.desk_queue.read_epoch()
        server.kill()
        server.start()
        await _until_line(feed, redis, works[10:])
        assert await feed.desk_queue.read_epoch() == epoch, "it was not rebuilt"


class _ProcessDied(Exception):
    """The process ends here."""


class _DiesBeforeWrite(Feed):
    async def _write(self, feed_log: FeedLog, batches: Mapping[Partition, PartitionBatch]) -> None:
        raise _ProcessDied


class _DiesAfterWrite(Feed):
    async def _write(self, feed_log: FeedLog, batches: Mapping[Partition, PartitionBatch]) -> None:
        await super()._write(feed_log, batches)
        raise _ProcessDied


class _DiesAfterOnePartition(Feed):
    async def _apply(self, partition: Partition, batch: PartitionBatch) -> None:
        await super()._apply(partition, batch)
        raise _ProcessDied


@pytest.mark.certify
@pytest.mark.parametrize("kind", [_DiesBeforeWrite, _DiesAfterWrite, _DiesAfterOnePartition])
async def test_a_crash_at_any_step_loses_and_revives_nothing(
    settings: Settings, redis: "Client[bytes]", kind: type[Feed]
) -> None:
    works = [work_item(n) for n in range(60)]
    async with RunningFeed(settings) as feed:
        produce(settings, works[:30])
        await _until_line(feed, redis, works[:30])
    produce(settings, works[30:], [resolved(w) for w in works[:20]])
    with pytest.raises(_ProcessDied):
        await RunningFeed(settings, kind).run_to_end()
    async with RunningFeed(settings) as feed:
        await _until_line(feed, redis, works[20:])
        await redis.flushall()
        await _until_line(feed, redis, works[20:])


@pytest.mark.certify
async def test_lines_at_their_limit_leave_the_rest_in_kafka(
    settings: Settings, redis: "Client[bytes]"
) -> None:
    works = [work_item(n) for n in range(120)]
    few = msgspec.structs.replace(
        settings, desk=msgspec.structs.replace(settings.desk, max_waiting=50)
    )
    async with RunningFeed(few) as feed:
        produce(settings, works)

        async def is_at_limit() -> bool:
            return len(await _waiting(redis)) == 50 and _outside("orders") == 70

        await until("50 wait in Redis and 70 in Kafka", is_at_limit)
        produce(settings, [work_item(500, department="billing")])
        await until("a short line goes on", lambda: _waiting(redis, "billing"))
        produce(settings, [], [resolved(w) for w in works[:100]])
        await _until_line(feed, redis, works[100:])
        assert feed.problem() is None


def _outside(department: str) -> float:
    value = metrics.REGISTRY.get_sample_value(
        "santral_items_outside_redis", {"department": department}
    )
    return value or 0.0


@pytest.mark.certify
async def test_a_full_redis_takes_closes_and_later_the_rest(
    settings: Settings, redis: "Client[bytes]", server: Valkey
) -> None:
    works = [work_item(n) for n in range(400)]
    async with RunningFeed(settings) as feed:
        produce(settings, works[:200])
        await _until_line(feed, redis, works[:200])
        server.run("CONFIG", "SET", "maxmemory", (await redis.info("memory"))["used_memory"])
        produce(settings, works[200:], [resolved(w) for w in works[:200]])
        await until("readiness says it", lambda: "full" in (feed.problem() or ""))

        async def closed() -> bool:
            return not await _waiting(redis) & _conversations(works[:200])

        await until("closes free memory", closed)
        server.run("CONFIG", "SET", "maxmemory", 0)
        await _until_line(feed, redis, works[200:])
        await until("readiness is back", lambda: feed.problem() is None)


async def test_a_full_redis_of_another_history_serves_claims_and_rebuilds(server: Valkey) -> None:
    async with connect(RedisSettings(url=f"redis://127.0.0.1:{server.port}/0")) as client:
        desk_queue, lock = DeskQueue(client), RebuildLock(client)
        await client.flushall()
        await client.set(f"{P}epoch", "1")
        undo = fill_memory(server.port)
        try:
            history, verified = await desk_queue.read_history()
            assert not verified
            assert await desk_queue.verify(history)
            assert await desk_queue.claim("orders", "ada", 1000, 1) == ([], 0)
            await lock.take()
            await lock.renew()
            with pytest.raises(LockLost):
                await RebuildLock(client).take()
            assert await desk_queue.begin("2", LOCK, lock.token, {"outcomes.v1/0": 1})
            await lock.release()
            with pytest.raises(LockLost):
                await lock.renew()
        finally:
            undo()


@pytest.mark.certify
async def test_a_rebuild_that_does_not_fit_waits_for_memory(
    settings: Settings, redis: "Client[bytes]", server: Valkey
) -> None:
    works = [work_item(n) for n in range(5000)]
    empty = (await redis.info("memory"))["used_memory"]
    async with RunningFeed(settings) as feed:
        produce(settings, works)
        await _until_line(feed, redis, works)
        server.run("CONFIG", "SET", "maxmemory", empty + 600_000)
        server.run("FLUSHALL")
        await until("readiness says it", lambda: "full" in (feed.problem() or ""))
        epoch = await feed.desk_queue.read_epoch()
        await pass_time(11)  # longer than the lock lives without a rebuild
        server.run("CONFIG", "SET", "maxmemory", 0)
        await _until_line(feed, redis, works)
        assert epoch is not None, "the first messages were served"
        assert await feed.desk_queue.read_epoch() == epoch, "it did not begin again"


@pytest.mark.certify
async def test_two_feeds_share_the_partitions_and_agree(
    settings: Settings, redis: "Client[bytes]"
) -> None:
    departments = ("orders", "billing", "technical", "sales")
    works = [work_item(n, department=departments[n % 4]) for n in range(400)]
    async with RunningFeed(settings) as feed:
        produce(settings, works[:100])
        async with RunningFeed(settings) as second:
            await until("both have partitions", lambda: feed.owned and second.owned)
            produce(settings, works[100:200], [resolved(w) for w in works[:80]])
            produce(settings, works[200:300], [resolved(w) for w in works[80:160]])
        produce(settings, works[300:], [resolved(w) for w in works[160:200]])
        for department in departments:
            rest = [w for w in works[200:] if w.decision.department == department]
            await _until_line(feed, redis, rest, department)
        await redis.flushall()
        for department in departments:
            rest = [w for w in works[200:] if w.decision.department == department]
            await _until_line(feed, redis, rest, department)


@pytest.mark.certify
async def test_a_closing_without_outcomes_goes_back_to_its_line(
    settings: Settings, redis: "Client[bytes]"
) -> None:
    works = [work_item(n) for n in range(2)]
    kafka = msgspec.structs.replace(settings.kafka, ack_timeout=timedelta(seconds=-4))
    hasty = msgspec.structs.replace(settings, kafka=kafka)
    async with RunningFeed(hasty) as feed:
        produce(settings, works)
        await _until_line(feed, redis, works)
        claimed, _ = await feed.desk_queue.claim("orders", "ada", 60_000, 1)
        await feed.desk_queue.mark_closing(claimed[0].item, claimed[0].lease, "complete", ["o1"])
        await _until_line(feed, redis, works)
        again, _ = await feed.desk_queue.claim("orders", "bob", 60_000, 2)
        assert {c.item for c in again} == {w.message.id for w in works}


async def test_texts_come_from_the_queue_by_offset(settings: Settings) -> None:
    works = [work_item(n) for n in range(600)]
    produce(settings, works)
    bodies = QueueBodyReader(settings.kafka)
    try:
        offsets = [(0, 599), (0, 3), (0, 4), (0, 300), (0, 10_000)]
        values, same = await asyncio.gather(
            bodies.load("orders", offsets), bodies.load("orders", offsets)
        )
        assert values == same
        decoded = [envelope.decode(WorkItem, v).message.id for v in values if v is not None]
        assert decoded == [works[n].message.id for n in (599, 3, 4, 300)]
        await asyncio.to_thread(_forget_history, settings)
        assert list(await bodies.load("orders", [(0, 3)])) == [None]
    finally:
        await bodies.close()
