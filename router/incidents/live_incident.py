"""An incident in the watch's memory: its record, its members and what is not yet reported. Pure."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from router.incidents.observation import Observation
from router.incidents.signs import SignSet
from router.text.terms import topic_of, words_of_stems
from schemas.incident import MAX_NEW_MESSAGES, Incident, Sign, Status, apply_record

OPEN = frozenset({"opened", "grown", "confirmed"})

MAX_MEMBERS = 400
"""The latest members are enough to choose the signs again."""

_MAX_TITLE_WORDS = 4
_STRONG_SIGN_WEIGHT = 4.0
"""A strong sign is 55 times likelier than usual."""

_QUIET_CUSTOMERS = 2
_QUIET_SHARE_OF_BUSIEST = 0.1
"""An incident is over when a quiet span has at most this many customers, or at most this share of
its busiest span."""

_MIN_REPORT_INTERVAL_S = 10.0
_MAX_REPORT_INTERVAL_S = 60.0
_REPORT_INTERVAL_SHARE_OF_AGE = 0.02
"""Updates are spaced by 2 % of the incident's age, between the two limits."""


@dataclass
class LiveIncident:
    """An incident that is open, or that ended so recently that more of its messages may come."""

    record: Incident
    customers: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    recent_writers: deque[tuple[float, str]] = field(default_factory=deque)
    """Time and customer of the messages of the current quiet span."""

    members: deque[Observation] = field(default_factory=lambda: deque(maxlen=MAX_MEMBERS))
    unreported: list[tuple[str, str]] = field(default_factory=list)
    """Message and customer of the members that no record names yet."""

    departments: Counter[str] = field(default_factory=Counter)
    reported_at: float = 0.0
    busiest: int = 0
    """Customers of the busiest quiet span so far."""

    described_customers: int = 0
    """Customers at the time when the signs were chosen."""

    last_written_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the incident is neither ended nor merged into another."""
        return self.record.status in OPEN

    def join(self, observation: Observation) -> None:
        """Add a message; adding it again changes nothing."""
        if observation.message in self.messages:
            return
        self.messages.add(observation.message)
        self.unreported.append((observation.message, observation.customer))
        self.customers.add(observation.customer)
        self.recent_writers.append((observation.written_at, observation.customer))
        self.members.append(observation)
        self.departments[observation.department] += 1
        self.last_written_at = max(self.last_written_at, observation.written_at)

    def apply(self, record: Incident) -> None:
        """Apply a record by a person, or by the watch before a restart."""
        self.record = apply_record(self.record if self.messages else None, record)
        self.messages.update(record.messages)
        self.customers.update(record.writers)
        if not record.agent:
            last = (record.last_at or record.at).timestamp()
            self.last_written_at = max(self.last_written_at, last)
            self.recent_writers.extend((last, writer) for writer in record.writers)
            self.described_customers = max(self.described_customers, record.customers)

    def is_quiet(self, now: float, span_s: float) -> bool:
        """Say whether so few customers wrote within the last span that the incident is over."""
        while self.recent_writers and self.recent_writers[0][0] <= now - span_s:
            self.recent_writers.popleft()
        recent = len({customer for _, customer in self.recent_writers})
        self.busiest = max(self.busiest, recent)
        few = max(_QUIET_CUSTOMERS, _QUIET_SHARE_OF_BUSIEST * self.busiest)
        return recent <= few and now - self.last_written_at >= span_s / 4

    def needs_report(self, now: float) -> bool:
        """Say whether its new members are many, or have waited long enough for a record."""
        if not self.unreported:
            return False
        age = now - self.record.opened_at.timestamp()
        interval = max(_MIN_REPORT_INTERVAL_S, _REPORT_INTERVAL_SHARE_OF_AGE * age)
        waited = now - self.reported_at
        return (
            waited >= min(interval, _MAX_REPORT_INTERVAL_S)
            or len(self.unreported) >= MAX_NEW_MESSAGES
        )

    def needs_new_signs(self) -> bool:
        """Say whether it has twice as many customers as when its signs were chosen.

        After a restart only the ids of the earlier members are known. The signs are not chosen
        again from fewer than half of the members.
        """
        customers = len(self.customers)
        return customers >= 2 * self.described_customers and 2 * len(self.members) >= min(
            customers, MAX_MEMBERS
        )

    def describe(self, sign_set: SignSet) -> None:
        """Set the signs, and the words, topics and title which they give."""
        spellings = words_of_stems(member.text for member in self.members)
        signs = tuple(
            msgspec.structs.replace(
                sign, word=topic_of(sign.term) or spellings.get(sign.term, sign.term)
            )
            for sign in sign_set.signs
        )
        words = [sign.word for sign in signs if topic_of(sign.term) is None]
        topics = tuple(topic for sign in signs if (topic := topic_of(sign.term)))
        self.described_customers = len(self.customers)
        self.record = msgspec.structs.replace(
            self.record,
            signs=signs,
            needed=sign_set.needed,
            words=tuple(words),
            topics=topics,
            title=" · ".join(words[:_MAX_TITLE_WORDS] or topics),
        )

    def shares_strong_sign(self, signs: tuple[Sign, ...]) -> bool:
        """Say whether a strong sign of the incident, other than a topic, is among these."""
        strong = {
            sign.term
            for sign in signs
            if sign.weight >= _STRONG_SIGN_WEIGHT and not topic_of(sign.term)
        }
        return any(
            sign.weight >= _STRONG_SIGN_WEIGHT and sign.term in strong for sign in self.record.signs
        )

    def report(self, status: Status, now: float) -> list[Incident]:
        """Return the records of a step, as many as its new members need."""
        records = []
        while True:
            added = self.unreported[:MAX_NEW_MESSAGES]
            self.unreported = self.unreported[MAX_NEW_MESSAGES:]
            record = msgspec.structs.replace(
                self.record,
                status=status,
                customers=len(self.customers),
                at=datetime.fromtimestamp(now, UTC),
                messages=tuple(message for message, _ in added),
                writers=tuple(customer for _, customer in added),
                last_at=datetime.fromtimestamp(self.last_written_at, UTC),
                departments=tuple(name for name, _ in self.departments.most_common()),
                agent="",
            )
            records.append(record)
            if not self.unreported:
                break
            now += 0.001  # the records of one step have different times
            if status == "opened":
                status = "grown"
        self.reported_at = now
        self.record = apply_record(self.record, record)
        return records
