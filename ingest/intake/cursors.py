"""The cursors of all sources, in the compacted topic cursors.v1.

A source saves a cursor after each step of its pass, and the next process continues there. A lost
cursor costs a second reading, but never a message, because the router drops repeated ids.
"""

from runtime.bus.publisher import Publisher
from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.state.cursor import Cursor


class Cursors:
    """The newest cursor of every source, read once and then held in step with Kafka."""

    def __init__(self, kafka: KafkaSettings, publisher: Publisher) -> None:
        self._kafka = kafka
        self._publisher = publisher
        self._cursors: dict[str, Cursor] = {}

    async def restore(self) -> None:
        """Read all of cursors.v1."""
        async for records in read_to_end(self._kafka, [topics.CURSORS.name]):
            for record in records:
                cursor = envelope.decode(Cursor, record.value)
                self._cursors[cursor.source] = cursor

    async def load(self, source: str) -> Cursor | None:
        """Return the newest cursor of a source, or None."""
        return self._cursors.get(source)

    async def save(self, cursor: Cursor) -> None:
        """Store a cursor; returns once Kafka has it."""
        await self._publisher.publish(topics.CURSORS, cursor, source="santral/ingest")
        self._cursors[cursor.source] = cursor
