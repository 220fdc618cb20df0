"""Reads the work items of messages from Redis for the head of a line, else from their queue.

commands.py shows and closes these messages.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from runtime.health.faults import guard
from runtime.log import get
from schemas import envelope
from schemas.decision import WorkItem
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import ShownMessage

log = get(__name__)

_BODY_MS = 600_000
"""Redis keeps a body for longer than most leases, so an agent's next act reads no Kafka."""


class BodyReader(Protocol):
    """Reads work items from the departments' queues in Kafka."""

    async def load(
        self, department: str, offsets: Sequence[tuple[int, int]]
    ) -> Sequence[bytes | None]:
        """Return the WorkItem as JSON at each (partition, offset) of a department's queue.

        A WorkItem that Kafka deleted is None. Raises Retry when Kafka is away.
        """
        ...


async def read_work_items(
    desk_queue: DeskQueue,
    bodies: BodyReader | None,
    department: str,
    items: Mapping[str, Sequence[ShownMessage]],
) -> dict[str, list[WorkItem]]:
    """Return the readable WorkItems of each item; log and count those that do not decode.

    Raises Retry if some of them are only in Kafka and it is away.
    """
    absent = [
        waiting for messages in items.values() for waiting in messages if waiting.body is None
    ]
    loaded: dict[tuple[str, int], bytes] = {}
    if absent and bodies is not None:
        values = await bodies.load(
            department, [(waiting.partition, waiting.offset) for waiting in absent]
        )
        loaded = {
            (waiting.message, waiting.hops): body
            for waiting, body in zip(absent, values, strict=True)
            if body is not None
        }
        await desk_queue.keep_bodies(loaded, _BODY_MS)
    return {item: _decoded(item, messages, loaded) for item, messages in items.items()}


def _decoded(
    item: str, messages: Sequence[ShownMessage], loaded: dict[tuple[str, int], bytes]
) -> list[WorkItem]:
    work_items = []
    for waiting in messages:
        body = waiting.body
        if body is None:
            body = loaded.get((waiting.message, waiting.hops))
        if body is None:
            log.error("desk.body_gone", item=item, message=waiting.message)
            continue
        with guard(log, "desk.claim", passes=(), item=item):
            work_items.append(envelope.decode(WorkItem, body))
    return work_items
