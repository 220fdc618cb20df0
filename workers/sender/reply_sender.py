"""Sends replies.v1 through the channel's action, each once, and records what became of it.

Before: desk/desk.py, replies/incident_reply.py and replies/acknowledge.py. After: the customer;
outcomes `delivered` or `undeliverable`. In this order: `begun` to deliveries.v1 and read back as
the first, send, outcome to Kafka, `finished` to deliveries.v1. A reply that has to wait is parked
there, and the commits continue. A reply whose try a crash interrupted is never sent again: its
outcome says so.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterable

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from redis.asyncio import Redis

from runtime.bus.bus import Publisher, reader
from runtime.bus.following import Lag
from runtime.bus.kafka_reader import KafkaReader
from runtime.bus.partition_reader import RecordReader
from runtime.clock import Clock
from runtime.health.faults import is_outage
from runtime.health.health import Fresh, Health
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.delays import RECONNECT_S
from schemas.errors import ERROR_TEXT_LIMIT, ConfigError, Problem, Rejected, Retry
from schemas.outcome import Reply
from schemas.state.delivery import Delivery
from workers.actions.registry import for_channel
from workers.sender.lanes import LoadedReply, parked_entry
from workers.sender.log import DeliveryLog
from workers.sender.lost_replies import LostReplies
from workers.sender.lost_tries import LostTries
from workers.sender.partition import REMEMBER, ReplyPartition, commit_metadata
from workers.sender.task_set import TaskSet
from workers.sender.tries import Tries
from workers.sender.waiting_rooms import WaitingRooms
from workers.sender.writer import DeliveryWriter

log = get(__name__)

GROUP = "santral-replies"
MAX_UNRECORDED = 500
"""Replies that deliveries.v1 has no record of: with more of them, reading pauses."""
REPORT_S = 5.0
LAST_COMMIT_S = 5.0
STOP_S = 12.0
"""A stop waits so long for replies that are being sent."""


class ReplySender:
    """The loop: replies in, outcomes out."""

    def __init__(
        self,
        settings: Settings,
        redis: "Redis[bytes]",
        publisher: Publisher,
        clock: Clock,
        health: Health,
    ) -> None:
        self._kafka, self._clock = settings.kafka, clock
        self._deliveries = DeliveryLog(
            settings.kafka, publisher, clock, secrets.token_hex(8), self._on_foreign
        )
        self._writer = DeliveryWriter(settings, publisher, clock, self._deliveries)
        self._tries = Tries(settings, redis, clock, self._deliveries, self._writer)
        self._partitions = self._tries.partitions
        self._bodies = RecordReader(settings.kafka, topics.REPLIES.name)
        self._tasks = TaskSet()
        self._steps = RecordReader(settings.kafka, topics.DELIVERIES.name)
        lost = LostReplies(self._deliveries, self._writer, self._steps)
        self._rooms = WaitingRooms(settings, clock, self._tries, self._bodies, self._tasks, lost)
        self.lost = LostTries(settings.kafka, clock, self._bodies, self._tasks, lost)
        self._restoring: dict[int, asyncio.Task[None]] = {}
        self._reported_at = clock.monotonic()
        self.stop_s = STOP_S
        self.lag = Lag("replies lag")
        self.fresh = Fresh(clock, 60, "look at replies.v1")
        health.add("replies", self.fresh)
        health.note("accounts", self._rooms.stuck_accounts, urgent=True)

    async def run(self) -> None:
        """Send until cancelled."""
        consumer = reader(self._kafka, group=GROUP, client_id=f"santral-replies-{os.getpid()}")
        consumer.subscribe([topics.REPLIES.name], listener=_Ownership(self, consumer))
        following: asyncio.Task[None] | None = None
        try:
            self.lag.joining()
            await consumer.start()
            partitions = await count_partitions(consumer)
            following = asyncio.create_task(self._deliveries.run(partitions))
            while True:
                await self._turn(consumer)
                if following.done():
                    following.result()
        except asyncio.CancelledError:
            await self._finish_running()
            await self._commit_last(consumer)
            raise
        finally:
            self._drop(list(self._partitions))
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            self.lag.left()
            await self._bodies.stop()
            await self._steps.stop()
            await consumer.stop()

    async def _turn(self, consumer: KafkaReader) -> None:
        """Read, commit and look after what waits, once."""
        self._tasks.raise_failure()
        unrecorded = sum(len(p.unrecorded) for p in self._partitions.values())
        if unrecorded < MAX_UNRECORDED:
            batch = await consumer.getmany(timeout_ms=100, max_records=MAX_UNRECORDED - unrecorded)
            for topic_partition, records in batch.items():
                self._take(consumer, topic_partition, records)
        else:
            await asyncio.sleep(0.05)
        for number, task in list(self._restoring.items()):
            if task.done():
                del self._restoring[number]
                task.result()
                consumer.resume(TopicPartition(topics.REPLIES.name, number))
        self._rooms.look_after()
        self.lost.look_after()
        self._report()
        await self._commit(consumer)
        await self.lag.turned(consumer)
        if self._restoring:
            self.lag.wait_for("the records of earlier processes", 1)
        self.fresh.succeeded()

    def _take(
        self,
        consumer: KafkaReader,
        topic_partition: TopicPartition,
        records: list[ConsumerRecord],
    ) -> None:
        """Give new replies to their accounts."""
        partition = self._partitions.get(topic_partition.partition)
        if partition is None or not partition.ready:
            consumer.seek(topic_partition, records[0].offset)
            consumer.pause(topic_partition)
            return
        for record in records:
            partition.next, partition.read_at = record.offset + 1, record.timestamp / 1000
            try:
                reply = envelope.decode(Reply, record.value)
            except Rejected as error:
                log.warning("record.undecodable", topic=record.topic, text=error.text)
                continue
            self._admit(partition, record.offset, reply)

    def _admit(self, partition: ReplyPartition, offset: int, reply: Reply) -> None:
        present = self._tries.works.get(reply.id)
        if present is not None:
            if not present.recorded and present.offset == offset:
                partition.unrecorded.add(offset)
            return
        table = self._deliveries.tables[partition.number]
        action = for_channel(reply.channel, reply.reply_to)
        if action is None or table.has(reply.id) or reply.id in partition.ended:
            return  # the door pushes it to the visitor, or it was read before
        partition.unrecorded.add(offset)
        work = LoadedReply(
            partition=partition.number,
            offset=offset,
            reply=reply,
            action=action,
            first_at=self._clock.now(),
            arrived=self._clock.monotonic(),
            suspect=partition.suspect,
        )
        self._rooms.admit(work)

    def _report(self) -> None:
        """Do what is needed every few seconds."""
        if self._clock.monotonic() - self._reported_at < REPORT_S:
            return
        self._reported_at = self._clock.monotonic()
        self._rooms.give_up()
        self._rooms.report()
        self._deliveries.recipients.prune(self._clock.now())
        for number, partition in self._partitions.items():
            if partition.ready and partition.read_at is not None:
                before = min(self._clock.now().timestamp(), partition.read_at)
                self._deliveries.tables[number].forget(before - REMEMBER.total_seconds())

    async def _commit(self, consumer: KafkaReader) -> None:
        """Commit up to the first reply that deliveries.v1 does not know, in each partition."""
        owned = consumer.assignment()
        offsets: dict[TopicPartition, tuple[int, str]] = {}
        for number, partition in self._partitions.items():
            offset = partition.next_commit()
            if not partition.ready or offset is None or partition.topic_partition not in owned:
                continue
            table = self._deliveries.tables[number]
            first_open = table.first_open(self._deliveries.position(number))
            if (offset, first_open) != partition.committed:
                partition.committed = offset, first_open
                offsets[partition.topic_partition] = offset, commit_metadata(first_open)
        if offsets:
            try:
                await self.lag.commit(consumer, offsets)
            except (CommitFailedError, IllegalStateError) as error:
                log.info("replies.rebalanced", why=type(error).__name__)

    def gain(self, consumer: KafkaReader, numbers: Iterable[int]) -> None:
        """Restore partitions before their replies are read."""
        for number in numbers:
            partition = self._partitions[number] = ReplyPartition(number)
            consumer.pause(partition.topic_partition)
            self._restoring[number] = asyncio.create_task(self._restore(partition))

    async def lose(self, consumer: KafkaReader, numbers: Iterable[int]) -> None:
        """Commit what is recorded and forget the partitions; running tries end by themselves."""
        await self._commit_last(consumer)
        self._drop(numbers)

    async def _commit_last(self, consumer: KafkaReader) -> None:
        """Commit once more; aiokafka would try for ever while Kafka is away."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(LAST_COMMIT_S):
                await self._commit(consumer)

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._partitions.pop(number, None)
            self._deliveries.drop(number)
            task = self._restoring.pop(number, None)
            if task is not None:
                task.cancel()
            self._rooms.drop(number)
            self.lost.forget(number)

    async def _restore(self, partition: ReplyPartition) -> None:
        """Read what became of a partition's replies, then let its accounts continue."""
        while True:
            try:
                table = await partition.restore(self._kafka, GROUP, self._deliveries, self._clock)
                break
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning(
                    "replies.later", partition=partition.number, why=str(error)[:ERROR_TEXT_LIMIT]
                )
                await asyncio.sleep(1)
        for _, delivery in list(table.open.values()):
            if delivery.reply in partition.ended:
                await self._writer.write(partition.number, self._writer.end_of(delivery))
            elif delivery.reply not in self._tries.works:
                self._continue(partition.number, delivery)
        partition.ready = True

    def _continue(self, number: int, delivery: Delivery) -> None:
        """Park a reply that waits, or give the process that tries it time to end."""
        if delivery.state == "parked":
            lane = self._rooms.lanes.lane(delivery.channel, delivery.account)
            lane.park(parked_entry(number, delivery))
        else:
            self.lost.watch(number, delivery)

    def _on_foreign(self, number: int, delivery: Delivery) -> None:
        if delivery.state == "finished":
            self.lost.forget(number, delivery.reply)
        elif number in self._partitions and self._partitions[number].ready:
            self._continue(number, delivery)

    async def _finish_running(self) -> None:
        """Let what is being sent end by itself, and leave what waits."""
        self._writer.stopping = self._rooms.closed = True
        for task in self._restoring.values():
            task.cancel()
        await self._tasks.finish(self.stop_s)


class _Ownership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Tells Replies which partitions are its own."""

    def __init__(self, replies: ReplySender, consumer: KafkaReader) -> None:
        self._replies, self._consumer = replies, consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Give partitions up."""
        await self._replies.lose(
            self._consumer, [topic_partition.partition for topic_partition in revoked]
        )

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take partitions over."""
        self._replies.gain(
            self._consumer, [topic_partition.partition for topic_partition in assigned]
        )


async def count_partitions(consumer: KafkaReader) -> int:
    """Return the number of partitions of replies.v1; raise ConfigError if the topics that belong
    together differ."""
    counts: dict[str, int] = {}
    for topic in (topics.REPLIES, topics.OUTCOMES, topics.DELIVERIES):
        try:
            numbers = await consumer.topic_partitions(topic.name)
        except TimeoutError as error:
            raise Retry(RECONNECT_S, f"{topic.name} is missing: run `santral topics`") from error
        counts[topic.name] = len(numbers)
    if len(set(counts.values())) > 1:
        raise ConfigError(
            [
                Problem(
                    f"Kafka: {counts} have different numbers of partitions, but the records of a "
                    "reply need the same number in each. Recreate the topic that differs."
                )
            ]
        )
    return counts[topics.REPLIES.name]
