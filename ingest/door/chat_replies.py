"""Replies for web chat visitors: the last day of replies.v1 in memory, pushed as they come.

Before: desk and acknowledgements write replies.v1. After: ingest/door/websocket.py sends them to
the visitor's page. Built from Kafka at every start; the page asks for what it has not seen.
"""

import asyncio
from collections import OrderedDict, defaultdict
from datetime import timedelta

from ingest.channels.chat import Chat
from runtime.bus.readers import create_reader
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.health.health import Fresh
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.outcome import Reply

log = get(__name__)

KEPT = timedelta(hours=24)
"""How long a reply waits for a visitor to come back."""

_CONVERSATIONS = 20_000  # bounds the memory of one door
_EACH = 200


class Replies:
    """Chat replies by conversation, oldest first."""

    def __init__(self, kafka: KafkaSettings, clock: Clock, name: str) -> None:
        self._kafka, self._clock, self._name = kafka, clock, name
        self._held: OrderedDict[str, list[Reply]] = OrderedDict()
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.fresh = Fresh(clock, 60, "look at replies.v1")

    def after(self, conversation: str, last: str | None) -> list[Reply]:
        """Return the replies behind the one with id `last`; all of them if it is unknown."""
        held = self._held.get(conversation, [])
        at = next((i for i, r in enumerate(held) if r.id == last), -1)
        return held[at + 1 :]

    def listen(self, conversation: str) -> asyncio.Event:
        """Return an event that is set when a reply comes; give it back by `leave`."""
        event = asyncio.Event()
        self._listeners[conversation].add(event)
        return event

    def leave(self, conversation: str, event: asyncio.Event) -> None:
        """Stop listening."""
        self._listeners[conversation].discard(event)
        if not self._listeners[conversation]:
            del self._listeners[conversation]

    async def follow(self) -> None:
        """Read replies.v1 for ever, from a day ago on; every door reads all of it."""
        consumer = create_reader(self._kafka, group=None, client_id=self._name)
        try:
            await consumer.start()
            parts = await consumer.topic_partitions(topics.REPLIES.name)
            consumer.assign(parts)
            since = int((self._clock.now() - KEPT).timestamp() * 1000)
            found = await consumer.offsets_for_times(dict.fromkeys(parts, since))
            for part in parts:
                at = found.get(part)
                if at is not None:
                    consumer.seek(part, at.offset)
                else:
                    await consumer.seek_to_end(part)
            while True:
                batch = await consumer.getmany(timeout_ms=500)
                self.fresh.succeeded()
                for records in batch.values():
                    for record in records:
                        with guard(log, "chat_replies", offset=record.offset):
                            self._take(record.value)
        finally:
            await consumer.stop()

    def _take(self, value: bytes | None) -> None:
        try:
            reply = envelope.decode(Reply, value)
        except Rejected as error:
            # The mail action buries it: here it can only be passed over.
            log.warning("reply.undecodable", text=error.text)
            return
        if reply.channel != Chat.name:
            return
        held = self._held.setdefault(reply.conversation, [])
        self._held.move_to_end(reply.conversation)
        if all(r.id != reply.id for r in held):
            held.append(reply)
            del held[:-_EACH]
        while len(self._held) > _CONVERSATIONS:
            self._held.popitem(last=False)
        for event in self._listeners.get(reply.conversation, ()):
            event.set()
