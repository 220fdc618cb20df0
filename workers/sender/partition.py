"""One partition of replies.v1 that this process owns, with its progress and its restoration.

After the group assigned the partition, deliveries.v1 says what every earlier process did with its
replies. outcomes.v1 says it if a crash or an older version left no record there.
"""

import contextlib
from datetime import UTC, datetime, timedelta

import msgspec
from aiokafka import TopicPartition

from runtime.bus.partition_reader import committed, read_since
from runtime.clock import Clock
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.base import Record
from workers.sender.log import DeliveryLog, DeliveryTable

REPLY_MEMORY = timedelta(hours=26)
"""The sender recognises a repeated reply by its id within this time. Writers repeat a reply after a
crash at most a day later (workers/replies/incident_reply.py)."""
_CLOCK_MARGIN = timedelta(minutes=1)
"""The clocks of machines may differ by this much."""
_CLIENT_ID = "santral-replies-restore"
_METADATA = "deliveries="
_END_KINDS = ("delivered", "undeliverable")


class _End(Record, frozen=True, kw_only=True):
    """The fields of an Outcome that show the end of a reply."""

    kind: str
    reply: str | None = None


class ReplyPartition:
    """The progress in one partition of replies.v1, since it was assigned."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready = False
        self.next: int | None = None
        self.unrecorded: set[int] = set()
        """Offsets of replies that deliveries.v1 has no record of yet."""
        self.ended: set[str] = set()
        """Replies with an outcome, where the log of deliveries may not have them."""
        self.suspect = False
        """Whether a version without deliveries.v1 made the last commit."""
        self.read_at: float | None = None
        """The time of the last reply, in seconds since 1970."""
        self.committed: tuple[int, int] = (-1, -1)

    @property
    def topic_partition(self) -> TopicPartition:
        """The partition as Kafka's client names it."""
        return TopicPartition(topics.REPLIES.name, self.number)

    def next_commit(self) -> int | None:
        """Return the offset of the first unrecorded reply, up to which a commit may go."""
        return min(self.unrecorded) if self.unrecorded else self.next

    async def restore(
        self, kafka: KafkaSettings, group: str, log: DeliveryLog, clock: Clock
    ) -> DeliveryTable:
        """Read the states of this partition's replies; return their table."""
        offset, metadata = await committed(kafka, group, self.topic_partition)
        start = _first_open(metadata)
        first_at = await self._first_uncommitted_at(kafka, offset) or clock.now()
        table = await log.restore(self.number, start, first_at - REPLY_MEMORY)
        open_since = [d.at for _, d in table.open.values() if d.state == "begun"]
        since = min([*open_since, *([first_at] if start is None else [])], default=None)
        if since is not None:
            self.ended = await ended_replies(kafka, self.number, since)
        self.suspect = start is None
        return table

    async def _first_uncommitted_at(
        self, kafka: KafkaSettings, offset: int | None
    ) -> datetime | None:
        reading = read_since(kafka, self.topic_partition, client_id=_CLIENT_ID, offset=offset)
        async with contextlib.aclosing(reading) as batches:
            async for records in batches:
                return datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
        return None


async def ended_replies(kafka: KafkaSettings, partition: int, since: datetime) -> set[str]:
    """Return the replies with an outcome that was written at that time or later."""
    topic_partition = TopicPartition(topics.OUTCOMES.name, partition)
    decoder = msgspec.json.Decoder(_End)
    ended: set[str] = set()
    since_ms = int((since - _CLOCK_MARGIN).timestamp() * 1000)
    reading = read_since(kafka, topic_partition, client_id=_CLIENT_ID, since_ms=since_ms)
    async for records in reading:
        for record in records:
            if b'"reply":"' not in (record.value or b""):
                continue
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                end = decoder.decode(record.value)
                if end.reply is not None and end.kind in _END_KINDS:
                    ended.add(end.reply)
    return ended


def commit_metadata(first_open: int) -> str:
    """Return the metadata of a commit, the offset at which a restart reads deliveries.v1."""
    return f"{_METADATA}{first_open}"


def _first_open(metadata: str) -> int | None:
    number = metadata.removeprefix(_METADATA)
    return int(number) if metadata.startswith(_METADATA) and number.isdecimal() else None
