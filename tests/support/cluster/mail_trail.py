"""The trail of a customer's mail: what Kafka and the logs have about it and about its replies.

A failed run prints it, which shows whether a reply is late or lost.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.message import Message
from schemas.outcome import Outcome, Reply
from schemas.routing.departments import DEFAULT
from schemas.state.delivery import ReplyDelivery
from schemas.topics import Topic, queue_topics

MAX_LOG_LINES = 40
"""The logs of one mail have fewer, unless its server was away for long."""
R = TypeVar("R", bound=Record)


@dataclass
class Trail:
    """The records of one message, in the order of their topics."""

    messages: list[Message] = field(default_factory=list)
    items: list[WorkItem] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    deliveries: list[ReplyDelivery] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """The ids of the message and of its replies."""
        return {m.id for m in self.messages} | {r.id for r in self.replies}

    def lines(self) -> Iterator[str]:
        """Yield a line for each record: what happened, when, and the ids."""
        for message in self.messages:
            yield f"message {message.id} received {message.received_at:%T}"
        for item in self.items:
            yield f"item in {item.decision.department}, hops {item.decision.hops}"
        for outcome in self.outcomes:
            yield f"outcome {outcome.kind} {outcome.at:%T} reply {outcome.reply} {outcome.reason}"
        for reply in self.replies:
            yield f"reply {reply.id} {reply.kind} written {reply.at:%T}"
        for step in self.deliveries:
            due = f" due {step.due:%T}" if step.due else ""
            yield (
                f"delivery {step.reply} {step.state} attempt {step.attempt} {step.at:%T}{due} "
                f"by {step.process} {step.result} {step.reason}"
            )
        if not self.replies:
            yield "no reply was written"
        for reply in self.replies:
            states = [step.state for step in self.deliveries if step.reply == reply.id]
            yield f"reply {reply.id} is {states[-1] if states else 'not begun'}"


async def mail_trail(kafka: KafkaSettings, sender: str) -> Trail:
    """Return the records of the mails of one customer, by the address that sent them."""
    messages = [
        record
        async for record in _records(kafka, topics.MESSAGES)
        if sender in {handle.value for handle in record.sender.handles}
    ]
    return await _trail_of(kafka, messages)


async def _trail_of(kafka: KafkaSettings, messages: list[Message]) -> Trail:
    trail, ids = Trail(messages), {message.id for message in messages}
    async for batch in read_to_end(kafka, queue_topics(DEFAULT)):
        items = (envelope.decode(WorkItem, record.value) for record in batch)
        trail.items += [item for item in items if item.message.id in ids]
    trail.replies = [r async for r in _records(kafka, topics.REPLIES) if r.message in ids]
    replies = {reply.id for reply in trail.replies}
    trail.outcomes = [
        outcome
        async for outcome in _records(kafka, topics.OUTCOMES)
        if outcome.reply in replies or not ids.isdisjoint(outcome.messages)
    ]
    deliveries = _records(kafka, topics.DELIVERIES)
    trail.deliveries = [step async for step in deliveries if step.reply in replies]
    return trail


async def _records(kafka: KafkaSettings, topic: Topic[R]) -> AsyncIterator[R]:
    async for batch in read_to_end(kafka, [topic.name]):
        for record in batch:
            yield envelope.decode(topic.struct, record.value)


def log_lines(folder: Path, ids: Iterable[str]) -> list[str]:
    """Return the lines of all logs under a folder that name one of these ids."""
    wanted = tuple(ids)
    lines = [
        f"{path.name}: {line[:300]}"
        for path in sorted(folder.rglob("*.log"))
        for line in path.read_text(errors="replace").splitlines()
        if any(identifier in line for identifier in wanted)
    ]
    return lines[-MAX_LOG_LINES:]
