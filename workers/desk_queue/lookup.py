"""Asks Redis about the messages of a batch before the feed writes waiting.v1.

Redis gets a record only after waiting.v1 has it, so a message that waits in Redis is in waiting.v1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from workers.desk_queue.queue import P
from workers.desk_queue.values import Closing, QueuedMessage


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """The state in Redis of the messages of a batch.

    `finished` has the hops of closed messages, `waiting` the ids of the messages that wait, and
    `open` the conversations that wait, as department and conversation.
    """

    finished: dict[str, int]
    waiting: frozenset[str]
    open: frozenset[tuple[str, str]]

    def is_open(self, queued: QueuedMessage) -> bool:
        """Say whether no outcome has closed this message."""
        return self.finished.get(queued.message, -1) < queued.hops


async def look_up(
    redis: "Redis[bytes]", queued_messages: Sequence[QueuedMessage], closings: Sequence[Closing]
) -> Lookup:
    """Ask Redis about a batch in one round trip."""
    quiet = [queued for queued in queued_messages if queued.quiet]
    closed = [(c, message) for c in closings for message, _ in c.messages]
    async with redis.pipeline(transaction=False) as pipe:
        if queued_messages:
            pipe.mget([f"{P}done:{queued.message}" for queued in queued_messages])
        for queued in quiet:
            pipe.hexists(f"{P}c:{queued.department}:{queued.conversation}", "s")
        for closing, message in closed:
            pipe.hexists(f"{P}c:{closing.department}:{closing.conversation}", f"m{message}")
        answers = await pipe.execute()
    done = answers.pop(0) if queued_messages else []
    finished = {
        queued.message: int(value.split()[0])
        for queued, value in zip(queued_messages, done, strict=True)
        if value
    }
    opened = {(q.department, q.conversation) for q in queued_messages if not q.quiet}
    for queued, waits in zip(quiet, answers, strict=False):
        if waits:
            opened.add((queued.department, queued.conversation))
    waiting = {queued.message for queued in queued_messages}
    for (_, message), waits in zip(closed, answers[len(quiet) :], strict=True):
        if waits:
            waiting.add(message)
    return Lookup(finished=finished, waiting=frozenset(waiting), open=frozenset(opened))
