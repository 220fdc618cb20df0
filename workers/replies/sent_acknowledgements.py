"""Remembers the acknowledgements of the last day from replies.v1, which outlives an emptied Redis.

acknowledge.py asks whether an address or a message has one already.
"""

from datetime import datetime, timedelta

from aiokafka import ConsumerRecord, TopicPartition

from runtime.bus.kafka_reader import KafkaReader
from runtime.bus.readers import create_reader
from runtime.health.progress import Progress
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.outcome import Reply

_KIND = b'"acknowledgement"'
_PRUNE_ABOVE = 10_000
"""More acknowledgements than this are pruned to those of the last day."""
_ORDER_MARGIN = timedelta(hours=1)
"""Messages come in any order; without this margin each older one would restart the reading."""


class SentAcknowledgements:
    """Acknowledgements by address and by id; times are in seconds since 1970."""

    def __init__(self, kafka: KafkaSettings, once_in: timedelta, progress: Progress) -> None:
        self._kafka, self._once_in, self._progress = kafka, once_in, progress
        self._consumer: KafkaReader | None = None
        self._since: datetime | None = None
        self._by_address: dict[str, float] = {}
        self._by_id: dict[str, float] = {}

    async def catch_up(self, now: datetime, received_at: datetime) -> None:
        """Read replies.v1 to its present end.

        Reading begins at the time at which a message's acknowledgement, or another of its day, may
        have been written.
        """
        consumer = await self._connect()
        partitions = list(consumer.assignment())
        since = min(now, received_at) - self._once_in
        if self._since is None or since < self._since:
            self._since = since - _ORDER_MARGIN
            await self._seek(consumer, partitions, self._since)
        ends = await consumer.end_offsets(partitions)
        async for records in consumer.read_until(ends):
            self._progress.count_turn()
            self._add(records)
        if len(self._by_id) > _PRUNE_ABOVE:
            self._prune(since - _ORDER_MARGIN)

    async def _connect(self) -> KafkaReader:
        if self._consumer is None:
            consumer = create_reader(self._kafka, group=None, client_id="santral-acknowledge-sent")
            self._consumer, self._since = consumer, None
            await consumer.start()
            numbers = range(self._kafka.partitions)
            consumer.assign([TopicPartition(topics.REPLIES.name, n) for n in numbers])
        return self._consumer

    async def _seek(
        self, consumer: KafkaReader, partitions: list[TopicPartition], since: datetime
    ) -> None:
        ends = await consumer.end_offsets(partitions)
        since_ms = int(since.timestamp() * 1000)
        starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        for topic_partition in partitions:
            start = starts.get(topic_partition)
            consumer.seek(topic_partition, start.offset if start else ends[topic_partition])

    def _add(self, records: list[ConsumerRecord]) -> None:
        for record in records:
            if _KIND not in (record.value or b""):
                continue
            try:
                reply = envelope.decode(Reply, record.value)
            except Rejected:
                continue
            address = reply.reply_to or reply.recipient.handle("email")
            if reply.kind == "acknowledgement" and address:
                self._by_id[reply.id] = record.timestamp / 1000
                self._by_address[address] = record.timestamp / 1000

    def _prune(self, since: datetime) -> None:
        before = since.timestamp()
        self._by_id = {name: time for name, time in self._by_id.items() if time >= before}
        self._by_address = {name: time for name, time in self._by_address.items() if time >= before}
        self._since = max(since, self._since or since)

    def has_reply(self, identifier: str) -> bool:
        """Say whether an acknowledgement was written already."""
        return identifier in self._by_id

    def has_address(self, address: str, now: datetime) -> bool:
        """Say whether an address got an acknowledgement within `once_in`."""
        sent_at = self._by_address.get(address)
        return sent_at is not None and sent_at > (now - self._once_in).timestamp()

    async def stop(self) -> None:
        """Disconnect, and forget everything."""
        consumer, self._consumer = self._consumer, None
        self._by_id, self._by_address = {}, {}
        if consumer is not None:
            await consumer.stop()
