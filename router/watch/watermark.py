"""The time that every partition has reached: the watch counts no hour beyond it. Pure.

Before: run.py has read a record. After: incidents/tracker.py counts hours up to that time.
"""

_IDLE_S = 5.0
"""A partition without a record for this long no longer delays the others."""


class Watermark:
    """The time up to which every partition was read."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, int], tuple[float, float]] = {}

    def note(self, partition: tuple[str, int], decided: float, now: float) -> None:
        """Note the time of decision of the last record of a partition."""
        self._at[partition] = (decided, now)

    def at(self, now: float) -> float:
        """Return the time that all partitions have reached; now, if nothing is left to read."""
        late = [d for d, read in self._at.values() if now - read < _IDLE_S]
        return min([now, *late])
