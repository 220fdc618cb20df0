"""Distinct messages per minute, channel, department and intent: the live rates. Pure.

Before: run.py reads decisions.v1. After: Prometheus gauges.
"""

from collections import Counter

from schemas.base import Record, Time

KEPT_MINUTES = 10

Key = tuple[str, str, str]


class Seen(Record, frozen=True, kw_only=True):
    """What the watch needs of a Decision."""

    message: str
    channel: str
    department: str
    intent: str
    decided_at: Time
    hops: int = 0


class Windows:
    """Distinct messages per minute and key, by partition, for the last minutes."""

    def __init__(self) -> None:
        self._counts: dict[int, dict[int, Counter[Key]]] = {}
        self._next: dict[int, int] = {}

    def take(self, partition: int, offset: int, seen: Seen) -> None:
        """Count one decision; what was read before, or moved by people, is not a new message."""
        if offset < self._next.get(partition, 0):
            return
        self._next[partition] = offset + 1
        if seen.hops:
            return
        minute = int(seen.decided_at.timestamp()) // 60
        minutes = self._counts.setdefault(partition, {})
        minutes.setdefault(minute, Counter())[seen.channel, seen.department, seen.intent] += 1
        for old in [m for m in minutes if m <= max(minutes) - KEPT_MINUTES]:
            del minutes[old]

    def drop(self, partitions: set[int]) -> None:
        """Forget partitions: who owns them next reads their last minutes again."""
        for partition in partitions:
            self._counts.pop(partition, None)
            self._next.pop(partition, None)

    def minute(self, minute: int) -> Counter[Key]:
        """Return the counts of one minute over all partitions."""
        total: Counter[Key] = Counter()
        for minutes in self._counts.values():
            total.update(minutes.get(minute, {}))
        return total
