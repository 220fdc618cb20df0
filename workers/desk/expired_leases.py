"""Writes the outcome `expired` for each lease that ran out, and puts its item back in line.

Every desk process runs this loop. Redis notes an expired lease in the same step that puts its item
back, and forgets the note when Kafka has the outcome. The outcome's id derives from the lease, so
that two processes write the same one. It closes nothing. A lease that began before Redis lost or
changed its history gets none, because it may have been completed.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from runtime import metrics
from runtime.bus.following import Lag
from runtime.bus.publisher import Publisher
from runtime.health.faults import guard, is_outage
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import topics
from schemas.base import derived_id
from schemas.decision import WorkItem
from schemas.errors import Retry
from schemas.outcome import Outcome
from workers.desk.bodies import BodyReader, read_work_items
from workers.desk.records import build_outcome, time_from_ms
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import ExpiredLease

log = get(__name__)

STEP = "desk.expired"
_INTERVAL_S = 1.0
"""An item is back in line this long after its lease, even if nobody claims."""
_CLAIM_S = 30
"""Another process writes the outcome if the first one ended before it did."""


@dataclass(kw_only=True)
class ExpiredLeases:
    """The loop of one desk process."""

    settings: Settings
    desk_queue: DeskQueue
    bodies: BodyReader
    publisher: Publisher
    lag: Lag = field(default_factory=lambda: Lag("expired leases"))

    async def run(self) -> None:
        """Take expired leases back until cancelled; wait while Redis or Kafka is away."""
        while True:
            try:
                await self.check()
            except Exception as error:
                if not isinstance(error, Retry) and not is_outage(error):
                    raise
                self.lag.wait_for("its neighbours", _INTERVAL_S)
            else:
                self.lag.count_turn()
            await asyncio.sleep(_INTERVAL_S)

    async def check(self) -> int:
        """Put the items of expired leases back, and write their outcomes; return their number."""
        for department in self.settings.departments:
            count = await self.desk_queue.expire_leases(department)
            if count:
                metrics.count("santral_leases_expired_total", count, department=department)
        by_department: dict[str, list[ExpiredLease]] = defaultdict(list)
        for expired in await self.desk_queue.list_expired():
            if await self.desk_queue.use_once(f"expired:{expired.lease}", _CLAIM_S):
                by_department[expired.department].append(expired)
        written = 0
        for department, leases in by_department.items():
            shown = {expired.lease: expired.messages for expired in leases}
            work_items = await read_work_items(self.desk_queue, self.bodies, department, shown)
            for expired in leases:
                with guard(log, STEP, item=expired.item):
                    written += await self._write(expired, work_items[expired.lease])
        return written

    async def _write(self, expired: ExpiredLease, work_items: list[WorkItem]) -> bool:
        """Write the outcome, and forget the lease; one without a readable message gets none."""
        if work_items:
            outcome = build_expired(expired, work_items)
            await self.publisher.publish(topics.OUTCOMES, outcome, source="santral/desk")
            metrics.count("santral_outcomes_written_total", kind=outcome.kind)
        await self.desk_queue.forget_expired(expired.lease)
        return bool(work_items)


def build_expired(expired: ExpiredLease, work_items: list[WorkItem]) -> Outcome:
    """Return the outcome of a lease that ran out; each lease has one."""
    ended_at = time_from_ms(expired.ended_ms)
    outcome = build_outcome("expired", expired.item, "", work_items, expired.agent, ended_at)
    identifier = derived_id("outcome", "expired", expired.lease)
    return msgspec.structs.replace(outcome, id=identifier, by="automation")
