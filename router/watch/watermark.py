"""The watermark is the time that every partition has reached; no later hour is counted. Pure."""

_IDLE_S = 5.0
"""A partition without a record for this long no longer delays the others."""


class Watermark:
    """The time of decision of the last record of each partition, and when it was read."""

    def __init__(self) -> None:
        self._last_records: dict[tuple[str, int], tuple[float, float]] = {}

    def note(self, partition: tuple[str, int], decided_at: float, now: float) -> None:
        """Note the time of decision, in seconds, of a record that was read now."""
        self._last_records[partition] = (decided_at, now)

    def reached(self, now: float) -> float:
        """Return the time that all partitions have reached; `now` if all are idle."""
        reading = [
            decided_at
            for decided_at, read_at in self._last_records.values()
            if now - read_at < _IDLE_S
        ]
        return min([now, *reading])
