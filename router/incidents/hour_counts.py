"""Counts the complaints of the current hours; an hour that is over joins the baseline. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from router.incidents.baseline import HOUR_S, begin_of, hour_of
from router.incidents.observation import Observation
from schemas.incident import Pulse

GRACE_S = 900
"""Grace period before an hour is closed, because mail arrives after it was written."""


@dataclass
class _Counts:
    messages: int = 0
    terms: Counter[str] = field(default_factory=Counter)


class HourCounts:
    """The counts of all brands for the hours that are not closed yet."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], _Counts] = {}
        self._first_open_hour = 0

    @property
    def open_since(self) -> float | None:
        """The beginning of the first open hour, in seconds; None before an hour was closed."""
        return self._first_open_hour * HOUR_S if self._first_open_hour else None

    def reopen_from(self, hour: int) -> None:
        """Keep open that hour and the later ones, which a restart has to count again."""
        self._first_open_hour = max(self._first_open_hour, hour)

    def add(self, observation: Observation) -> None:
        """Count a complaint that belongs to no incident."""
        self._change(observation, 1)

    def remove(self, observation: Observation) -> None:
        """Take back a complaint that turned out to belong to an incident."""
        self._change(observation, -1)

    def _change(self, observation: Observation, change: int) -> None:
        hour = hour_of(observation.written_at)
        if hour < self._first_open_hour:
            return
        counts = self._counts.setdefault((hour, observation.brand), _Counts())
        counts.messages += change
        for term in observation.terms:
            counts.terms[term] += change

    def close(self, now: float) -> Iterator[Pulse]:
        """Yield the hours that ended more than GRACE_S ago, and forget them one by one."""
        end = hour_of(now - GRACE_S)
        for hour, brand in sorted(key for key in self._counts if key[0] < end):
            counts = self._counts.pop((hour, brand))
            terms = {term: count for term, count in counts.terms.items() if count > 0}
            yield Pulse(brand=brand, hour=begin_of(hour), messages=counts.messages, terms=terms)
        self._first_open_hour = max(self._first_open_hour, end)
