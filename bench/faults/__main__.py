"""`python -m bench.faults` prints one row for each fault of a cluster, for docs/acceptance/neighbours.md.

harms.py does the harm. A row has the pauses at the door, in the queues, in the store and of
claims, what customers and agents saw, exits, readiness, and the time until all flows again.
`--tree` runs the stages of another checkout, for a row of before. `--only` names some faults.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.faults.harms import FAULTS, HarmPlan
from tests.support.cluster.cluster import Cluster, Plan
from tests.support.cluster.gauges import Gauges, count_problems, longest_gap, wait_for_moves
from tests.support.cluster.traffic import ClusterTraffic, Load
from tests.support.cluster.verdict import findings
from tests.support.paths import ROOT
from tests.support.waiting import settled, wait

_WARM_S = 6.0
_CALM_S = 6.0
_FLOW_S = 120.0
_SERVING_S = 300.0  # three Javas on a busy machine
_READY_S = 120.0
_SETTLE_S = 150
# Statuses that say nothing of a fault.
_USUAL = ("200", "202", "250", "404", "409")
HEAD = (
    "| fault | door | queue | recorder | claims | max a→q | flow after | senders and agents saw "
    "| exits | not ready |\n|---|---|---|---|---|---|---|---|---|---|"
)


class Run:
    """One cluster under traffic, and the rows of its faults."""

    def __init__(self, cluster: Cluster, traffic: ClusterTraffic, gauges: Gauges) -> None:
        self._cluster, self._traffic, self._gauges = cluster, traffic, gauges

    async def fault(self, name: str, fault: HarmPlan) -> dict[str, Any]:
        """Do one harm, undo it, wait until all flows, return the row once every stage is ready."""
        sightings, gauges = self._traffic.sightings, self._gauges
        sightings.statuses.clear()
        gauges.unready.clear()
        wrong, began, began_at = len(sightings.wrong), time.monotonic(), datetime.now(UTC)
        undo = await asyncio.to_thread(fault.harm, self._cluster)
        await asyncio.sleep(fault.seconds)
        if undo is not None:
            await asyncio.to_thread(undo)
        back = time.monotonic()
        moves = gauges.moves(sightings)
        serving = asyncio.create_task(self._serving_s(back) if fault.brokers else _nothing())
        flow = await asyncio.to_thread(wait_for_moves, moves, back, _FLOW_S)
        await asyncio.sleep(_CALM_S)
        until = time.monotonic()
        late = [
            gauges.queued.get(message, until) - accepted
            for message, accepted in sightings.accepted_at.items()
            if began - 1 < accepted < until - 2
        ]
        exits = self._cluster.unwanted_exits(began)
        row = {
            "fault": name,
            "text": fault.text,
            "began_at": began_at.isoformat(),
            "load": os.getloadavg()[0],
            **{k: longest_gap(list(gauge()), began, until) for k, gauge in moves.items()},
            "slowest": max(late, default=0.0),
            "flow": max(flow.values()),
            "flows": flow,
            "serving": await serving,
            "statuses": {
                k: v for k, v in sightings.statuses.items() if k.split()[-1] not in _USUAL
            },
            "wrong": len(sightings.wrong) - wrong,
            "exits": [f"{end.stage} {end.code}" for end in exits],
            "unready": count_problems(gauges.unready),
        }
        if fault.brokers:
            await asyncio.to_thread(self._cluster.brokers.wait_whole)
        await asyncio.to_thread(self._cluster.wait_ready, _READY_S)
        return row

    async def _serving_s(self, back: float) -> float:
        """Return the seconds from a moment until the brokers commit what a new client writes."""
        for look in (self._cluster.brokers.is_serving, self._cluster.brokers.commits):
            await asyncio.to_thread(wait, "the brokers serve", look, _SERVING_S)
        return time.monotonic() - back


async def _nothing() -> float:
    return 0.0


def summarise(statuses: dict[str, int]) -> dict[str, int]:
    """Return how often each status came, whatever was tried; an error of a socket has none."""
    totals: Counter[str] = Counter()
    for words, count in statuses.items():
        status = words.split()[-1]
        totals[status if status.isdigit() else "no connection"] += count
    return dict(sorted(totals.items()))


def markdown(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    numbers = [row[key] for key in ("door", "queue", "recorder", "claims", "slowest")]
    flow = f"{row['flow']:.1f}"
    if row["serving"]:
        flow += f" (brokers {row['serving']:.1f})"
    statuses = ", ".join(f"{n} × {what}" for what, n in summarise(row["statuses"]).items())
    wrong = f" **{row['wrong']} × plain 5xx**" if row["wrong"] else ""
    exits = ", ".join(row["exits"]) or "none"
    unready = ", ".join(f"{name} {problems['s']} s" for name, problems in row["unready"].items())
    cells = [row["text"], *(f"{n:.1f}" for n in numbers), flow, (statuses or "nothing") + wrong]
    return "| " + " | ".join([*cells, exits, unready or "–"]) + " |"


async def measure(cluster: Cluster, names: list[str], load: Load) -> list[str]:
    """Print a row for each fault; return what was broken at rest."""
    traffic = ClusterTraffic(cluster.front, load)
    gauges = Gauges(cluster).start()
    run = Run(cluster, traffic, gauges)
    traffic.start()
    await asyncio.sleep(_WARM_S)
    rows = []
    for name in names:
        row = await run.fault(name, FAULTS[name])
        rows.append(row)
        print(markdown(row), flush=True)
        print(json.dumps(row, ensure_ascii=False), file=sys.stderr, flush=True)
        if failures := traffic.failures():
            raise failures[0]
    await traffic.stop()
    totals: dict[str, Any] = {}
    deadline = time.monotonic() + _SETTLE_S
    while not totals and time.monotonic() < deadline:
        totals = await asyncio.to_thread(cluster.ledger)
    gauges.stop()
    broken = await settled(lambda: findings(cluster, traffic.sightings), _SETTLE_S)
    if not totals:
        broken.append(f"the ledger did not settle within {_SETTLE_S} s")
    sightings = traffic.sightings
    print(
        f"\nat rest: {len(sightings.accepted)} messages and {len(sightings.mailed)} mails accepted, "
        f"{len(sightings.closed)} acts, {len(sightings.answers)} answers; ledger {totals.get('unaccounted')}; "
        + ("; ".join(broken) or "nothing lost, doubled or out of order"),
        flush=True,
    )
    loads = [row["load"] for row in rows]
    print(
        f"load average {min(loads):.0f} to {max(loads):.0f} on {os.cpu_count()} cores", flush=True
    )
    return broken


def absent_kafka(tree: Path) -> dict[str, Any]:
    """Start every stage without Kafka, and Kafka 20 s later; return who ended and when all ran."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
        cluster = Cluster(Path(folder), Plan(tree=tree))
        try:
            cluster.start_neighbours()
            cluster.brokers.stop()
            cluster.start_stages()
            time.sleep(20)
            exits = [f"{end.stage} {end.code}" for end in cluster.unwanted_exits()]
            cluster.brokers.start()
            began = time.monotonic()
            cluster.wait_ready(180)
            return {"exits": exits, "ready_s": round(time.monotonic() - began, 1)}
        finally:
            cluster.stop()


def main() -> None:
    """Measure the faults that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*FAULTS, "absent"], default=[*FAULTS, "absent"]
    )
    parser.add_argument("--tree", type=Path, default=ROOT, help="a checkout whose stages run")
    parser.add_argument("--rate", type=float, default=Load.messages, help="messages a second")
    parser.add_argument("--logs", type=Path, help="a folder that keeps the stages' logs")
    chosen = parser.parse_args()
    names = [name for name in chosen.only if name != "absent"]
    broken: list[str] = []
    if names:
        print(HEAD, flush=True)
        with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
            cluster = Cluster(
                Path(folder), Plan(tree=chosen.tree.absolute(), archive_disk="disk" in names)
            )
            try:
                cluster.start()
                broken = asyncio.run(measure(cluster, names, Load(messages=chosen.rate)))
            finally:
                codes = cluster.stop()
                print(f"exit codes at the end: {codes}", flush=True)
                if chosen.logs:
                    for log in (Path(folder) / "log").iterdir():
                        chosen.logs.mkdir(parents=True, exist_ok=True)
                        (chosen.logs / log.name).write_bytes(log.read_bytes())
    if "absent" in chosen.only:
        print(f"Kafka absent at start, 20 s: {absent_kafka(chosen.tree.absolute())}", flush=True)
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
