"""Gives a conversation back to its line when nobody wrote the outcomes of its closing.

Before: an agent's process marked the conversation and ended. After: others may claim it. The proof
that the outcomes never came: the publisher's own deadline is over, and the lines have every
partition of outcomes.v1 up to an end that was read after that.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from redis.asyncio import Redis

from runtime.health.progress import Partition
from runtime.log import get
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import PendingClosing

log = get(__name__)

MARGIN = timedelta(seconds=5)
"""Longer than the clocks of two machines, and the steps around a publish, differ."""


class AbandonedClosings:
    """The closings whose deadline is over."""

    def __init__(
        self,
        redis: "Redis[bytes]",
        desk_queue: DeskQueue,
        departments: Iterable[str],
        deadline: timedelta,
    ) -> None:
        self._redis, self._desk_queue, self._departments = redis, desk_queue, tuple(departments)
        self._patience_ms = int((deadline + MARGIN).total_seconds() * 1000)
        self._overdue: list[tuple[str, PendingClosing]] = []
        self._ends: Mapping[Partition, int] = {}

    async def check(self, read_ends: Callable[[], Awaitable[Mapping[Partition, int]]]) -> int:
        """Return the number of conversations that went back to their lines.

        `read_ends` returns the present ends of all partitions of outcomes.v1.
        """
        if self._overdue:
            return await self._give_back()
        seconds, _ = await self._redis.time()
        for department in self._departments:
            marks = await self._desk_queue.list_closings(
                department, seconds * 1000 - self._patience_ms
            )
            self._overdue += [(department, mark) for mark in marks]
        if self._overdue:
            self._ends = await read_ends()
        return 0

    async def _give_back(self) -> int:
        positions = await self._desk_queue.read_positions()
        if any(positions.get(f"{t}/{n}", 0) < end for (t, n), end in self._ends.items()):
            return 0
        count = 0
        for department, mark in self._overdue:
            if await self._desk_queue.cancel_closing(department, mark):
                log.warning("desk.closing_abandoned", conversation=mark.conversation)
                count += 1
        self._overdue = []
        return count
