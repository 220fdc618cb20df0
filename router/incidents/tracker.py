"""The tracker opens, grows and closes the incidents of all brands. Pure.

watch/run.py gives it the observations and the time that all partitions have reached, and publishes
its records to incidents.v1 and pulses.v1. After a crash, `restore` takes these records, and the
watch reads the messages from `replay_since` again.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from router.decision.incident_match import match_incident, match_signs
from router.incidents.baseline import HOUR_S, Baseline, hour_of
from router.incidents.bursts import MEMORY_S, Burst, BurstDetector
from router.incidents.hour_counts import GRACE_S, HourCounts
from router.incidents.live_incident import LiveIncident
from router.incidents.observation import Observation
from router.incidents.signs import SignSet, choose_signs
from schemas.base import derived_id
from schemas.incident import Incident, Pulse, Status, resolve_merged

_REOPEN_WINDOW_S = 12 * HOUR_S
"""An incident that closes for the night opens again in the morning."""


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """The limits at which an incident opens and closes.

    A burst has at least `min_customers`, and is likelier than usual by at least `min_score`, as a
    natural logarithm. A brand has at least `min_messages` before it can have an incident. An
    incident ends after `quiet_s` with few messages.
    """

    min_customers: int = 5
    min_score: float = 12.0
    min_messages: int = 300
    quiet_s: float = 3600.0


class IncidentTracker:
    """The incidents of all brands; `unpublished` are its new records in their order."""

    def __init__(self, options: TrackerOptions) -> None:
        self._options = options
        self._baselines: defaultdict[str, Baseline] = defaultdict(Baseline)
        self._detectors: dict[str, BurstDetector] = {}
        self._hours = HourCounts()
        self._live: dict[str, LiveIncident] = {}
        self._observed: dict[str, float] = {}
        """When each recent message was written, by its id."""

        self._applied: set[tuple[str, str, datetime]] = set()
        """Incident, step and time of each record of a person."""

        self.unpublished: deque[Incident | Pulse] = deque()

    def restore(self, pulses: Iterable[Pulse], records: Iterable[Incident]) -> None:
        """Take the records from before a restart; the last hour is counted again from its start."""
        for pulse in pulses:
            hour = hour_of(pulse.hour.timestamp())
            self._baselines[pulse.brand].add(hour, pulse.messages, pulse.terms)
            self._hours.reopen_from(hour)
        for record in records:
            self.apply(record)

    def replay_since(self, now: float) -> float:
        """Return the time, in seconds, from which the messages are needed after `restore`."""
        counted_until = self._hours.open_since
        return now - MEMORY_S if counted_until is None else min(counted_until, now - MEMORY_S)

    def open_incidents(self) -> list[Incident]:
        """Return the incidents that are neither ended nor merged into another."""
        return [live.record for live in self._live.values() if live.is_open]

    def apply(self, record: Incident) -> None:
        """Apply a record by a person, or by the watch before a restart."""
        if record.agent:
            key = (record.id, record.status, record.at)
            if key in self._applied:
                return
            self._applied.add(key)
        live = self._live.get(record.id)
        if live is None:
            if record.agent:
                return  # the incident ended long ago
            live = self._live[record.id] = LiveIncident(record=record)
        live.apply(record)

    def observe(self, observation: Observation) -> None:
        """Take one message; taking it again changes nothing."""
        if observation.message in self._observed:
            return
        self._observed[observation.message] = observation.written_at
        if any(observation.message in live.messages for live in self._live.values()):
            return  # a record from before a restart names it
        detector = self._detector(observation.brand)
        live = self._find_incident(observation)
        if live is not None and live.record.status != "dismissed":
            live.join(observation)
            return
        if observation.trouble:
            self._hours.add(observation)
        if live is not None:
            # People dismissed the incident, so its messages open no other one.
            live.last_written_at = max(live.last_written_at, observation.written_at)
            return
        burst = detector.observe(observation)
        if burst is not None:
            self._take_burst(observation, burst)

    def advance(self, now: float) -> None:
        """Let the time reach `now`: report growth, close quiet incidents and past hours."""
        for identifier, live in list(self._live.items()):
            is_quiet = live.is_quiet(now, self._options.quiet_s)
            if live.is_open:
                if is_quiet:
                    self._report(live, "closed", now)
                elif live.needs_report(now):
                    self._refresh_signs(live)
                    self._report(live, "grown", now)
            elif now - live.last_written_at > _REOPEN_WINDOW_S and not self._is_merged_open(live):
                del self._live[identifier]
        self._close_hours(now)

    def _detector(self, brand: str) -> BurstDetector:
        if brand not in self._detectors:
            options = self._options
            self._detectors[brand] = BurstDetector(
                self._baselines[brand],
                options.min_customers,
                options.min_score,
                options.min_messages,
            )
        return self._detectors[brand]

    def _is_merged_open(self, live: LiveIncident) -> bool:
        """Say whether it was merged into an open incident, which its signs still serve."""
        target = self._live.get(live.record.merged_into or "")
        return target is not None and target.is_open

    def _find_incident(self, observation: Observation) -> LiveIncident | None:
        """Return the incident of a message, by the router's match or else by the signs."""
        live = self._live.get(observation.incident or "")
        if live is None or live.record.status == "closed":
            candidates = [
                candidate.record
                for candidate in self._live.values()
                if candidate.record.brand == observation.brand
                and candidate.record.status != "closed"
            ]
            match = match_incident(observation.terms, observation.trouble, candidates)
            live = self._live[match.incident.id] if match else None
        main = resolve_merged(live.record, self._find_record) if live else None
        return self._live[main.id] if main is not None and main.status != "closed" else None

    def _find_record(self, identifier: str) -> Incident | None:
        live = self._live.get(identifier)
        return live.record if live else None

    def _take_burst(self, observation: Observation, burst: Burst) -> None:
        """Add a burst to an open incident with its signs, or open an incident, or reopen one."""
        for member in burst.members:
            self._hours.remove(member)
        brand = observation.brand
        self._detector(brand).take_out(burst.members)
        members = sorted(burst.members, key=lambda member: member.written_at)
        same = self._find_same_signs(brand, burst)
        if same is not None:
            for member in members:
                same.join(member)
            same.described_customers = 0  # the new members use other words
            return
        live = self._find_reopening(brand, burst)
        if live is None:
            record = _new_incident(members[0], observation.written_at, burst)
            live = self._live[record.id] = LiveIncident(record=record)
        for member in members:
            live.join(member)
        live.describe(SignSet(burst.signs, burst.needed))
        self._report(live, "opened", observation.written_at)

    def _find_reopening(self, brand: str, burst: Burst) -> LiveIncident | None:
        """Return the recently closed incident that most members of a burst match."""
        for live in self._live.values():
            record = live.record
            if record.brand != brand or record.status != "closed":
                continue
            matching = [
                member
                for member in burst.members
                if match_signs(member.terms, True, record.signs, record.needed)
            ]
            if len(matching) > len(burst.members) / 2:
                return live
        return None

    def _find_same_signs(self, brand: str, burst: Burst) -> LiveIncident | None:
        """Return the open incident that shares a strong sign with a burst."""
        for live in self._live.values():
            if live.record.brand == brand and live.is_open and live.shares_strong_sign(burst.signs):
                return live
        return None

    def _refresh_signs(self, live: LiveIncident) -> None:
        if not live.needs_new_signs():
            return
        brand = live.record.brand
        sign_set = choose_signs(
            list(live.members),
            self._detector(brand).unassigned(),
            self._baselines[brand],
            self._options.min_customers,
        )
        if sign_set is not None:
            live.describe(sign_set)

    def _report(self, live: LiveIncident, status: Status, now: float) -> None:
        self.unpublished.extend(live.report(status, now))

    def _close_hours(self, now: float) -> None:
        """Add the past hours to the baselines, and forget messages that no restart repeats."""
        first_open = self._hours.open_since
        for pulse in self._hours.close(now):
            hour = hour_of(pulse.hour.timestamp())
            self._baselines[pulse.brand].add(hour, pulse.messages, pulse.terms)
            self.unpublished.append(pulse)
        if self._hours.open_since != first_open:
            last_closed = (hour_of(now - GRACE_S) - 1) * HOUR_S
            oldest = min(last_closed, now - MEMORY_S) - MEMORY_S
            self._observed = {
                message: written_at
                for message, written_at in self._observed.items()
                if written_at >= oldest
            }


def _new_incident(first: Observation, now: float, burst: Burst) -> Incident:
    """Return the record of a new incident, whose id follows from its first message."""
    opened_at = datetime.fromtimestamp(now, UTC)
    return Incident(
        id=derived_id("incident", first.brand, first.message, burst.term),
        brand=first.brand,
        status="opened",
        title="",
        opened_at=opened_at,
        at=opened_at,
        usual=round(burst.usual, 3),
        seconds=burst.seconds,
        score=round(burst.score, 1),
    )
