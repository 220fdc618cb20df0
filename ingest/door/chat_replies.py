"""Holds the last day's replies to web chat visitors in memory, for the pages of the visitors.

The desk and the acknowledgements write replies.v1, and ingest/door/websocket.py sends the replies
to the page. Each start reads them from Kafka; the page asks for those that it has not shown.
"""

import asyncio
from collections import OrderedDict, defaultdict
from datetime import timedelta

from ingest.channels.chat import Chat
from runtime.bus.readers import create_reader
from runtime.clock import Clock
from runtime.health.checks import LastSuccess
from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.outcome import Reply

log = get(__name__)

MAX_AGE = timedelta(hours=24)
"""The time in which a visitor may come back for a reply."""

_MAX_CONVERSATIONS = 20_000  # bounds the memory of one door
_MAX_REPLIES = 200  # in one conversation


class ChatReplies:
    """Chat replies by conversation, oldest first."""

    def __init__(self, kafka: KafkaSettings, clock: Clock, name: str) -> None:
        self._kafka, self._clock, self._name = kafka, clock, name
        self._replies: OrderedDict[str, list[Reply]] = OrderedDict()
        self._listeners: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.fresh = LastSuccess(clock, 60, "look at replies.v1")

    def after(self, conversation: str, last: str | None) -> list[Reply]:
        """Return the replies after the one with id `last`, or all where that one is unknown."""
        replies = self._replies.get(conversation, [])
        index = next((i for i, reply in enumerate(replies) if reply.id == last), -1)
        return replies[index + 1 :]

    def listen(self, conversation: str) -> asyncio.Event:
        """Return an event that each new reply sets; `leave` ends that."""
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
            partitions = await consumer.topic_partitions(topics.REPLIES.name)
            consumer.assign(partitions)
            since_ms = int((self._clock.now() - MAX_AGE).timestamp() * 1000)
            offsets = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
            for partition in partitions:
                first = offsets.get(partition)
                if first is not None:
                    consumer.seek(partition, first.offset)
                else:
                    await consumer.seek_to_end(partition)
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
        """Add the reply in a record, and wake the visitor's page."""
        try:
            reply = envelope.decode(Reply, value)
        except Rejected as error:
            # The sender of replies buries it; here it can only be skipped.
            log.warning("reply.undecodable", text=error.text)
            return
        if reply.channel != Chat.name:
            return
        replies = self._replies.setdefault(reply.conversation, [])
        self._replies.move_to_end(reply.conversation)
        if all(reply.id != other.id for other in replies):
            replies.append(reply)
            del replies[:-_MAX_REPLIES]
        while len(self._replies) > _MAX_CONVERSATIONS:
            self._replies.popitem(last=False)
        for event in self._listeners.get(reply.conversation, ()):
            event.set()
