"""The desk's lines in tests: served at once, and closed by what the desk publishes."""

from typing import Any

from redis.asyncio import Redis

from schemas.base import Record
from schemas.outcome import Outcome, closed_messages
from schemas.topics import AnyTopic
from workers.desk.queue import Lines
from workers.desk.values import Closing, Span


async def open_lines(redis: "Redis[bytes]") -> Lines:
    """Return empty lines that are served."""
    lines = Lines(redis)
    await redis.set("lock", "t")
    assert await lines.begin("e1", "lock", "t")
    history, _ = await lines.history()
    assert await lines.verify(history)
    return lines


class Published:
    """What would be in Kafka, and its feed."""

    healthy = True

    def __init__(self, lines: Lines) -> None:
        self.records: list[Record] = []
        self._lines = lines

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
            await self._lines.close(
                [closing], Span(partition=f"{topic.name}/0", start=0, end=offset + 1)
            )
        return 0, offset
