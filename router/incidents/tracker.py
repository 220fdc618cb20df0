"""Incidents of all brands: they open, grow and close by what is seen, and by what people say. Pure.

Before: watch/run.py sees messages with their decisions, and knows the time that all partitions have
reached. After: records for incidents.v1 and pulses.v1. What is told survives a crash in them:
`restore` takes both, and the messages since the last pulse are seen again.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from router.decision.incident_match import match_incident, match_signs
from router.incidents.baseline import HOUR_S, Usual, begins, hour_of
from router.incidents.bursts import HELD_S, Burst, Bursts, described
from router.incidents.observation import Sighting
from router.text.terms import topic_of, words_of_stems
from schemas.base import derived_id
from schemas.incident import (
    MAX_NEW_MESSAGES,
    Incident,
    Pulse,
    Sign,
    Status,
    apply_record,
    resolve_merged,
)

GRACE_S = 900
"""An hour is counted so long after its end: mail is written before it comes."""

_TOLD_EVERY_S = 10.0
_TOLD_AT_LEAST_S = 60.0
_TOLD_PART = 0.02
"""News of an incident come with a fiftieth of its age between them, once a minute at least."""

_AGAIN_S = 12 * HOUR_S
"""Closed for the night, the same incident goes on in the morning."""

_FEW = 2  # customers in the quiet span at which an incident is over
_PART = 0.1  # or this part of its busiest such span
_KEPT_MEMBERS = 400
_TITLE = 4
_STRONG = 4.0  # a sign 55 times likelier than usual


@dataclass(frozen=True, kw_only=True)
class Options:
    """How many customers are an incident; how much likelier than the usual they must be (a natural
    logarithm); from how many messages on a brand is known; after how many quiet seconds it ends."""

    customers: int = 5
    score: float = 12.0
    learn: int = 300
    quiet_s: float = 3600.0


@dataclass
class Live:
    """An incident that is open, or ended so lately that its messages may still come."""

    record: Incident
    customers: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    times: deque[tuple[float, str]] = field(default_factory=deque)
    members: deque[Sighting] = field(default_factory=lambda: deque(maxlen=_KEPT_MEMBERS))
    fresh: list[tuple[str, str]] = field(default_factory=list)
    departments: Counter[str] = field(default_factory=Counter)
    told_at: float = 0.0
    busiest: int = 0
    described_at: int = 0
    last: float = 0.0

    def join(self, seen: Sighting) -> None:
        """Take a message in, once."""
        if seen.message in self.known:
            return
        self.known.add(seen.message)
        self.fresh.append((seen.message, seen.customer))
        self.customers.add(seen.customer)
        self.times.append((seen.at, seen.customer))
        self.members.append(seen)
        self.departments[seen.department] += 1
        self.last = max(self.last, seen.at)

    def lately(self, now: float, span: float) -> int:
        """Return how many customers wrote within a span."""
        while self.times and self.times[0][0] <= now - span:
            self.times.popleft()
        return len({who for _, who in self.times})


@dataclass
class _Hour:
    messages: int = 0
    terms: Counter[str] = field(default_factory=Counter)


class Incidents:
    """What the watch holds; `told` are the records to be published, in their order."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._usual: dict[str, Usual] = {}
        self._bursts: dict[str, Bursts] = {}
        self._hours: dict[tuple[int, str], _Hour] = {}
        self._live: dict[str, Live] = {}
        self._seen: dict[str, float] = {}
        self._counted_to = 0
        self._said: set[tuple[str, str, datetime]] = set()
        self.told: list[Incident | Pulse] = []

    def restore(self, pulses: Iterable[Pulse], records: Iterable[Incident]) -> None:
        """Take what was told before a restart; the last hour is counted again, all of it."""
        for pulse in pulses:
            hour = hour_of(pulse.hour.timestamp())
            self._of(pulse.brand)[0].add(hour, pulse.messages, pulse.terms)
            self._counted_to = max(self._counted_to, hour)
        for record in records:
            self.apply(record)

    def since(self, now: float) -> float:
        """Return from when on messages are to be seen again after `restore`."""
        counted = self._counted_to * HOUR_S if self._counted_to else now - HELD_S
        return min(counted, now - HELD_S)

    def open(self) -> list[Incident]:
        """Return the incidents that are neither ended nor part of another."""
        return [x.record for x in self._live.values() if x.record.status in _OPEN]

    def apply(self, record: Incident) -> None:
        """Take a record that a person wrote, or the watch before a restart."""
        live = self._live.get(record.id)
        if record.agent:
            said = (record.id, record.status, record.at)
            if said in self._said:
                return
            self._said.add(said)
        if live is None:
            if record.agent:
                return  # about one that is over for long
            live = self._live[record.id] = Live(record=record)
        live.record = apply_record(live.record if live.known else None, record)
        live.known.update(record.messages)
        live.customers.update(record.writers)
        if not record.agent:
            at = (record.last_at or record.at).timestamp()
            live.last = max(live.last, at)
            live.times.extend((at, who) for who in record.writers)
            live.described_at = max(live.described_at, record.customers)

    def see(self, seen: Sighting) -> None:
        """Take one message; the same again changes nothing."""
        if seen.message in self._seen:
            return
        self._seen[seen.message] = seen.at
        if any(seen.message in x.known for x in self._live.values()):
            return  # it was told of before a restart
        _, bursts = self._of(seen.brand)
        live = self._home(seen)
        if live is not None and live.record.status != "dismissed":
            live.join(seen)
            return
        if seen.trouble:
            self._count(seen, 1)
        if live is not None:
            live.last = max(live.last, seen.at)
            return  # people said that it is nothing: it opens nothing new
        burst = bursts.see(seen)
        if burst is not None:
            self._open(seen, burst)

    def tick(self, now: float) -> None:
        """Let time pass: tell what grew, end what is over, count the hours that are past."""
        for identifier, live in list(self._live.items()):
            lately = live.lately(now, self._options.quiet_s)
            live.busiest = max(live.busiest, lately)
            if live.record.status in _OPEN:
                over = lately <= max(_FEW, _PART * live.busiest)
                if over and now - live.last >= self._options.quiet_s / 4:
                    self._tell(live, "closed", now)
                elif live.fresh and (
                    now - live.told_at >= _pause(live, now) or len(live.fresh) >= MAX_NEW_MESSAGES
                ):
                    self._redescribe(live)
                    self._tell(live, "grown", now)
            elif now - live.last > _AGAIN_S and not self._serves(identifier):
                del self._live[identifier]
        self._close_hours(now)

    def _of(self, brand: str) -> tuple[Usual, Bursts]:
        if brand not in self._usual:
            options = self._options
            usual = self._usual[brand] = Usual()
            self._bursts[brand] = Bursts(usual, options.customers, options.score, options.learn)
        return self._usual[brand], self._bursts[brand]

    def _serves(self, identifier: str) -> bool:
        """Whether it was merged into one that is open: its signs are still those of that one."""
        into = self._record(self._live[identifier].record.merged_into or "")
        return into is not None and into.status in _OPEN

    def _home(self, seen: Sighting) -> Live | None:
        """Return the incident that a message belongs to, by the router's word or by its signs."""
        told = self._live.get(seen.incident or "")
        if told is None or told.record.status == "closed":
            held = [
                x.record
                for x in self._live.values()
                if x.record.brand == seen.brand and x.record.status != "closed"
            ]
            found = match_incident(seen.terms, seen.trouble, held) if held else None
            told = self._live[found.incident.id] if found else None
        main = resolve_merged(told.record, self._record) if told else None
        return self._live[main.id] if main is not None and main.status != "closed" else None

    def _record(self, identifier: str) -> Incident | None:
        live = self._live.get(identifier)
        return live.record if live else None

    def _count(self, seen: Sighting, by: int) -> None:
        hour = hour_of(seen.at)
        if hour < self._counted_to:
            return
        held = self._hours.setdefault((hour, seen.brand), _Hour())
        held.messages += by
        for term in seen.terms:
            held.terms[term] += by

    def _open(self, seen: Sighting, burst: Burst) -> None:
        """Open an incident; or the one again that was closed for a few hours, or let the one grow
        that is known by the same signs."""
        for member in burst.members:
            self._count(member, -1)
        self._bursts[seen.brand].take_out(burst.members)
        same = self._same(seen.brand, burst)
        if same is not None:
            for member in sorted(burst.members, key=lambda s: s.at):
                same.join(member)
            same.described_at = 0  # it has other words now
            return
        first = min(burst.members, key=lambda s: s.at)
        live = self._again(seen.brand, burst)
        if live is None:
            identifier = derived_id("incident", seen.brand, first.message, burst.term)
            at = _instant(seen.at)
            live = self._live[identifier] = Live(
                record=Incident(
                    id=identifier,
                    brand=seen.brand,
                    status="opened",
                    title="",
                    opened_at=at,
                    at=at,
                    usual=round(burst.usual, 3),
                    seconds=burst.seconds,
                    score=round(burst.score, 1),
                )
            )
        for member in sorted(burst.members, key=lambda s: s.at):
            live.join(member)
        live.described_at = len(live.customers)
        self._named(live, burst.signs, burst.needed)
        self._tell(live, "opened", seen.at)

    def _again(self, brand: str, burst: Burst) -> Live | None:
        for live in self._live.values():
            record = live.record
            if record.brand != brand or record.status != "closed":
                continue
            fitting = [
                s for s in burst.members if match_signs(s.terms, True, record.signs, record.needed)
            ]
            if len(fitting) > len(burst.members) / 2:
                return live
        return None

    def _same(self, brand: str, burst: Burst) -> Live | None:
        """Return the open incident that a burst is a part of: they share a strong sign."""
        strong = {s.term for s in burst.signs if s.weight >= _STRONG and not topic_of(s.term)}
        for live in self._live.values():
            record = live.record
            if (
                record.brand == brand
                and record.status in _OPEN
                and any(s.weight >= _STRONG and s.term in strong for s in record.signs)
            ):
                return live
        return None

    def _redescribe(self, live: Live) -> None:
        """Once it has twice as many customers, say anew by which signs it is known."""
        known = len(live.customers)
        # After a restart its first members are known by name only: too few would say too little.
        if known < 2 * live.described_at or 2 * len(live.members) < min(known, _KEPT_MEMBERS):
            return
        usual, bursts = self._of(live.record.brand)
        told = described(list(live.members), bursts.held(), usual, self._options.customers)
        if told is not None:
            live.described_at = len(live.customers)
            self._named(live, *told)

    def _named(self, live: Live, signs: tuple[Sign, ...], needed: float) -> None:
        said = words_of_stems(m.text for m in live.members)
        signs = tuple(
            msgspec.structs.replace(s, word=topic_of(s.term) or said.get(s.term, s.term))
            for s in signs
        )
        named = [s.word for s in signs if topic_of(s.term) is None]
        topics = tuple(t for s in signs if (t := topic_of(s.term)))
        live.record = msgspec.structs.replace(
            live.record,
            signs=signs,
            needed=needed,
            words=tuple(named),
            topics=topics,
            title=" · ".join(named[:_TITLE] or topics),
        )

    def _tell(self, live: Live, status: Status, now: float) -> None:
        """Say what is new of an incident, in as many records as its new members need."""
        while True:
            part, live.fresh = live.fresh[:MAX_NEW_MESSAGES], live.fresh[MAX_NEW_MESSAGES:]
            record = msgspec.structs.replace(
                live.record,
                status=status,
                customers=len(live.customers),
                at=_instant(now),
                messages=tuple(m for m, _ in part),
                writers=tuple(w for _, w in part),
                last_at=_instant(live.last),
                departments=tuple(d for d, _ in live.departments.most_common()),
                agent="",
            )
            self.told.append(record)
            if not live.fresh:
                break
            now += 0.001  # no two records of one kind at the same time
            if status == "opened":
                status = "grown"
        live.told_at = now
        live.record = apply_record(live.record, record)

    def _close_hours(self, now: float) -> None:
        """Count the hours that are past into the usual."""
        until = hour_of(now - GRACE_S)
        for hour, brand in sorted(k for k in self._hours if k[0] < until):
            held = self._hours.pop((hour, brand))
            terms = {t: n for t, n in held.terms.items() if n > 0}
            self._of(brand)[0].add(hour, held.messages, terms)
            self.told.append(
                Pulse(brand=brand, hour=begins(hour), messages=held.messages, terms=terms)
            )
        if until > self._counted_to:
            self._counted_to = until
            before = min((until - 1) * HOUR_S, now - HELD_S) - HELD_S
            self._seen = {m: at for m, at in self._seen.items() if at >= before}


_OPEN = frozenset({"opened", "grown", "confirmed"})


def _pause(live: Live, now: float) -> float:
    age = now - live.record.opened_at.timestamp()
    return min(max(_TOLD_EVERY_S, _TOLD_PART * age), _TOLD_AT_LEAST_S)


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
