"""Closes an item so that no two agents' acts on it both count.

Before: desk.py made the outcomes. After: outcomes.v1, whose order is the truth. One script checks
the lease and marks the item with the ids of the outcomes to come; claims pass over it. The outcomes
go to Kafka, and the feed ends the closing when it reads them. An agent gets an answer when the feed
says that these outcomes are the first for their messages. While the feed is late, an unbroken mark
in an unchanged Redis is enough: no other agent can have had the item. Where neither is there in
time, as in a rebuild, outcomes.v1 itself is read from where the lines had the messages waiting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from runtime.clock import Clock
from runtime.health.faults import is_outage
from runtime.log import get
from schemas import topics
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.outcome import Outcome, closed_messages
from workers.desk.outcome_order import OutcomeOrder
from workers.desk_queue.queue import Confirmation, DeskQueue
from workers.desk_queue.values import Lease, LeaseLost

log = get(__name__)

FEED_S = 0.5
"""How long an act waits for the feed before the mark alone confirms it; the feed takes 20 ms."""
CONFIRM_S = 3.0
"""How long an act waits for a confirmation before its agent must try again."""
_POLL_S = (0.004, 0.008, 0.016, 0.025)

Publish = Callable[[Outcome], Awaitable[tuple[int, int]]]


@dataclass(frozen=True, kw_only=True)
class Closer:
    """Closes items; without an `order` only Redis confirms it."""

    desk_queue: DeskQueue
    clock: Clock
    publish: Publish
    outcome_order: OutcomeOrder | None = None

    async def close(self, lease: Lease, verb: str, outcomes: Sequence[Outcome]) -> None:
        """Close an item's messages by `outcomes`; return when they count.

        Raises LeaseLost when another agent was first, Retry when that is not certain in time. The
        same agent may then repeat the same verb: the outcomes have the same ids.
        """
        ids = [outcome.id for outcome in outcomes]
        history = await self.desk_queue.mark_closing(lease.item, lease.lease, verb, ids)
        results = await asyncio.gather(*map(self.publish, outcomes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        records = [result for result in results if isinstance(result, tuple)]
        number, last = records[0][0], max(offset for _, offset in records)
        partition = f"{topics.OUTCOMES.name}/{number}"
        closes = [(m, hops, o.id) for o in outcomes for m, hops in closed_messages(o)]

        async def ask() -> Confirmation:
            return await self.desk_queue.confirm(lease, partition, last, history, closes)

        answer = await _confirmation(self.clock, ask)
        if answer == "unknown" and self.outcome_order is not None and partition in lease.reached:
            written = await self.outcome_order.read(number, lease.reached[partition], last + 1)
            answer = first_closings(written, closes)
        if answer == "unknown":
            raise Retry(
                NEIGHBOUR_S,
                "it is written, but the desk can't confirm yet that it counts: send it again",
            )
        if answer == "superseded":
            log.warning("desk.superseded", item=lease.item, agent=lease.agent, verb=verb)
            raise LeaseLost(
                "another agent finished the item first: what you did does not count for it"
            )


def first_closings(
    written: Iterable[Outcome], closes: Iterable[tuple[str, int, str]]
) -> Confirmation:
    """Say whether `closes` (message, hops, outcome) are the first of their messages in `written`,
    which begins where these messages waited."""
    first: dict[tuple[str, int], str] = {}
    for outcome in written:
        for place in closed_messages(outcome):
            first.setdefault(place, outcome.id)
    winners = [(first.get((message, hops)), outcome) for message, hops, outcome in closes]
    if any(winner not in (None, outcome) for winner, outcome in winners):
        return "superseded"
    return "counted" if all(winner == outcome for winner, outcome in winners) else "unknown"


async def _confirmation(clock: Clock, ask: Callable[[], Awaitable[Confirmation]]) -> Confirmation:
    """Return `counted` or `superseded`, `unknown` if Redis can't say it in time."""
    begin, polls = clock.monotonic(), iter(_POLL_S)
    while (waited := clock.monotonic() - begin) < CONFIRM_S:
        try:
            answer = await ask()
        except Exception as error:
            if not is_outage(error):
                raise
            answer = "early"
        if answer in ("counted", "superseded"):
            return answer
        if answer == "alone" and waited >= FEED_S:
            return "counted"
        if answer == "unknown":
            break
        await asyncio.sleep(next(polls, _POLL_S[-1]))
    return "unknown"
