"""Compares the incidents that the watch opened with the causes of the simulation."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.incidents.traffic import WARM_UP_DAYS, Cause
from bench.incidents.watching import Observed
from schemas.incident import Incident, Pulse


@dataclass
class Matches:
    """The incident that found each cause, and the incidents that found none."""

    by_cause: dict[int, Incident] = field(default_factory=dict)
    false_alarms: list[Incident] = field(default_factory=list)
    split: int = 0
    """Further incidents of a cause that one has found already."""

    members_of_cause: int = 0
    other_members: int = 0


def match_causes(records: list[Incident | Pulse], observed: list[Observed]) -> Matches:
    """Give each opened incident the cause that most of its members have."""
    causes = {entry.observation.message: entry.cause for entry in observed}
    members: dict[str, Counter[int | None]] = defaultdict(Counter)
    opened: dict[str, Incident] = {}
    for record in records:
        if isinstance(record, Incident):
            members[record.id].update(causes[message] for message in record.messages)
            if record.status == "opened":
                opened.setdefault(record.id, record)
    matches = Matches()
    for identifier, record in opened.items():
        cause, count = members[identifier].most_common(1)[0]
        total = members[identifier].total()
        if cause is None or count < total / 2:
            matches.false_alarms.append(record)
        elif cause in matches.by_cause:
            matches.split += 1
        else:
            matches.by_cause[cause] = record
            matches.members_of_cause += count
            matches.other_members += total - count
    return matches


def score(
    matches: Matches, observed: list[Observed], causes: list[Cause], days: int
) -> dict[str, object]:
    """Return the figures: shares, minutes from the cause's beginning, and customers by then."""
    opened = matches.by_cause
    noticed = [cause for cause in causes if cause.number in opened]
    minutes, customers = [], []
    for cause in noticed:
        opened_at = opened[cause.number].opened_at.timestamp()
        minutes.append((opened_at - cause.begin) / 60)
        customers.append(
            sum(
                entry.cause == cause.number and entry.observation.written_at <= opened_at
                for entry in observed
            )
        )
    sizes: dict[str, list[bool]] = defaultdict(list)
    for cause in causes:
        sizes[_size(cause)].append(cause.number in opened)
    complaints = sum(cause.customers for cause in noticed)
    members = matches.members_of_cause + matches.other_members
    weeks = (days - WARM_UP_DAYS) / 7
    return {
        "found": f"{len(opened)} of {len(causes)}",
        "by_size": {size: f"{sum(hits)} of {len(hits)}" for size, hits in sorted(sizes.items())},
        "minutes_median": round(statistics.median(minutes), 1) if minutes else None,
        "minutes_p90": round(sorted(minutes)[int(len(minutes) * 0.9)], 1) if minutes else None,
        "customers_when_noticed_median": statistics.median(customers) if customers else None,
        "false_alarms_a_week": round(len(matches.false_alarms) / weeks, 2),
        "split": matches.split,
        "members_found": round(matches.members_of_cause / complaints, 3) if complaints else None,
        "members_wrong": round(matches.other_members / max(1, members), 3),
    }


def _size(cause: Cause) -> str:
    if cause.customers < 16:
        return "8-15"
    return "16-60" if cause.customers <= 60 else "61-400"


def list_mistakes(matches: Matches, causes: list[Cause]) -> Iterator[dict[str, object]]:
    """Yield each cause that no incident found, and each incident without a cause."""
    for cause in causes:
        if cause.number not in matches.by_cause:
            yield {"missed": cause.kind, "customers": cause.customers}
    for record in matches.false_alarms:
        yield {
            "false": record.title,
            "customers": record.customers,
            "score": record.score,
            "at": f"{record.opened_at:%a %H:%M}",
        }
