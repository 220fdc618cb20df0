"""The desk's queue in tests, on a Valkey of its own; published outcomes close its messages."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis as Client

from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings
from schemas.base import Record
from schemas.outcome import Outcome, closed_messages
from schemas.topics import AnyTopic
from tests.support.redis.servers import start_valkey
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import Closing, OffsetRange


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """Yield the port of a Valkey for the tests of a module."""
    with start_valkey() as port:
        yield port


@pytest.fixture
async def redis(server: int) -> AsyncIterator["Client[bytes]"]:
    """Yield a client of an empty database."""
    client = connect(RedisSettings(url=f"redis://127.0.0.1:{server}/0"))
    await client.flushall()
    yield client
    await client.aclose()


async def open_desk_queue(redis: "Client[bytes]") -> DeskQueue:
    """Return a desk queue that is empty and complete."""
    desk_queue = DeskQueue(redis)
    await redis.set("lock", "t")
    assert await desk_queue.begin("e1", "lock", "t")
    history, _ = await desk_queue.read_history()
    assert await desk_queue.verify(history)
    return desk_queue


class FeedPublisher:
    """A publisher that acts as Kafka and its feed."""

    healthy = True

    def __init__(self, desk_queue: DeskQueue) -> None:
        self.records: list[Record] = []
        self._desk_queue = desk_queue

    async def publish(self, topic: AnyTopic, record: Record, **_more: object) -> tuple[int, int]:
        """Keep a record; an outcome closes its messages in the desk queue."""
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
