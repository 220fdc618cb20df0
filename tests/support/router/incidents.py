"""Invented incidents, the observations that open them, and a tracker that knows ordinary days."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from router.incidents.baseline import HOUR_S
from router.incidents.observation import Observation
from router.incidents.tracker import IncidentTracker, TrackerOptions
from router.text.terms import find_terms
from schemas.incident import Incident, Sign
from schemas.text.fold import fold
from tests.support.messages import NOW
from tests.support.router.outage import DAYS, EVERYDAY, OUTAGE, ordinary_pulses

_MESSAGES_AN_HOUR = 30

SIGNS = (
    Sign(term="kadik", word="Kadıköy", share=0.9, weight=5.0),
    Sign(term="inter", word="internet", share=0.8, weight=1.6),
)


def incident(identifier: str = "i1", **changes: object) -> Incident:
    """Return an open incident; `changes` replace fields of it."""
    fields: dict[str, object] = {
        "id": identifier,
        "brand": "default",
        "status": "opened",
        "title": "Kadıköy · internet",
        "signs": SIGNS,
        "needed": 4.0,
        "customers": 7,
        "opened_at": NOW,
        "at": NOW,
    }
    return Incident(**(fields | changes))  # type: ignore[arg-type]  # the tests name the fields


def verdict(about: Incident, status: str, seconds: float, **changes: object) -> Incident:
    """Return a person's record about an incident, at a time in seconds."""
    return msgspec.structs.replace(
        about,
        status=status,
        agent="ada",
        at=datetime.fromtimestamp(seconds, UTC),
        messages=(),
        writers=(),
        signs=(),
        **changes,
    )


def observation(
    text: str,
    written_at: float,
    customer: str,
    *,
    trouble: bool = True,
    brand: str = "acme",
    topics: Iterable[str] = (),
) -> Observation:
    """Return an observation, whose id follows from its customer and time."""
    return Observation(
        message=f"{customer}/{written_at:.3f}",
        brand=brand,
        written_at=written_at,
        customer=customer,
        trouble=trouble,
        terms=find_terms(fold(text), topics),
        department="technical",
        text=text,
    )


def trained_tracker(days: int = DAYS) -> IncidentTracker:
    """Return a tracker that knows ordinary days."""
    tracker = IncidentTracker(TrackerOptions())
    tracker.restore(ordinary_pulses(days), [])
    return tracker


def records(tracker: IncidentTracker, status: str) -> list[Incident]:
    """Return the unpublished records of a step."""
    return [r for r in tracker.unpublished if isinstance(r, Incident) and r.status == status]


def play_outage(tracker: IncidentTracker, begin: float, count: int, first: int = 0) -> float:
    """Let `count` customers write of an outage, one every 30 s; return the time of the end."""
    for n in range(first, first + count):
        text, written_at = OUTAGE[n % len(OUTAGE)], begin + (n - first) * 30
        tracker.observe(observation(text, written_at, f"c{n}"))
    return begin + count * 30


def play_ordinary(tracker: IncidentTracker, begin: float, hours: float) -> float:
    """Let ordinary messages come for some hours; return the time of the end."""
    rng = random.Random(3)
    count = round(hours * _MESSAGES_AN_HOUR)
    for n in range(count):
        now = begin + n * hours * HOUR_S / count
        tracker.observe(observation(rng.choice(EVERYDAY), now, f"e{now:.1f}"))
        tracker.advance(now)
    return begin + hours * HOUR_S
