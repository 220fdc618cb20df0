"""Gives a conversation back to its line if the outcomes of its closing never came.

An agent's process marked the conversation and ended. Two facts prove that the outcomes never came.
The publisher's own deadline is over, and the lines have every partition of outcomes.v1 up to an end
that the feed read after that deadline.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from redis.asyncio import Redis

from runtime.health.progress import Partition
from runtime.log import get
from workers.desk_feed.partitions import partition_name
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import PendingClosing

log = get(__name__)

CLOCK_MARGIN = timedelta(seconds=5)
"""Longer than the difference of two machines' clocks and the steps around a publish."""


class AbandonedClosings:
    """Finds the closings whose deadline is over, and ends them."""

    def __init__(
        self,
        redis: "Redis[bytes]",
        desk_queue: DeskQueue,
        departments: Iterable[str],
        deadline: timedelta,
    ) -> None:
        self._redis, self._desk_queue, self._departments = redis, desk_queue, tuple(departments)
        self._patience_ms = int((deadline + CLOCK_MARGIN).total_seconds() * 1000)
        self._overdue: list[tuple[str, PendingClosing]] = []
        self._ends: Mapping[Partition, int] = {}

    async def check(self, read_ends: Callable[[], Awaitable[Mapping[Partition, int]]]) -> int:
        """Give conversations back to their lines; return their number.

        `read_ends` returns the present ends of all partitions of outcomes.v1.
        """
        if self._overdue:
            return await self._give_back()
        seconds, _ = await self._redis.time()
        for department in self._departments:
            closings = await self._desk_queue.list_closings(
                department, seconds * 1000 - self._patience_ms
            )
            self._overdue += [(department, closing) for closing in closings]
        if self._overdue:
            self._ends = await read_ends()
        return 0

    async def _give_back(self) -> int:
        positions = await self._desk_queue.read_positions()
        if any(positions.get(partition_name(p), 0) < end for p, end in self._ends.items()):
            return 0
        count = 0
        for department, closing in self._overdue:
            if await self._desk_queue.cancel_closing(department, closing):
                log.warning("desk.closing_abandoned", conversation=closing.conversation)
                count += 1
        self._overdue = []
        return count
