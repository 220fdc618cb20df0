"""The desk's lines in tests: served at once, and closed by what the desk publishes."""

from typing import Any

from redis.asyncio import Redis

from schemas.base import Record
from schemas.outcome import Outcome, closed_messages
from schemas.topics import AnyTopic
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import Closing, OffsetRange


async def open_desk_queue(redis: "Redis[bytes]") -> DeskQueue:
    """Return empty lines that are served."""
    desk_queue = DeskQueue(redis)
    await redis.set("lock", "t")
    assert await desk_queue.begin("e1", "lock", "t")
    history, _ = await desk_queue.read_history()
    assert await desk_queue.verify(history)
    return desk_queue


class Published:
    """What would be in Kafka, and its feed."""

    healthy = True

    def __init__(self, desk_queue: DeskQueue) -> None:
        self.records: list[Record] = []
        self._desk_queue = desk_queue

    async def publish(self, topic: AnyTopic, record: Record, **_more: Any) -> tuple[int, int]:
        """Keep a record; an outcome closes its messages in the lines."""
        self.records.append(record)
        offset = len(self.records)
        if isinstance(record, Outcome):
            closing = Closing(
                outcome=record.id,
                department=record.department,
                conversation=record.conversation,
                messages=closed_messages(record),
                offset=offset,
            )
            await self._desk_queue.close(
                [closing], OffsetRange(partition=f"{topic.name}/0", start=0, end=offset + 1)
            )
        return 0, offset
