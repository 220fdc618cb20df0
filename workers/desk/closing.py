"""Closes an item so that two agents' acts on it never both count.

One script checks the lease and marks the item with the ids of the outcomes that will come; claims
pass over it. The outcomes go to Kafka, and the feed ends the closing when it reads them. An agent
gets an answer when the feed says that these outcomes are the first for their messages. While the
feed is late, the mark confirms the outcomes by itself, unless Redis has changed: no other agent can
have claimed the item. Without a confirmation in time, as in a rebuild, outcomes.v1 itself decides,
read from the position at which the messages waited.
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
"""An act waits this long for the feed, which takes 20 ms, before the mark alone confirms it."""
CONFIRM_S = 3.0
"""An act waits this long for a confirmation before its agent must try again."""
_POLL_INTERVALS_S = (0.004, 0.008, 0.016, 0.025)
"""The pauses between questions to Redis; the last one repeats."""

Publish = Callable[[Outcome], Awaitable[tuple[int, int]]]
"""Publishes an outcome; returns its partition and offset."""


@dataclass(frozen=True, kw_only=True)
class Closer:
    """Closes items; without an `outcome_order` only Redis confirms a closing."""

    desk_queue: DeskQueue
    clock: Clock
    publish: Publish
    outcome_order: OutcomeOrder | None = None

    async def close(self, lease: Lease, verb: str, outcomes: Sequence[Outcome]) -> None:
        """Close an item's messages by `outcomes`; return when they count.

        Raises LeaseLost if another agent was first, and Retry if that is not certain in time. The
        same agent may then repeat the same verb, whose outcomes have the same ids.
        """
        ids = [outcome.id for outcome in outcomes]
        history = await self.desk_queue.mark_closing(lease.item, lease.lease, verb, ids)
        number, last = await self._publish_all(outcomes)
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
                "your act is written, but the desk can't confirm yet that it counts: send it again",
            )
        if answer == "superseded":
            log.warning("desk.superseded", item=lease.item, agent=lease.agent, verb=verb)
            raise LeaseLost("another agent finished the item first: your action does not count")

    async def _publish_all(self, outcomes: Sequence[Outcome]) -> tuple[int, int]:
        """Publish outcomes of one conversation; return their partition and the last offset.

        Every outcome is on its way before the first error is raised.
        """
        results = await asyncio.gather(*map(self.publish, outcomes), return_exceptions=True)
        positions = []
        for result in results:
            if isinstance(result, BaseException):
                raise result
            positions.append(result)
        return positions[0][0], max(offset for _, offset in positions)


def first_closings(
    written: Iterable[Outcome], closes: Iterable[tuple[str, int, str]]
) -> Confirmation:
    """Say whether `closes`, as message, hops and outcome, are the first of their messages.

    `written` begins at the position at which these messages waited.
    """
    first: dict[tuple[str, int], str] = {}
    for outcome in written:
        for message_hops in closed_messages(outcome):
            first.setdefault(message_hops, outcome.id)
    winners = [(first.get((message, hops)), outcome) for message, hops, outcome in closes]
    if any(winner not in (None, outcome) for winner, outcome in winners):
        return "superseded"
    return "counted" if all(winner == outcome for winner, outcome in winners) else "unknown"


async def _confirmation(clock: Clock, ask: Callable[[], Awaitable[Confirmation]]) -> Confirmation:
    """Return `counted` or `superseded`, or `unknown` if Redis does not know it in time."""
    begin, polls = clock.monotonic(), iter(_POLL_INTERVALS_S)
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
        await asyncio.sleep(next(polls, _POLL_INTERVALS_S[-1]))
    return "unknown"
