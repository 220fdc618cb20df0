"""The baseline of a brand: the usual traffic of each hour of the week, and of each term. Pure.

The watch adds one hour at a time, and bursts.py compares a window with the baseline. An hour keeps
its counts as JSON, which takes a hundredth of the memory of objects. Only hours that a comparison
needs are decoded.
"""

from collections import Counter
from datetime import UTC, datetime

import msgspec

HOUR_S = 3600
HOURS_A_WEEK = 168
MAX_WEEKS = 8
"""Long enough to cover the end of a month, short enough to follow a change."""

MAX_TERMS_AN_HOUR = 3000
"""The rarer terms of an hour came once or twice, so the baseline drops them."""

_UNSEEN_TERM_COUNT = 0.5
_UNSEEN_TERM_MESSAGES = 250.0
"""Smoothing: an unseen term counts as 0.5 messages in 250 extra messages."""

_decoder = msgspec.json.Decoder(dict[str, int])


class Baseline:
    """The hours of the last MAX_WEEKS weeks of one brand."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[int, bytes]] = {}
        self._terms: Counter[str] = Counter()
        self.messages = 0
        self._by_hour_of_week = [0] * HOURS_A_WEEK
        self._first_hour: int | None = None

    def add(self, hour: int, messages: int, terms: dict[str, int]) -> None:
        """Add an hour, counted since 1970 in UTC; it replaces the same hour added before."""
        self._drop(hour)
        if len(terms) > MAX_TERMS_AN_HOUR:
            terms = dict(Counter(terms).most_common(MAX_TERMS_AN_HOUR))
        self._hours[hour] = (messages, msgspec.json.encode(terms))
        self._terms.update(terms)
        self.messages += messages
        self._by_hour_of_week[hour % HOURS_A_WEEK] += messages
        for old in [h for h in self._hours if h <= hour - MAX_WEEKS * HOURS_A_WEEK]:
            self._drop(old)
        self._first_hour = min(self._hours)

    def _drop(self, hour: int) -> None:
        counts = self._hours.pop(hour, None)
        if counts is None:
            return
        messages, encoded_terms = counts
        self.messages -= messages
        self._by_hour_of_week[hour % HOURS_A_WEEK] -= messages
        for term, count in _decoder.decode(encoded_terms).items():
            left = self._terms[term] - count
            if left > 0:
                self._terms[term] = left
            else:
                del self._terms[term]

    def weeks(self, hour: int) -> float:
        """Return how many weeks before an hour the baseline covers, at most MAX_WEEKS."""
        first = hour if self._first_hour is None else self._first_hour
        return min(float(MAX_WEEKS), (hour - first) / HOURS_A_WEEK)

    def share(self, term: str) -> float:
        """Return the usual share of messages with a term, which is always above 0."""
        return (self._terms[term] + _UNSEEN_TERM_COUNT) / (self.messages + _UNSEEN_TERM_MESSAGES)

    def volume(self, hour: int) -> float:
        """Return the usual number of messages in that hour of the week; 0 in the first week."""
        weeks = int(self.weeks(hour))
        return self._by_hour_of_week[hour % HOURS_A_WEEK] / weeks if weeks else 0.0

    def weekly_count(self, term: str, hour: int) -> float:
        """Return the usual number of messages with a term at that time of the week.

        The busiest of the hour and its two neighbours counts, so that a newsletter of every Monday
        morning does not look like a burst on a Monday morning.
        """
        weeks = int(self.weeks(hour))
        busiest = 0.0
        for neighbour in (hour - 1, hour, hour + 1):
            total = 0
            for week in range(1, weeks + 1):
                counts = self._hours.get(neighbour - week * HOURS_A_WEEK)
                total += _decoder.decode(counts[1]).get(term, 0) if counts else 0
            busiest = max(busiest, total / weeks if weeks else 0.0)
        return busiest


def hour_of(seconds: float) -> int:
    """Return the hour since 1970 of a time in seconds."""
    return int(seconds // HOUR_S)


def begin_of(hour: int) -> datetime:
    """Return the time at which an hour since 1970 begins."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC)
