"""Sends each reply of replies.v1 once through its channel's action, and records the result.

The desk and the package replies write replies.v1. outcomes.v1 gets `delivered` or `undeliverable`.
A try writes `begun` to deliveries.v1 and reads it back as the first, sends, publishes the outcome,
and writes `finished`. A reply that has to wait is parked in deliveries.v1, so the commits continue.
A reply whose try a crash interrupted is never sent again, and its outcome is `undeliverable`.
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

from runtime.bus.following import Lag
from runtime.bus.kafka_reader import KafkaReader
from runtime.bus.partition_reader import RecordReader
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.clock import Clock
from runtime.health.checks import Health, LastSuccess
from runtime.health.faults import is_outage
from runtime.log import get
from runtime.settings.structs import Settings
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.delays import RECONNECT_S
from schemas.errors import ERROR_TEXT_LIMIT, ConfigError, Problem, Rejected, Retry
from schemas.outcome import Reply
from schemas.state.delivery import ReplyDelivery
from workers.actions.registry import for_channel
from workers.sender.lanes import LoadedReply, build_parked_reply
from workers.sender.log import DeliveryLog
from workers.sender.lost_replies import LostReplies
from workers.sender.lost_tries import LostTries
from workers.sender.partition import REPLY_MEMORY, ReplyPartition, commit_metadata
from workers.sender.task_set import TaskSet
from workers.sender.tries import Tries
from workers.sender.waiting_rooms import WaitingRooms
from workers.sender.writer import DeliveryWriter

log = get(__name__)

GROUP = "santral-replies"
_READER_ID = "santral-replies-read"
MAX_UNRECORDED = 500
"""Reading pauses at this number of replies without a record in deliveries.v1."""
REPORT_INTERVAL_S = 5.0
"""Gauges and expired replies need a look this often."""
LAST_COMMIT_TIMEOUT_S = 5.0
"""A stop waits this long for Kafka; repeated replies are recognised by their ids."""
STOP_TIMEOUT_S = 12.0
"""A stop waits this long for replies that are being sent."""
_RETRY_DELAY_S = 1.0
"""The pause before a restoration is tried again."""
_FULL_PAUSE_S = 0.05
"""The pause of a turn that may not read more replies."""


class ReplySender:
    """The loop that reads replies and writes outcomes."""

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
        self._texts = RecordReader(settings.kafka, topics.REPLIES.name, _READER_ID)
        self._tasks = TaskSet()
        self._steps = RecordReader(settings.kafka, topics.DELIVERIES.name, _READER_ID)
        lost = LostReplies(self._deliveries, self._writer, self._steps)
        self._rooms = WaitingRooms(settings, clock, self._tries, self._texts, self._tasks, lost)
        self.lost = LostTries(settings.kafka, clock, self._texts, self._tasks, lost)
        self._restoring: dict[int, asyncio.Task[None]] = {}
        self._reported_at = clock.monotonic()
        self.stop_s = STOP_TIMEOUT_S
        self.lag = Lag("replies lag")
        self.fresh = LastSuccess(clock, 60, "look at replies.v1")
        health.add("replies", self.fresh)
        health.note("accounts", self._rooms.stuck_accounts, urgent=True)

    async def run(self) -> None:
        """Send until cancelled."""
        consumer = create_reader(
            self._kafka, group=GROUP, client_id=f"santral-replies-{os.getpid()}"
        )
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
            self._forget(list(self._partitions))
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
            self.lag.left()
            await self._texts.stop()
            await self._steps.stop()
            await consumer.stop()

    async def _turn(self, consumer: KafkaReader) -> None:
        """Read, start waiting replies, end lost tries and commit, once."""
        self._tasks.raise_failure()
        unrecorded = sum(len(p.unrecorded) for p in self._partitions.values())
        if unrecorded < MAX_UNRECORDED:
            batch = await consumer.getmany(timeout_ms=100, max_records=MAX_UNRECORDED - unrecorded)
            for topic_partition, records in batch.items():
                self._accept_records(consumer, topic_partition, records)
        else:
            await asyncio.sleep(_FULL_PAUSE_S)
        for number, task in list(self._restoring.items()):
            if task.done():
                del self._restoring[number]
                task.result()
                consumer.resume(TopicPartition(topics.REPLIES.name, number))
        self._rooms.start_waiting()
        self.lost.end_overdue()
        self._run_periodic_work()
        await self._commit(consumer)
        await self.lag.turned(consumer)
        if self._restoring:
            self.lag.wait_for("the records of earlier processes", 1)
        self.fresh.succeeded()

    def _accept_records(
        self,
        consumer: KafkaReader,
        topic_partition: TopicPartition,
        records: list[ConsumerRecord],
    ) -> None:
        """Give new replies to their lanes."""
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
            is_known(topics.REPLIES, reply)  # another kind is sent, too, as a machine's text
            self._admit(partition, record.offset, reply)

    def _admit(self, partition: ReplyPartition, offset: int, reply: Reply) -> None:
        present = self._tries.loaded_replies.get(reply.id)
        if present is not None:
            if not present.recorded and present.offset == offset:
                partition.unrecorded.add(offset)
            return
        table = self._deliveries.tables[partition.number]
        action = for_channel(reply.channel, reply.reply_to)
        if action is None or table.has(reply.id) or reply.id in partition.ended:
            return  # the door pushes it to the visitor, or the log has it already
        partition.unrecorded.add(offset)
        loaded = LoadedReply(
            partition=partition.number,
            offset=offset,
            reply=reply,
            action=action,
            first_at=self._clock.now(),
            arrived=self._clock.monotonic(),
            suspect=partition.suspect,
        )
        self._rooms.admit(loaded)

    def _run_periodic_work(self) -> None:
        """Give up expired replies, set gauges and forget old states, every few seconds."""
        if self._clock.monotonic() - self._reported_at < REPORT_INTERVAL_S:
            return
        self._reported_at = self._clock.monotonic()
        self._rooms.give_up()
        self._rooms.report()
        self._deliveries.recipients.prune(self._clock.now())
        for number, partition in self._partitions.items():
            if partition.ready and partition.read_at is not None:
                before = min(self._clock.now().timestamp(), partition.read_at)
                self._deliveries.tables[number].forget(before - REPLY_MEMORY.total_seconds())

    async def _commit(self, consumer: KafkaReader) -> None:
        """Commit each partition up to its first reply without a record in deliveries.v1."""
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

    def take_over(self, consumer: KafkaReader, numbers: Iterable[int]) -> None:
        """Restore partitions before their replies are read."""
        for number in numbers:
            partition = self._partitions[number] = ReplyPartition(number)
            consumer.pause(partition.topic_partition)
            self._restoring[number] = asyncio.create_task(self._restore(partition))

    async def give_up(self, consumer: KafkaReader, numbers: Iterable[int]) -> None:
        """Commit and forget partitions; running tries end by themselves."""
        await self._commit_last(consumer)
        self._forget(numbers)

    async def _commit_last(self, consumer: KafkaReader) -> None:
        """Commit once more, with a limit because aiokafka would try for ever."""
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(LAST_COMMIT_TIMEOUT_S):
                await self._commit(consumer)

    def _forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._partitions.pop(number, None)
            self._deliveries.drop(number)
            task = self._restoring.pop(number, None)
            if task is not None:
                task.cancel()
            self._rooms.drop(number)
            self.lost.forget(number)

    async def _restore(self, partition: ReplyPartition) -> None:
        """Read the states of a partition's replies, then let its lanes continue."""
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
                await asyncio.sleep(_RETRY_DELAY_S)
        for _, delivery in list(table.open.values()):
            if delivery.reply in partition.ended:
                await self._writer.write(partition.number, self._writer.build_end(delivery))
            elif delivery.reply not in self._tries.loaded_replies:
                self._resume(partition.number, delivery)
        partition.ready = True

    def _resume(self, number: int, delivery: ReplyDelivery) -> None:
        """Park a reply that waits, or give the process that tries it time to end."""
        if delivery.state == "parked":
            lane = self._rooms.lanes.get(delivery.channel, delivery.account)
            lane.park(build_parked_reply(number, delivery))
        else:
            self.lost.watch(number, delivery)

    def _on_foreign(self, number: int, delivery: ReplyDelivery) -> None:
        if delivery.state == "finished":
            self.lost.forget(number, delivery.reply)
        elif number in self._partitions and self._partitions[number].ready:
            self._resume(number, delivery)

    async def _finish_running(self) -> None:
        """Let running tries end by themselves, and leave the waiting replies."""
        self._writer.stopping = self._rooms.closed = True
        for task in self._restoring.values():
            task.cancel()
        await self._tasks.finish(self.stop_s)


class _Ownership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Gives partitions to the sender and takes them from it."""

    def __init__(self, sender: ReplySender, consumer: KafkaReader) -> None:
        self._sender, self._consumer = sender, consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Take partitions from the sender."""
        await self._sender.give_up(
            self._consumer, [topic_partition.partition for topic_partition in revoked]
        )

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Give partitions to the sender."""
        self._sender.take_over(
            self._consumer, [topic_partition.partition for topic_partition in assigned]
        )


async def count_partitions(consumer: KafkaReader) -> int:
    """Return the number of partitions of replies.v1.

    Raises ConfigError if outcomes.v1 or deliveries.v1 has another number.
    """
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
