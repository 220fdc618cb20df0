"""Bounces of our own replies: each becomes an outcome `undeliverable` of its conversation.

Before: messages.v1 has the bounce; its parser found our Message-ID in the mail that came back.
After: outcomes.v1, so that the desk and the conversation's history say that the answer never
arrived. The store's outcomes of the reply say which item it belongs to. The outcome's id is the
bounce's: read twice it is written once.
"""

import asyncio
import os

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import Connection, Engine, text

from runtime.bus.bus import Publisher, reader
from runtime.bus.following import Lag, follow
from runtime.clock import Clock
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import Id, Name, Record, derived_id
from schemas.decision import TRIAGE
from schemas.errors import Rejected, Retry
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.text import reply_token

log = get(__name__)

GROUP = "santral-bounces"
_LATER_S = 1.0


class AnsweredItem(Record, frozen=True, kw_only=True):
    """The item that a reply answered, as its outcome names it."""

    item: Id
    department: Name
    messages: tuple[Id, ...] = ()
    reply: Id | None = None


class BounceReporter:
    """The loop: messages in, outcomes out."""

    def __init__(
        self, settings: Settings, engine: Engine, publisher: Publisher, clock: Clock
    ) -> None:
        self._settings, self._engine = settings, engine
        self._publisher, self._clock = publisher, clock
        self._key = settings.tokens.signing.encode()
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: dict[str, dict[int, int]] = {}
        """How far the store must be before it is believed, by the bounce's id."""
        self.lag = Lag("bounces lag")

    async def run(self) -> None:
        """Follow messages.v1 until cancelled."""
        try:
            await follow(
                self._settings.kafka,
                topics.MESSAGES.name,
                group=GROUP,
                client_id=f"santral-bounces-{os.getpid()}",
                lag=self.lag,
                most=2000,
                each=self._one,
            )
        finally:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                await consumer.stop()

    async def _one(self, value: bytes | None) -> None:
        # Almost none is a bounce: the word is looked for before JSON is read.
        if b'"bounce"' not in (value or b""):
            return
        try:
            message = envelope.decode(Message, value)
        except Rejected:
            return  # the router buries it
        bounce = message.automatic.bounce if message.automatic else None
        reply = reply_token.reply_of(self._key, bounce.original or "") if bounce else None
        if bounce is None or reply is None or bounce.delayed:
            return  # not ours, or its server still tries
        origin = await self._item(reply, message)
        outcome = Outcome(
            id=derived_id("outcome", message.id, "undeliverable"),
            kind="undeliverable",
            brand=message.brand,
            conversation=message.conversation,
            item=origin.item,
            department=origin.department,
            messages=origin.messages,
            at=self._clock.now(),
            reply=reply,
            reason=f"came back from {bounce.recipient or 'its recipient'}: {bounce.reason}"[:500],
        )
        await self._publisher.publish(topics.OUTCOMES, outcome, source="santral/bounces")
        log.info("reply.returned", reply=reply, conversation=message.conversation)

    async def _item(self, reply: str, message: Message) -> AnsweredItem:
        """Return the item that a reply answered; triage gets what the store knows nothing of.

        The store may be behind: it is not believed before it has all outcomes that outcomes.v1
        had when the bounce was first read.
        """
        ends = self._ends.get(message.id)
        if ends is None:
            ends = self._ends[message.id] = await self._outcome_ends()
        item, recorded = await asyncio.to_thread(self._look_up, message.conversation, reply, ends)
        if item is None and not recorded:
            raise Retry(_LATER_S, "the outcome of a returned reply is not in the store yet")
        del self._ends[message.id]
        if item is not None:
            return item
        return AnsweredItem(item=message.id, department=TRIAGE, messages=(message.id,))

    async def _outcome_ends(self) -> dict[int, int]:
        """Return the present ends of outcomes.v1, by partition."""
        if self._consumer is None:
            consumer = reader(self._settings.kafka, group=None, client_id=f"{GROUP}-ends")
            self._consumer = consumer
            await consumer.start()
        numbers = range(self._settings.kafka.partitions)
        partitions = [TopicPartition(topics.OUTCOMES.name, number) for number in numbers]
        ends = await self._consumer.end_offsets(partitions)
        return {topic_partition.partition: offset for topic_partition, offset in ends.items()}

    def _look_up(
        self, conversation: str, reply: str, ends: dict[int, int]
    ) -> tuple[AnsweredItem | None, bool]:
        """Return the item of a reply, and whether the store has every outcome before `ends`."""
        with self._engine.connect() as connection:
            recorded = _is_recorded(connection, ends)
            rows = connection.execute(_OUTCOMES, {"c": conversation})
            for (body,) in rows:
                outcome = msgspec.json.decode(body, type=AnsweredItem)
                if outcome.reply == reply:
                    return outcome, recorded
        return None, recorded


def _is_recorded(connection: Connection, ends: dict[int, int]) -> bool:
    rows = connection.execute(_POSITIONS, {"t": topics.OUTCOMES.name})
    positions = {int(partition): int(offset) for partition, offset in rows}
    return all(positions.get(number, 0) >= end for number, end in ends.items())


_OUTCOMES = text(
    "SELECT body FROM outcomes WHERE conversation = :c AND kind IN ('delivered', 'replied') "
    "ORDER BY at_ms"
)
_POSITIONS = text("SELECT partition, next_offset FROM positions WHERE topic = :t")
