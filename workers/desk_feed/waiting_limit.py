"""Limits the conversations in Redis, and lets the queues beyond the limit wait in Kafka.

A queue waits while the lines together have more than `[desk] max_waiting` conversations and its own
line has more than its share. Every queue waits for some seconds after Redis was full.
"""

from collections.abc import Iterable, Mapping

from redis.asyncio import Redis

from runtime import metrics
from runtime.health.progress import Partition
from runtime.redis.errors import outage_code
from runtime.settings.structs import Settings
from workers.desk_feed.log import FeedLog
from workers.desk_queue.queue import P

_RESUME_SHARE = 0.98
"""Paused queues continue below this share of the limit, so that they do not flutter."""
_FULL_COUNTS = 5
"""All queues wait for this many counts, one a second, after Redis was full."""


def is_full(error: Exception) -> bool:
    """Say whether Redis refused because it has no memory left."""
    return outage_code(error) == "OOM"


class WaitingLimit:
    """The limit, the sizes of the lines, and the queues that wait."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", queues: Iterable[Partition]
    ) -> None:
        self._limit = settings.desk.max_waiting
        self._redis = redis
        self._departments = {partition: partition[0].split(".")[1] for partition in queues}
        self._sizes: dict[str, int] = {}
        self._paused: set[str] = set()
        self._full_counts = 0
        self._added = 0

    def remaining(self) -> int:
        """Return the number of conversations that may come before the next count."""
        return self._limit - sum(self._sizes.values()) - self._added

    def note_added(self, count: int) -> None:
        """Add messages that the lines took since the last count."""
        self._added += count

    def problem(self) -> str | None:
        """Return a sentence if Redis is full, else None."""
        if not self._full_counts:
            return None
        return (
            "Redis is full: new items wait in Kafka. Raise its maxmemory, or lower `max_waiting` "
            "in [desk]."
        )

    def may_read(self, partition: Partition) -> bool:
        """Say whether the feed may read this partition."""
        department = self._departments.get(partition)
        return department is None or not (self._full_counts or department in self._paused)

    def note_error(self, error: Exception) -> None:
        """Let the queues wait if an error means that Redis is full."""
        if is_full(error):
            self._full_counts = _FULL_COUNTS

    async def count(self, departments: Iterable[str]) -> None:
        """Count the lines, and set the gauges."""
        names = ("ready", "leased", "closing")
        listed = tuple(departments)
        async with self._redis.pipeline(transaction=False) as pipe:
            for department in listed:
                for name in names:
                    pipe.zcard(f"{P}{name}:{department}")
            sizes = iter(await pipe.execute())
        for department in listed:
            ready, leased, closing = next(sizes), next(sizes), next(sizes)
            metrics.gauge("santral_items_ready", ready, department=department)
            metrics.gauge("santral_items_leased", leased, department=department)
            metrics.gauge("santral_items_closing", closing, department=department)
            self._sizes[department] = ready + leased + closing
        self._added = 0
        self._full_counts = max(0, self._full_counts - 1)
        self._paused = self._choose_paused()

    def _choose_paused(self) -> set[str]:
        total = sum(self._sizes.values())
        if total < self._limit * _RESUME_SHARE:
            return set()
        if total < self._limit:
            return self._paused
        share = self._limit / max(1, len(self._sizes))
        return {d for d, size in self._sizes.items() if size >= share}

    def enforce(self, feed_log: FeedLog, positions: Mapping[Partition, int]) -> None:
        """Pause and resume the owned queues, and set the gauge of items outside Redis."""
        queues = [partition for partition in positions if partition in self._departments]
        waits = [p for p in queues if not self.may_read(p)]
        feed_log.pause(waits)
        feed_log.resume([p for p in queues if p not in waits])
        outside = dict.fromkeys(self._departments.values(), 0)
        for partition, end in feed_log.read_ends(waits).items():
            outside[self._departments[partition]] += max(0, end - positions[partition])
        for department, count in outside.items():
            metrics.gauge("santral_items_outside_redis", count, department=department)
