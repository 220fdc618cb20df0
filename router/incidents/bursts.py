"""A burst is a term that far more customers use within minutes than is usual. Pure.

Each term's last two hours are scanned in windows of 5 to 120 minutes, which is a temporal scan
statistic (Kulldorff, A spatial scan statistic, 1997). The expected count is the larger of the
baseline for the hour of the week and the term's usual share of the current traffic, so that a busy
day alone is not a burst. The baseline is uncertain, hence the likelihood of a negative binomial.
"""

import bisect
import math
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from router.decision.incident_match import match_signs
from router.incidents.baseline import HOUR_S, Baseline, hour_of
from router.incidents.observation import Observation
from router.incidents.signs import choose_signs
from schemas.incident import Sign

MEMORY_S = 7200
"""The longest window; observations older than this are forgotten."""

_MAX_OBSERVATIONS = 50_000
"""Observations of one brand in memory, at most, however busy the brand is."""

_WINDOWS_S = (300, 600, 1200, 2400, 4800, MEMORY_S)
_DISPERSION = 5.0
"""The traffic of an hour varies by a third around the expected number."""

_MIN_BASELINE_WEEKS = 1 / 7
"""The watch needs to know one day before it calls anything unusual."""

_MIN_TROUBLED_SHARE = 0.5
"""Below this share of customers with a complaint, a term is only a popular topic."""


@dataclass(frozen=True, slots=True)
class Burst:
    """A term that bursts, with the signs of its messages.

    `seconds` is the window, `usual` the usual number of customers an hour with the term, and
    `needed` the sum of weights that a message needs to match `signs`. `members` match.
    """

    term: str
    score: float
    seconds: int
    customers: int
    usual: float
    signs: tuple[Sign, ...]
    needed: float
    members: tuple[Observation, ...]


class _Window(NamedTuple):
    """The score of a term in a window that ends now; the best window compares greatest."""

    score: float
    seconds: int
    customers: int
    expected: float


class BurstDetector:
    """The observations of the last two hours of one brand, and the bursts among them.

    `min_customers` and `min_score` are the least of a burst. Nothing bursts before the baseline
    has `min_messages`.
    """

    def __init__(
        self, baseline: Baseline, min_customers: int, min_score: float, min_messages: int
    ) -> None:
        self._baseline = baseline
        self._min_customers = min_customers
        self._min_score = min_score
        self._min_messages = min_messages
        self._troubled: deque[Observation] = deque()
        self._calm: deque[Observation] = deque()
        self._taken_out: set[str] = set()
        """Ids of messages in `_troubled` that belong to an incident."""

        self._times: list[float] = []
        """Times of those in `_troubled` that belong to no incident, in order."""

        self._by_term: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """Time and customer of the same ones, in order."""

        self.latest = 0.0

    def observe(self, observation: Observation) -> Burst | None:
        """Add a message that belongs to no incident; return the burst that it completes."""
        written_at = observation.written_at
        if written_at < self.latest - MEMORY_S:
            return None
        self.latest = max(self.latest, written_at)
        if not observation.trouble:
            self._calm.append(observation)
            return None
        self._troubled.append(observation)
        bisect.insort(self._times, written_at)
        for term in observation.terms:
            entries = self._by_term[term]
            if entries and entries[-1][0] > written_at:
                bisect.insort(entries, (written_at, observation.customer))
            else:
                entries.append((written_at, observation.customer))
        self._forget_old()
        if (
            self._baseline.messages < self._min_messages
            or self._baseline.weeks(hour_of(written_at)) < _MIN_BASELINE_WEEKS
        ):
            return None
        return self._find_strongest(observation)

    def unassigned(self) -> list[Observation]:
        """Return the complaints of the last two hours that belong to no incident."""
        return [o for o in self._troubled if o.message not in self._taken_out]

    def take_out(self, members: Iterable[Observation]) -> None:
        """Remove messages that now belong to an incident, so that they open no second one."""
        for member in members:
            if member.message in self._taken_out:
                continue
            self._taken_out.add(member.message)
            index = bisect.bisect_left(self._times, member.written_at)
            if index < len(self._times) and self._times[index] == member.written_at:
                del self._times[index]
            for term in member.terms:
                entries = self._by_term.get(term)
                if entries and (member.written_at, member.customer) in entries:
                    entries.remove((member.written_at, member.customer))

    def _forget_old(self) -> None:
        oldest = self.latest - MEMORY_S
        while self._calm and _is_surplus(self._calm, oldest):
            self._calm.popleft()
        while self._troubled and _is_surplus(self._troubled, oldest):
            forgotten = self._troubled.popleft()
            self._taken_out.discard(forgotten.message)
            while self._times and self._times[0] < oldest:
                self._times.pop(0)
            for term in forgotten.terms:
                entries = self._by_term.get(term)
                if entries is None:
                    continue
                while entries and entries[0][0] < oldest:
                    entries.pop(0)
                if not entries:
                    del self._by_term[term]

    def _find_strongest(self, observation: Observation) -> Burst | None:
        """Return the strongest burst among the message's terms whose messages have signs."""
        now = observation.written_at
        volumes = [self._volume(now, seconds) for seconds in _WINDOWS_S]
        candidates: list[tuple[_Window, str]] = []
        for term in observation.terms:
            entries = self._by_term[term]
            if len(entries) < self._min_customers:
                continue
            share = self._baseline.share(term)
            best = max(
                self._score_window(entries, now, seconds, share * volume)
                for seconds, volume in zip(_WINDOWS_S, volumes, strict=True)
            )
            if best.score >= self._min_score:
                candidates.append((best, term))
        candidates.sort(key=lambda c: (c[0].score, c[1]), reverse=True)
        for window, term in candidates:
            # The look into every week's hour is slow, so only candidates pay for it.
            weekly = self._baseline.weekly_count(term, hour_of(now))
            weekly *= min(1.0, window.seconds / HOUR_S)
            expected = max(window.expected, weekly)
            score = log_likelihood_ratio(window.customers, expected)
            if score < self._min_score:
                continue
            window = _Window(score, window.seconds, window.customers, expected)
            burst = self._describe(term, window, now)
            if burst is not None:
                return burst
        return None

    def _volume(self, now: float, seconds: int) -> float:
        """Return the complaints in a window that ends now, or the usual number if it is larger."""
        current = bisect.bisect_right(self._times, now)
        current -= bisect.bisect_right(self._times, now - seconds)
        usual, left, hour = 0.0, float(seconds), hour_of(now)
        in_hour = now - hour * HOUR_S
        while left > 0:
            overlap = min(left, in_hour)
            usual += self._baseline.volume(hour) * overlap / HOUR_S
            left, hour, in_hour = left - overlap, hour - 1, float(HOUR_S)
        return max(float(current), usual)

    def _score_window(
        self, entries: list[tuple[float, str]], now: float, seconds: int, expected: float
    ) -> _Window:
        first = bisect.bisect_right(entries, (now - seconds, "\uffff"))
        last = bisect.bisect_right(entries, (now, "\uffff"))
        if last - first < self._min_customers or last - first <= expected:
            return _Window(0.0, seconds, 0, expected)
        customers = len({customer for _, customer in entries[first:last]})
        if customers < self._min_customers:
            return _Window(0.0, seconds, customers, expected)
        return _Window(log_likelihood_ratio(customers, expected), seconds, customers, expected)

    def _describe(self, term: str, window: _Window, now: float) -> Burst | None:
        """Return the burst with its signs, None if its messages have nothing else in common."""
        begin = now - window.seconds
        unassigned = self.unassigned()
        core = [o for o in unassigned if term in o.terms and begin < o.written_at <= now]
        others = [o for o in unassigned if term not in o.terms]
        calm = {o.customer for o in self._calm if term in o.terms and begin < o.written_at <= now}
        if window.customers < _MIN_TROUBLED_SHARE * (window.customers + len(calm)):
            return None
        sign_set = choose_signs(core, others, self._baseline, self._min_customers)
        if sign_set is None:
            return None
        signs, needed = sign_set
        # Earlier messages with the same words have another cause.
        earliest = begin - window.seconds
        members = [
            o
            for o in unassigned
            if earliest < o.written_at
            and match_signs(o.terms, o.trouble, signs, needed) is not None
        ]
        customers = len({member.customer for member in members})
        if customers < self._min_customers:
            return None
        return Burst(
            term=term,
            score=window.score,
            seconds=window.seconds,
            customers=customers,
            usual=window.expected * HOUR_S / window.seconds,
            signs=signs,
            needed=needed,
            members=tuple(members),
        )


def _is_surplus(observations: deque[Observation], oldest: float) -> bool:
    return observations[0].written_at < oldest or len(observations) > _MAX_OBSERVATIONS


def log_likelihood_ratio(count: int, expected: float) -> float:
    """Return how much likelier a count is with a rate of its own than with the expected one.

    The unit is the natural logarithm of the ratio, for a negative binomial. It is 0 for a count
    that is not above the expected one.
    """
    if count <= expected:
        return 0.0
    k = _DISPERSION
    return count * math.log(count / expected) - (count + k) * math.log((count + k) / (expected + k))
