"""The leader of three brokers freezes: work continues without it, and at once after its return.

A frozen broker is worse than a dead one, since its connections stay open and new ones seem to
succeed. The other brokers replace it after 9 s (broker.session.timeout.ms), and the clients must
leave it.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.faults import harms
from tests.support.cluster.cluster import Cluster, Plan
from tests.support.cluster.gauges import Gauges, wait_for_moves
from tests.support.cluster.supervised import Exit
from tests.support.cluster.traffic import ClusterTraffic, Load
from tests.support.cluster.verdict import findings
from tests.support.waiting import settled, until, wait

pytestmark = [pytest.mark.alone, pytest.mark.certify]

MAX_FLOW_S = 10.0
"""Every gauge moves within this time of the broker's return."""
OUTAGE_S = 40.0
LEAVE_S = 28.0
"""Every gauge moves again within this time of the freeze: the brokers replace their member after
9 s, a client gives up its request to it after 12 s, and then connects again."""
SETTLE_S = 40.0
"""The last acknowledgements and answers leave within this time after the ledger settles."""
PLAN = Plan(postgres=False, stages=("console", "router", "recorder", "desk", "replies", "ingest"))
LOAD = Load(messages=20, mails=3, senders=10, agents=4)


@dataclass
class FreezeReport:
    """The seconds until each gauge moved, and the broken promises."""

    without_leader: dict[str, float] = field(default_factory=dict)
    after_return: dict[str, float] = field(default_factory=dict)
    exits: list[Exit] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    unready: dict[str, dict[str, str]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)


async def _freeze(cluster: Cluster) -> FreezeReport:
    """Freeze the leader under traffic, let it run again, and return the report."""
    traffic, gauges, report = ClusterTraffic(cluster.front, LOAD), Gauges(cluster), FreezeReport()
    sightings = traffic.sightings
    gauges.start()
    traffic.start()
    servers = cluster.mail.values()
    await until("an answer leaves by each server", lambda: all(s.answers for s in servers), 30)
    thaw = await asyncio.to_thread(harms.freeze_leader, cluster)
    began = time.monotonic()
    await until("the others replace it", lambda: time.monotonic() - began > LEAVE_S, OUTAGE_S)
    left_s = OUTAGE_S - LEAVE_S
    report.without_leader = await asyncio.to_thread(
        wait_for_moves, gauges.moves(sightings), time.monotonic(), left_s
    )
    await until("the outage ends", lambda: time.monotonic() - began > OUTAGE_S, OUTAGE_S)
    assert thaw is not None
    thaw()
    back = time.monotonic()
    report.after_return = await asyncio.to_thread(wait_for_moves, gauges.moves(sightings), back, 60)
    await traffic.stop()
    await asyncio.to_thread(wait, "the ledger settles", cluster.ledger, 60)
    gauges.stop()
    report.broken = await settled(lambda: findings(cluster, sightings), SETTLE_S)
    report.refusals = {k: n for k, n in sightings.statuses.items() if k.endswith("503")}
    report.exits = cluster.unwanted_exits()
    stages = cluster.stages.values()
    report.unready = {s.name: problems for s in stages if (problems := s.problems())}
    return report


@pytest.fixture(scope="module", name="report")
async def frozen() -> AsyncIterator[FreezeReport]:
    """One freeze of the leader, on a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), PLAN)
        try:
            await asyncio.to_thread(cluster.start)
            report = await _freeze(cluster)
            print(f"\n{report}")  # noqa: T201 - the run's figures
            yield report
        finally:
            await asyncio.to_thread(cluster.stop)


async def test_every_gauge_moves_without_the_frozen_leader(report: FreezeReport) -> None:
    limit_s = OUTAGE_S - LEAVE_S
    assert {k: s for k, s in report.without_leader.items() if s >= limit_s} == {}


async def test_every_gauge_moves_soon_after_the_return_of_the_leader(report: FreezeReport) -> None:
    assert {k: s for k, s in report.after_return.items() if s > MAX_FLOW_S} == {}


async def test_no_stage_ends_and_every_stage_is_ready_again(report: FreezeReport) -> None:
    assert (report.exits, report.unready) == ([], {})


async def test_nothing_is_lost_doubled_or_done_twice(report: FreezeReport) -> None:
    assert report.broken == []
