"""Turns each bounce of our own replies into an outcome `undeliverable` of its conversation.

messages.v1 has the bounce, in which the parser found our Message-ID. The desk and the history of
the conversation then show that the answer never arrived. The store's outcomes of the reply name its
item. The outcome's id derives from the bounce's, so a repeated bounce changes nothing.
"""

import asyncio
import os

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import Connection, Engine, text

from runtime.bus.following import Lag, follow
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader
from runtime.clock import Clock
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.decision import TRIAGE, WorkItem
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import MessageOut
from schemas.message import Message
from schemas.outcome import Outcome, is_persons_answer
from schemas.routing.departments import due_times
from schemas.text import reply_token
from workers.replies.returned_items import with_returned
from workers.store import queries

log = get(__name__)

GROUP = "santral-bounces"
_RETRY_DELAY_S = 1.0
"""The pause before the next question to the store."""


class BounceReporter:
    """The loop that reads messages and writes outcomes."""

    def __init__(
        self, settings: Settings, engine: Engine, publisher: Publisher, clock: Clock
    ) -> None:
        self._settings, self._engine = settings, engine
        self._publisher, self._clock = publisher, clock
        self._key = settings.tokens.signing.encode()
        self._consumer: AIOKafkaConsumer | None = None
        self._ends: dict[str, dict[int, int]] = {}
        """The positions that the store must reach before its answer counts, by the bounce's id."""
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
                each=self._report,
            )
        finally:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                await consumer.stop()

    async def _report(self, value: bytes | None) -> None:
        # Few messages are bounces, so the word is searched before JSON is decoded.
        if b'"bounce"' not in (value or b""):
            return
        try:
            message = envelope.decode(Message, value)
        except Rejected:
            return  # the router writes a dead letter for it
        bounce = message.automatic.bounce if message.automatic else None
        reply = reply_token.reply_of(self._key, bounce.original or "") if bounce else None
        if bounce is None or reply is None or bounce.delayed:
            return  # it is not ours, or its server still tries
        origin = await self._find_origin(reply, message)
        work = await self._read_answered(origin) if origin is not None else None
        outcome = Outcome(
            id=derived_id("outcome", message.id, "undeliverable"),
            kind="undeliverable",
            brand=message.brand,
            conversation=message.conversation,
            item=message.id if origin is None else origin.item,
            department=TRIAGE if origin is None else origin.department,
            messages=(message.id,) if origin is None else origin.messages,
            at=self._clock.now(),
            reply=reply,
            reason=f"came back from {bounce.recipient or 'its recipient'}: {bounce.reason}"[:500],
        )
        if work is not None:
            outcome = with_returned(outcome, work)
        await self._publisher.publish(topics.OUTCOMES, outcome, source="santral/bounces")
        log.info("reply.returned", reply=reply, conversation=message.conversation)

    async def _find_origin(self, reply: str, message: Message) -> Outcome | None:
        """Return the outcome of a reply, which names its item, or None if the store lacks it.

        The store may be behind. Its answer counts once it has all outcomes that outcomes.v1
        contained when the bounce was first read.
        """
        ends = self._ends.get(message.id)
        if ends is None:
            ends = self._ends[message.id] = await self._outcome_ends()
        origin, recorded = await asyncio.to_thread(self._look_up, message.conversation, reply, ends)
        if origin is None and not recorded:
            raise Retry(_RETRY_DELAY_S, "the outcome of a returned reply is not in the store yet")
        del self._ends[message.id]
        return origin

    async def _read_answered(self, origin: Outcome) -> WorkItem | None:
        """Return the newest message that a person answered, as its department's queue has it."""
        if not is_persons_answer(origin) or not origin.messages:
            return None
        identifier = origin.messages[-1]

        def read() -> MessageOut | None:
            with self._engine.connect() as connection:
                return queries.message(connection, identifier)

        recorded = await asyncio.to_thread(read)
        if recorded is None or recorded.decision is None:
            return None
        decision = recorded.decision
        department = self._settings.departments.get(decision.department)
        if department is None:
            return None
        due = due_times(department, recorded.message.received_at, decision.decided_at)
        return WorkItem(message=recorded.message, decision=decision, due=due)

    async def _outcome_ends(self) -> dict[int, int]:
        """Return the present ends of outcomes.v1, by partition."""
        if self._consumer is None:
            consumer = create_reader(self._settings.kafka, group=None, client_id=f"{GROUP}-ends")
            self._consumer = consumer
            await consumer.start()
        numbers = range(self._settings.kafka.partitions)
        partitions = [TopicPartition(topics.OUTCOMES.name, number) for number in numbers]
        ends = await self._consumer.end_offsets(partitions)
        return {topic_partition.partition: offset for topic_partition, offset in ends.items()}

    def _look_up(
        self, conversation: str, reply: str, ends: dict[int, int]
    ) -> tuple[Outcome | None, bool]:
        """Return the outcome of a reply, and whether the store has every outcome before `ends`."""
        with self._engine.connect() as connection:
            recorded = _is_recorded(connection, ends)
            rows = connection.execute(_OUTCOMES, {"c": conversation})
            for (body,) in rows:
                outcome = msgspec.json.decode(body, type=Outcome)
                if outcome.reply == reply:
                    return outcome, recorded
        return None, recorded


def _is_recorded(connection: Connection, ends: dict[int, int]) -> bool:
    rows = connection.execute(_POSITIONS, {"t": topics.OUTCOMES.name})
    positions = {int(partition): int(offset) for partition, offset in rows}
    return all(positions.get(number, 0) >= end for number, end in ends.items())


_OUTCOMES = text(
    "SELECT body FROM outcomes WHERE conversation = :c AND kind IN ('delivered', 'replied') "
    "ORDER BY kind DESC, at_ms"
)
_POSITIONS = text("SELECT partition, next_offset FROM positions WHERE topic = :t")
