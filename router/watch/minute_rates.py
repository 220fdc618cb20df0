"""Counts distinct messages per minute, channel, department and intent, for the live rates. Pure."""

from collections import Counter

from schemas.base import Record, Time

MAX_MINUTES = 10
"""The live rate is of the last full minute; the others absorb decisions that arrive late."""

RateKey = tuple[str, str, str]
"""Channel, department and intent."""


class CountedDecision(Record, frozen=True, kw_only=True):
    """The fields of a Decision that the rates need."""

    message: str
    channel: str
    department: str
    intent: str
    decided_at: Time
    hops: int = 0


class MinuteRates:
    """The counts of the last minutes, by partition of decisions.v1."""

    def __init__(self) -> None:
        self._counts: dict[int, dict[int, Counter[RateKey]]] = {}
        self._next_offset: dict[int, int] = {}

    def count(self, partition: int, offset: int, decision: CountedDecision) -> None:
        """Count one decision, unless it was read before, or people moved the message."""
        if offset < self._next_offset.get(partition, 0):
            return
        self._next_offset[partition] = offset + 1
        if decision.hops:
            return
        minute = int(decision.decided_at.timestamp()) // 60
        key = (decision.channel, decision.department, decision.intent)
        minutes = self._counts.setdefault(partition, {})
        minutes.setdefault(minute, Counter())[key] += 1
        for old in [m for m in minutes if m <= max(minutes) - MAX_MINUTES]:
            del minutes[old]

    def drop(self, partitions: set[int]) -> None:
        """Forget partitions; their next owner reads their last minutes again."""
        for partition in partitions:
            self._counts.pop(partition, None)
            self._next_offset.pop(partition, None)

    def sum_minute(self, minute: int) -> Counter[RateKey]:
        """Return the counts of a minute since 1970 over all partitions."""
        total: Counter[RateKey] = Counter()
        for minutes in self._counts.values():
            total.update(minutes.get(minute, {}))
        return total
