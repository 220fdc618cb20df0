"""A killed watch continues from its own records without a trace of the kill."""

import random
from collections.abc import Sequence

import pytest

from router.incidents.baseline import HOUR_S
from router.incidents.hour_counts import GRACE_S
from router.incidents.observation import Observation
from router.incidents.tracker import IncidentTracker, TrackerOptions
from schemas.incident import Incident, Pulse
from tests.support.router.incidents import (
    observation,
    trained_tracker,
)
from tests.support.router.outage import EVERYDAY, OUTAGE, START, ordinary_pulses


def _traffic() -> list[Observation]:
    """Return six hours of ordinary messages, with an outage of 60 customers in the fourth."""
    rng = random.Random(5)
    ordinary = [observation(rng.choice(EVERYDAY), START + n * 60, f"e{n}") for n in range(6 * 60)]
    outage = [
        observation(OUTAGE[n % len(OUTAGE)], START + 3 * HOUR_S + n * 45, f"c{n}")
        for n in range(60)
    ]
    return sorted(ordinary + outage, key=lambda o: o.written_at)


def _restart(published: Sequence[Incident | Pulse]) -> IncidentTracker:
    tracker = IncidentTracker(TrackerOptions())
    tracker.restore(
        [*ordinary_pulses(), *(r for r in published if isinstance(r, Pulse))],
        [r for r in published if isinstance(r, Incident)],
    )
    return tracker


def _play(traffic: list[Observation], kill_index: int | None) -> list[Incident | Pulse]:
    """Return the records of the traffic, with a restart before one message."""
    tracker, published, index = trained_tracker(), list[Incident | Pulse](), 0
    while index < len(traffic):
        now = traffic[index].written_at
        if index == kill_index:
            kill_index = None
            tracker = _restart(published)
            while index and traffic[index - 1].written_at >= tracker.replay_since(now):
                index -= 1
            continue
        tracker.observe(traffic[index])
        tracker.advance(now)
        published += tracker.unpublished
        tracker.unpublished.clear()
        index += 1
    tracker.advance(traffic[-1].written_at + 60 + GRACE_S)
    return [*published, *tracker.unpublished]


@pytest.mark.parametrize("kill_at", [0.1, 0.35, 0.5, 0.75, 0.95])
def test_a_kill_changes_no_incident_and_no_hour(kill_at: float) -> None:
    traffic = _traffic()
    undisturbed, killed = _play(traffic, None), _play(traffic, round(len(traffic) * kill_at))
    for status in ("opened", "closed"):
        expected, after_kill = (
            [(r.id, r.opened_at) for r in run if isinstance(r, Incident) and r.status == status]
            for run in (undisturbed, killed)
        )
        assert expected == after_kill, status
    for run in (undisturbed, killed):
        members = [m for r in run if isinstance(r, Incident) for m in r.messages]
        assert len(members) == len(set(members)) == 60
    hours = [
        {r.hour: (r.messages, r.terms) for r in run if isinstance(r, Pulse)}
        for run in (undisturbed, killed)
    ]
    assert hours[0] == hours[1]
