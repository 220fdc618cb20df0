"""Writes the steps of replies to deliveries.v1, and follows the steps of all processes.

The order of the records says which process may send a reply, how many replies an address got in the
last hour, and which replies a restart has to continue.
"""

import asyncio
import contextlib
import os
import sys
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.clock import Clock
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Rejected, Retry
from schemas.state.delivery import ReplyDelivery, fold

log = get(__name__)

LOOP_WINDOW = timedelta(hours=1)
"""The loop guard counts the replies to an address over this time."""
MAX_RECORDS = 1000
"""Records applied at a time, so that the event loop stays responsive."""

OnForeign = Callable[[int, ReplyDelivery], None]
"""Called with the partition and the new state when another process changed a reply."""


class RecipientCounts:
    """Counts the first tries of replies by recipient, over the last hour of the log."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._next: dict[int, int] = {}

    def add(self, partition: int, offset: int, record: ReplyDelivery) -> int:
        """Count a record once, even if it is read again.

        Return its rank among the recipient's first tries of the hour, or 0 if it is not one.
        """
        if offset < self._next.get(partition, 0):
            return 0
        self._next[partition] = offset + 1
        if record.state != "begun" or record.attempt != 1 or not record.recipient:
            return 0
        self._times.setdefault(record.recipient, deque()).append(record.at.timestamp())
        return self.count(record.recipient, record.at)

    def count(self, recipient: str, now: datetime) -> int:
        """Return the number of replies to a recipient in the last hour."""
        times = self._times.get(recipient)
        if times is None:
            return 0
        oldest = (now - LOOP_WINDOW).timestamp()
        while times and times[0] < oldest:
            times.popleft()
        return len(times)

    def prune(self, now: datetime) -> None:
        """Forget the recipients of more than an hour ago."""
        for recipient in list(self._times):
            if not self.count(recipient, now):
                del self._times[recipient]


class DeliveryTable:
    """The states of the replies of one partition, according to the log."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[int, ReplyDelivery]] = {}
        """The last position and the state of each unfinished reply, in the order of the log."""
        self.finished: dict[str, float] = {}
        """The finished replies, with the time of their end in seconds since 1970."""

    def position(self, reply: str) -> int | None:
        """Return the offset of the record that gave an unfinished reply its state."""
        entry = self.open.get(reply)
        return None if entry is None else entry[0]

    def state(self, reply: str) -> ReplyDelivery | None:
        """Return the state of an unfinished reply."""
        entry = self.open.get(reply)
        return None if entry is None else entry[1]

    def has(self, reply: str) -> bool:
        """Say whether the log has a record of a reply."""
        return reply in self.open or reply in self.finished

    def apply(self, position: int, record: ReplyDelivery) -> ReplyDelivery | None:
        """Add a record; return the reply's new state if the record changed it."""
        if record.reply in self.finished:
            return None
        before = self.state(record.reply)
        state = fold(before, record)
        if state is None or state is before:
            return None
        self.open.pop(record.reply, None)
        if state.state == "finished":
            self.finished[record.reply] = state.at.timestamp()
        else:
            self.open[record.reply] = position, _without_texts(state)
        return state

    def first_open(self, end: int) -> int:
        """Return the position of the oldest record that a restart must read, at most `end`."""
        for position, _ in self.open.values():
            return min(position, end)
        return end

    def forget(self, before: float) -> None:
        """Forget the replies that were finished before that time."""
        while self.finished:
            reply = next(iter(self.finished))
            if self.finished[reply] >= before:
                return
            del self.finished[reply]


def _without_texts(record: ReplyDelivery) -> ReplyDelivery:
    """Return a record without its texts, of which memory would keep many."""
    return msgspec.structs.replace(
        record,
        reason="",
        brand="",
        conversation="",
        message="",
        item="",
        department="",
        channel=sys.intern(record.channel),
        account=sys.intern(record.account),
        process=sys.intern(record.process),
    )


class DeliveryLog:
    """Writes and follows deliveries.v1; keeps a table of each partition that it restored."""

    def __init__(
        self,
        kafka: KafkaSettings,
        publisher: Publisher,
        clock: Clock,
        process: str,
        on_foreign: OnForeign,
    ) -> None:
        self._kafka, self._publisher, self._clock = kafka, publisher, clock
        self.process = process
        self.recipients = RecipientCounts()
        self.tables: dict[int, DeliveryTable] = {}
        self.trying: dict[str, ReplyDelivery | None] = {}
        """The states of the replies that this process tries, including those of lost partitions."""
        self.ranks: dict[str, int] = {}
        """The rank of each of those replies among its recipient's replies of the hour."""
        self._on_foreign = on_foreign
        self._consumer: AIOKafkaConsumer | None = None
        self._next: dict[int, int] = {}
        self._waiting: defaultdict[int, list[tuple[int, asyncio.Future[None]]]] = defaultdict(list)
        self.started = asyncio.Event()

    async def run(self, count: int) -> None:
        """Follow the log until cancelled, from an hour ago or from where the last run ended."""
        consumer = create_reader(
            self._kafka, group=None, client_id=f"santral-deliveries-{os.getpid()}"
        )
        try:
            await consumer.start()
            partitions = [TopicPartition(topics.DELIVERIES.name, n) for n in range(count)]
            consumer.assign(partitions)
            await self._seek_start(consumer, partitions)
            self._consumer = consumer
            self.started.set()
            while True:
                batch = await consumer.getmany(timeout_ms=500, max_records=MAX_RECORDS)
                for topic_partition, records in batch.items():
                    self._apply(topic_partition.partition, records)
                await asyncio.sleep(0)
        finally:
            self.started.clear()
            self._consumer = None
            await consumer.stop()

    async def _seek_start(
        self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]
    ) -> None:
        ends = await consumer.end_offsets(partitions)
        hour_ago = int((self._clock.now() - LOOP_WINDOW).timestamp() * 1000)
        starts = await consumer.offsets_for_times(dict.fromkeys(partitions, hour_ago))
        for topic_partition in partitions:
            start = starts.get(topic_partition)
            first = start.offset if start else ends[topic_partition]
            position = self._next.setdefault(topic_partition.partition, first)
            consumer.seek(topic_partition, position)

    def _apply(self, partition: int, records: list[ConsumerRecord]) -> None:
        table = self.tables.get(partition)
        for record in records:
            self._next[partition] = record.offset + 1
            if record.value is None:
                continue
            try:
                delivery = envelope.decode(ReplyDelivery, record.value)
            except Rejected as error:
                log.warning("record.undecodable", topic=record.topic, text=error.text)
                continue
            rank = self.recipients.add(partition, record.offset, delivery)
            if delivery.reply in self.trying:
                if rank:
                    self.ranks[delivery.reply] = rank
                self.trying[delivery.reply] = fold(self.trying[delivery.reply], delivery)
            if table is None:
                continue
            state = table.apply(record.offset, delivery)
            if state is not None and state.process != self.process:
                self._on_foreign(partition, state)
        self._wake(partition)

    def _wake(self, partition: int) -> None:
        position = self._next[partition]
        waiting = self._waiting.pop(partition, [])
        for offset, future in waiting:
            if offset >= position:
                self._waiting[partition].append((offset, future))
            elif not future.done():
                future.set_result(None)

    async def write(self, partition: int, record: ReplyDelivery) -> int:
        """Write a record; return its offset once all replicas in sync have it, or raise Retry."""
        _, offset = await self._publisher.publish(
            topics.DELIVERIES, record, source="santral/replies", partition=partition
        )
        return offset

    async def wait_for_offset(self, partition: int, offset: int) -> None:
        """Wait until the log is read beyond an offset."""
        if self._next.get(partition, 0) > offset:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[partition].append((offset, future))
        await future

    async def restore(self, partition: int, start: int | None, since: datetime) -> DeliveryTable:
        """Return the table of a partition, read to the log's present end.

        Reading begins at offset `start` or at the time `since`, whichever is earlier. Without
        `start` it begins at the beginning of the log.
        """
        await self.started.wait()
        consumer = self._consumer
        if consumer is None:
            raise Retry(NEIGHBOUR_S, "the log of deliveries is not followed")
        topic_partition = TopicPartition(topics.DELIVERIES.name, partition)
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        begin = (await consumer.beginning_offsets([topic_partition]))[topic_partition]
        if start is not None:
            times = await consumer.offsets_for_times(
                {topic_partition: int(since.timestamp() * 1000)}
            )
            recent = times.get(topic_partition)
            begin = max(begin, min(start, recent.offset if recent else end))
        table = self.tables[partition] = DeliveryTable()
        if begin < end:
            if begin < self._next[partition]:
                consumer.seek(topic_partition, begin)
                self._next[partition] = begin
            await self.wait_for_offset(partition, end - 1)
        return table

    def position(self, partition: int) -> int:
        """Return the offset up to which a partition of the log has been read."""
        return self._next.get(partition, 0)

    def drop(self, partition: int) -> None:
        """Forget the table of a partition."""
        with contextlib.suppress(KeyError):
            del self.tables[partition]
