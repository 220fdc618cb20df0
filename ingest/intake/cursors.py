"""Cursors of pulled sources, kept in the compacted topic cursors.v1.

Before: a source finished a part of its pass. After: the next process goes on from there. A lost
cursor costs a second reading, never a message: the ids absorb the repeats.
"""

from runtime.bus.bus import Publisher, read_to_end
from runtime.settings.structs import Kafka
from schemas import envelope, topics
from schemas.state.cursor import Cursor


class Cursors:
    """The newest cursor of every source, read once and then kept in step with Kafka."""

    def __init__(self, kafka: Kafka, publisher: Publisher) -> None:
        self._kafka = kafka
        self._publisher = publisher
        self._held: dict[str, Cursor] = {}

    async def restore(self) -> None:
        """Read all of cursors.v1."""
        async for records in read_to_end(self._kafka, [topics.CURSORS.name]):
            for record in records:
                cursor = envelope.decode(Cursor, record.value)
                self._held[cursor.source] = cursor

    async def load(self, source: str) -> Cursor | None:
        """Return the newest cursor of a source, or None."""
        return self._held.get(source)

    async def save(self, cursor: Cursor) -> None:
        """Keep a cursor; returns once Kafka has it."""
        await self._publisher.publish(topics.CURSORS, cursor, source="santral/ingest")
        self._held[cursor.source] = cursor
