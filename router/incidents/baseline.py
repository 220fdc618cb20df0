"""What is usual for a brand: how many messages of trouble an hour of the week brings, and which
share of them has which term. Pure.

Before: pulses, one an hour. After: bursts.py asks what a window would have had on an ordinary day.
Hours are kept as the JSON that Kafka has: a hundredth of the memory of objects, and only an hour
that is asked about is opened.
"""

from collections import Counter
from datetime import UTC, datetime

import msgspec

HOUR_S = 3600
WEEK_H = 168
KEPT_WEEKS = 8
"""Long enough for a month's end, short enough to follow what changes."""

MOST_TERMS = 3000
"""Terms of an hour that are kept: beyond those each came once or twice."""

_HALF = 0.5
_PRIOR = 250.0
"""A term never seen counts as half of one in so many messages more than there were."""

_decoder = msgspec.json.Decoder(dict[str, int])


class Usual:
    """The last weeks of one brand, hour by hour."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[int, bytes]] = {}
        self._terms: Counter[str] = Counter()
        self.messages = 0
        self._of_week = [0] * WEEK_H
        self._first: int | None = None

    def add(self, hour: int, messages: int, terms: dict[str, int]) -> None:
        """Take one hour (hours since 1970, UTC); the same hour again takes its place."""
        self._drop(hour)
        if len(terms) > MOST_TERMS:
            terms = dict(Counter(terms).most_common(MOST_TERMS))
        self._hours[hour] = (messages, msgspec.json.encode(terms))
        self._terms.update(terms)
        self.messages += messages
        self._of_week[hour % WEEK_H] += messages
        for old in [h for h in self._hours if h <= hour - KEPT_WEEKS * WEEK_H]:
            self._drop(old)
        self._first = min(self._hours)

    def _drop(self, hour: int) -> None:
        held = self._hours.pop(hour, None)
        if held is None:
            return
        messages, raw = held
        self.messages -= messages
        self._of_week[hour % WEEK_H] -= messages
        for term, count in _decoder.decode(raw).items():
            left = self._terms[term] - count
            if left > 0:
                self._terms[term] = left
            else:
                del self._terms[term]

    def weeks(self, hour: int) -> float:
        """Return how many weeks are known before an hour, at most KEPT_WEEKS."""
        first = hour if self._first is None else self._first
        return min(float(KEPT_WEEKS), (hour - first) / WEEK_H)

    def share(self, term: str) -> float:
        """Return the share of messages that usually have a term; never quite none."""
        return (self._terms[term] + _HALF) / (self.messages + _PRIOR)

    def volume(self, hour: int) -> float:
        """Return how many messages that hour of the week usually has; 0 in the first week."""
        weeks = int(self.weeks(hour))
        return self._of_week[hour % WEEK_H] / weeks if weeks else 0.0

    def same_hour(self, term: str, hour: int) -> float:
        """Return how many messages that hour of the week, or one beside it, usually has with a
        term: what only comes on Monday mornings is no burst on a Monday morning."""
        weeks = int(self.weeks(hour))
        most = 0.0
        for near in (hour - 1, hour, hour + 1):
            found = 0
            for week in range(1, weeks + 1):
                held = self._hours.get(near - week * WEEK_H)
                found += _decoder.decode(held[1]).get(term, 0) if held else 0
            most = max(most, found / weeks if weeks else 0.0)
        return most


def hour_of(at: float) -> int:
    """Return the hour since 1970 of a time in seconds."""
    return int(at // HOUR_S)


def begins(hour: int) -> datetime:
    """Return when an hour begins."""
    return datetime.fromtimestamp(hour * HOUR_S, UTC)
