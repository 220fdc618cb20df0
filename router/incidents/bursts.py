"""Bursts: a term that far more customers have within minutes than is usual. Pure.

Before: sightings, one a message of trouble. After: tracker.py opens an incident for a burst. Each
term's last two hours are scanned in windows of 5 to 120 minutes (a temporal scan statistic:
Kulldorff, A spatial scan statistic, 1997) against what is usual for that hour of the week, and for
as many messages as there are now: a busy day alone is no burst. The usual is uncertain, so the
likelihoods are those of a negative binomial.
"""

import bisect
import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from router.decision.incident_match import match_signs
from router.incidents.baseline import HOUR_S, Usual, hour_of
from router.incidents.observation import Sighting
from schemas.incident import Sign

HELD_S = 7200
_HELD = 50_000  # sightings of a brand that are held, whatever its traffic
_WINDOWS_S = (300, 600, 1200, 2400, 4800, HELD_S)
_DISPERSION = 5.0
"""The usual of an hour varies by a third around what is expected of it."""

_DAY_W = 1 / 7  # a day is known before anything is called unusual
_SIGNS = 10
_SIGN_SHARE = 0.25
_SIGN_LIFT = 3.0
_SIGN_LEAST = 3  # customers that share a sign
_FOREIGN = 0.1  # for so many of its customers one other message may fit the signs
_FITTING = 0.6  # of those with the term must fit them
_HEAVIEST = 5.0
"""A sign weighs no more: a word never seen before may be one sentence that was sent on."""

_NEEDED = 3.5
"""At least that much likelier (33 times) is a message of an incident: every tenth message being of
it, three in four that weigh no more are."""

_NEEDED_PART = 0.35  # of what its own messages weigh, at least
_TROUBLED = 0.5  # of the customers with the term tell of trouble; else it is much talked about


@dataclass(frozen=True, slots=True)
class Burst:
    """What was found: the term that set it off, who has it, and by which signs to know others."""

    term: str
    score: float
    seconds: int
    customers: int
    usual: float
    signs: tuple[Sign, ...]
    needed: float
    members: tuple[Sighting, ...]


class Bursts:
    """The last two hours of one brand."""

    def __init__(self, usual: Usual, customers: int, score: float, learn: int) -> None:
        self._usual, self._customers, self._score, self._learn = usual, customers, score, learn
        self._held: deque[Sighting] = deque()
        self._times: list[float] = []  # of those held that belong to no incident
        self._by_term: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self._calm: deque[Sighting] = deque()
        self._gone: set[str] = set()
        self.latest = 0.0

    def see(self, seen: Sighting) -> Burst | None:
        """Take one message that belongs to no incident; return what bursts with it."""
        if seen.at < self.latest - HELD_S:
            return None
        self.latest = max(self.latest, seen.at)
        if not seen.trouble:
            self._calm.append(seen)
            return None
        self._held.append(seen)
        bisect.insort(self._times, seen.at)
        for term in seen.terms:
            entries = self._by_term[term]
            if entries and entries[-1][0] > seen.at:
                bisect.insort(entries, (seen.at, seen.customer))
            else:
                entries.append((seen.at, seen.customer))
        self._forget()
        if self._usual.messages < self._learn or self._usual.weeks(hour_of(seen.at)) < _DAY_W:
            return None
        return self._strongest(seen)

    def held(self) -> list[Sighting]:
        """Return the messages of the last two hours that belong to no incident."""
        return [s for s in self._held if s.message not in self._gone]

    def take_out(self, members: Iterable[Sighting]) -> None:
        """Forget messages that belong to an incident now: it must not be found again."""
        for one in members:
            if one.message in self._gone:
                continue
            self._gone.add(one.message)
            at = bisect.bisect_left(self._times, one.at)
            if at < len(self._times) and self._times[at] == one.at:
                del self._times[at]
            for term in one.terms:
                entries = self._by_term.get(term)
                if entries and (one.at, one.customer) in entries:
                    entries.remove((one.at, one.customer))

    def _forget(self) -> None:
        before = self.latest - HELD_S
        while self._calm and (self._calm[0].at < before or len(self._calm) > _HELD):
            self._calm.popleft()
        while self._held and (self._held[0].at < before or len(self._held) > _HELD):
            old = self._held.popleft()
            self._gone.discard(old.message)
            while self._times and self._times[0] < before:
                self._times.pop(0)
            for term in old.terms:
                entries = self._by_term.get(term)
                if entries is None:
                    continue
                while entries and entries[0][0] < before:
                    entries.pop(0)
                if not entries:
                    del self._by_term[term]

    def _strongest(self, seen: Sighting) -> Burst | None:
        """Return the strongest burst among the terms of a message that holds together."""
        hour = hour_of(seen.at)
        volumes = [self._volume(seen.at, w) for w in _WINDOWS_S]
        found: list[tuple[float, str, int, int, float]] = []
        for term in seen.terms:
            entries = self._by_term[term]
            if len(entries) < self._customers:
                continue
            share = self._usual.share(term)
            best = max(
                self._scored(entries, seen.at, w, share * v)
                for w, v in zip(_WINDOWS_S, volumes, strict=True)
            )
            if best[0] >= self._score:
                found.append((best[0], term, best[1], best[2], best[3]))
        for _, term, seconds, customers, expected in sorted(found, reverse=True):
            # Only now: what comes at this hour every week is asked of the hours themselves.
            weekly = self._usual.same_hour(term, hour) * min(1.0, seconds / HOUR_S)
            expected = max(expected, weekly)
            score = likelihood(customers, expected)
            if score < self._score:
                continue
            burst = self._described(term, score, seconds, customers, expected, seen.at)
            if burst is not None:
                return burst
        return None

    def _volume(self, at: float, seconds: int) -> float:
        """Return how many messages of trouble a window has, or usually has, if that is more."""
        now = bisect.bisect_right(self._times, at) - bisect.bisect_right(self._times, at - seconds)
        usual, left, hour = 0.0, float(seconds), hour_of(at)
        part = at - hour * HOUR_S
        while left > 0:
            took = min(left, part)
            usual += self._usual.volume(hour) * took / HOUR_S
            left, hour, part = left - took, hour - 1, float(HOUR_S)
        return max(float(now), usual)

    def _scored(
        self, entries: list[tuple[float, str]], at: float, seconds: int, expected: float
    ) -> tuple[float, int, int, float]:
        """Return score, window, customers and what was expected, for one window that ends now."""
        first = bisect.bisect_right(entries, (at - seconds, "\uffff"))
        last = bisect.bisect_right(entries, (at, "\uffff"))
        if last - first < self._customers or last - first <= expected:
            return 0.0, seconds, 0, expected
        customers = len({who for _, who in entries[first:last]})
        if customers < self._customers:
            return 0.0, seconds, customers, expected
        return likelihood(customers, expected), seconds, customers, expected

    def _described(
        self, term: str, score: float, seconds: int, customers: int, expected: float, at: float
    ) -> Burst | None:
        """Return the burst with its signs; None when its messages have nothing in common."""
        around = self.held()
        begin = at - seconds
        core = [s for s in around if term in s.terms and begin < s.at <= at]
        rest = [s for s in around if term not in s.terms]
        calm = {s.customer for s in self._calm if term in s.terms and begin < s.at <= at}
        if customers < _TROUBLED * (customers + len(calm)):
            return None
        told = described(core, rest, self._usual, self._customers)
        if told is None:
            return None
        signs, needed = told
        # Long before the burst the same words meant something else.
        members = [
            s
            for s in around
            if begin - seconds < s.at and match_signs(s.terms, s.trouble, signs, needed) is not None
        ]
        writers = {s.customer for s in members}
        if len(writers) < self._customers:
            return None
        usual = expected * HOUR_S / seconds
        return Burst(term, score, seconds, len(writers), usual, signs, needed, tuple(members))


def described(
    core: list[Sighting], rest: list[Sighting], usual: Usual, customers: int
) -> tuple[tuple[Sign, ...], float] | None:
    """Return by which signs messages like those of `core` are told from usual ones and from
    `rest`, and what they must weigh; None when most of `core` could not be told."""
    had: Counter[str] = Counter()
    for terms in _by_customer(core).values():
        had.update(terms)
    many = len({s.customer for s in core})
    signs = []
    for term, count in had.items():
        share, normal = count / many, usual.share(term)
        lift = share / normal
        if count >= _SIGN_LEAST and share >= _SIGN_SHARE and lift >= _SIGN_LIFT:
            signs.append(
                Sign(
                    term=term,
                    word="",
                    share=round(share, 3),
                    weight=round(min(math.log(lift), _HEAVIEST), 3),
                )
            )
    signs.sort(key=lambda s: (-s.share * s.weight, s.term))
    signs = signs[:_SIGNS]
    weights = {s.term: s.weight for s in signs}
    if not core:
        return None
    own = _weighed(core, weights)
    others = sorted(_weighed(rest, weights), reverse=True)
    needed = max(_NEEDED, sorted(own)[len(own) // 2] * _NEEDED_PART)
    allowed = int(many * _FOREIGN)
    if len(others) > allowed:
        needed = max(needed, others[allowed] + 0.001)
    needed = round(needed, 3)
    fitting = {s.customer for s, w in zip(core, own, strict=True) if w >= needed}
    if len(fitting) < max(customers, _FITTING * many):
        return None
    return tuple(signs), needed


def _weighed(sightings: list[Sighting], weights: dict[str, float]) -> list[float]:
    return [sum(weights.get(t, 0.0) for t in s.terms) for s in sightings]


def _by_customer(sightings: Iterable[Sighting]) -> dict[str, set[str]]:
    made: dict[str, set[str]] = defaultdict(set)
    for one in sightings:
        made[one.customer].update(one.terms)
    return made


def likelihood(count: int, expected: float) -> float:
    """Return how much likelier a count is with a rate of its own than with the usual one, as a
    natural logarithm, for a negative binomial; 0 when it is no more than expected."""
    if count <= expected:
        return 0.0
    k = _DISPERSION
    return count * math.log(count / expected) - (count + k) * math.log((count + k) / (expected + k))
