"""A cluster whose neighbours fail one after the other: two of three brokers, Redis, a mail server.

One run does the harm under traffic, and waits for answers by the other mail server meanwhile; each
test then asks one thing of it.
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
from tests.support.waiting import pass_time, settled, until, wait

pytestmark = pytest.mark.alone

# Flow is back within this time of its neighbour.
MAX_FLOW_S = 10.0
OUTAGE_S = 8.0
FAILOVER_S = 4.0
PLAN = Plan(postgres=False, stages=("console", "router", "recorder", "desk", "replies", "ingest"))
LOAD = Load(messages=20, mails=3, senders=10, agents=4)


@dataclass
class HarmReport:
    """The findings of one run of harms."""

    flow: dict[str, dict[str, float]] = field(default_factory=dict)
    exits: list[Exit] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unready: dict[str, dict[str, str]] = field(default_factory=dict)
    unaccounted: int = -1
    phases: dict[str, float] = field(default_factory=dict)


class Harmed:
    """A cluster under traffic, harmed on purpose."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.traffic = ClusterTraffic(cluster.front, LOAD)
        self.gauges = Gauges(cluster)
        self.report = HarmReport()
        self._since = time.monotonic()

    def _note(self, phase: str) -> None:
        """Note how long a phase of the run took, in seconds."""
        now = time.monotonic()
        self.report.phases[phase], self._since = round(now - self._since, 1), now

    async def _flow(self, neighbour: str) -> None:
        """Note how long the road pauses after a neighbour is back."""
        back = time.monotonic()
        self.report.flow[neighbour] = await asyncio.to_thread(
            wait_for_moves, self.gauges.moves(self.traffic.sightings), back, 60
        )

    async def run(self) -> HarmReport:
        """Do the harm, let all settle, and return what it showed."""
        good, sightings = self.cluster.mail["good"], self.traffic.sightings
        self.gauges.start()
        self.traffic.start()
        await until("an answer leaves by each server", self._answered, 30)
        self._note("first answers")
        mail_back = harms.lose_mail_server(self.cluster)
        before = sum(good.answers.values())
        brokers_back = await asyncio.to_thread(harms.kill_two, self.cluster)
        await pass_time(OUTAGE_S)
        assert brokers_back is not None
        brokers_back()
        await asyncio.to_thread(wait, "the brokers serve", self.cluster.brokers.is_serving, 180)
        await asyncio.to_thread(wait, "the brokers commit", self.cluster.brokers.commits, 60)
        self._note("brokers lost and back")
        back = time.monotonic()
        await self._flow("brokers")
        await until("the other server's answers leave", lambda: sum(good.answers.values()) > before)
        self.report.flow["brokers"]["answers"] = time.monotonic() - back
        self._note("flow after brokers")
        assert mail_back is not None
        mail_back()
        redis_back = await asyncio.to_thread(harms.fail_over_redis, self.cluster)
        await pass_time(FAILOVER_S)
        assert redis_back is not None
        redis_back()
        ready_by = time.monotonic() + MAX_FLOW_S
        await self._flow("redis")
        self._note("redis")
        await self.traffic.stop()
        totals = await asyncio.to_thread(wait, "the ledger settles", self.cluster.ledger, 60)
        self.report.unaccounted = totals["unaccounted"]
        self._note("ledger")
        self.report.broken = await self._settled_findings()
        self._note("verdict")
        self.gauges.stop()
        self.report.wrong = sightings.wrong
        self.report.exits = self.cluster.unwanted_exits()
        self.report.unready = await settled(self._unready_stages, ready_by - time.monotonic())
        return self.report

    def _answered(self) -> bool:
        return all(server.answers for server in self.cluster.mail.values())

    async def _unready_stages(self) -> dict[str, dict[str, str]]:
        """Return the problems of each stage that is not ready; a worker may still join its group."""
        return await asyncio.to_thread(
            lambda: {s.name: p for s in self.cluster.stages.values() if (p := s.problems())}
        )

    async def _settled_findings(self) -> list[str]:
        """Return what is broken once the parked answers left, or after a while without them."""
        return await settled(lambda: findings(self.cluster, self.traffic.sightings), 40)


@pytest.fixture(scope="module", name="report")
async def harmed() -> AsyncIterator[HarmReport]:
    """One run of harms on a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), PLAN)
        try:
            began = time.monotonic()
            await asyncio.to_thread(cluster.start)
            started = time.monotonic() - began
            report = await Harmed(cluster).run()
            print(f"\nstart {started:.0f} s, {report.phases}, {report}")  # noqa: T201 - the run's figures
            yield report
        finally:
            codes = await asyncio.to_thread(cluster.stop)
            print(f"exit codes {codes}")  # noqa: T201 - as above


async def test_every_gauge_moves_soon_after_two_of_three_brokers_are_back(
    report: HarmReport,
) -> None:
    assert {k: s for k, s in report.flow["brokers"].items() if s > MAX_FLOW_S} == {}


async def test_every_gauge_moves_soon_after_a_redis_failover(report: HarmReport) -> None:
    assert {k: s for k, s in report.flow["redis"].items() if s > MAX_FLOW_S} == {}


async def test_no_stage_ends_because_a_neighbour_is_away(report: HarmReport) -> None:
    assert report.exits == []


async def test_customers_and_agents_see_a_sentence_and_when_to_try_again(
    report: HarmReport,
) -> None:
    assert report.wrong == []


async def test_nothing_is_lost_doubled_or_done_twice(report: HarmReport) -> None:
    assert (report.broken, report.unaccounted) == ([], 0)


async def test_every_stage_is_ready_soon_again(report: HarmReport) -> None:
    assert report.unready == {}
