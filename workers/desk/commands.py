"""The department's desk: claim, heartbeat, reply, complete, release, reroute, escalate.

Before: desk_feed/feed.py keeps the lines. After: outcomes.v1 and replies.v1. Every act first checks
and extends the lease. closing.py does what closes an item; for all else the outcome goes to Kafka
and is acknowledged, only then the line changes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from runtime import metrics
from runtime.bus.bus import Publisher
from runtime.clock import Clock
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import Claimed, ClaimIn, Done, Item, LeaseIn, MoveIn, ReplyIn
from schemas.message import Message
from schemas.outcome import Outcome, OutcomeKind
from workers.desk.bodies import BodyReader, read_works
from workers.desk.closing import Closer
from workers.desk.outcome_order import OutcomeOrder
from workers.desk.records import (
    build_item,
    build_outcome,
    build_reply,
    build_reveal,
    time_from_ms,
)
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import AlreadyClosed, ClaimedItem, ItemUnknown, Lease
from workers.replies.checks import check_reply_allowed, choose_answerable
from workers.store.pii import masked_item

log = get(__name__)

_LOOK_S = 0.1  # how often a waiting claim looks again
_MAX_UNREADABLE = 50  # items that one claim passes over before it answers without any


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The desk; one a process, shared by API and pages."""

    settings: Settings
    desk_queue: DeskQueue
    publisher: Publisher
    clock: Clock
    bodies: BodyReader | None = None
    outcome_order: OutcomeOrder | None = None

    @property
    def _closer(self) -> Closer:
        return Closer(
            desk_queue=self.desk_queue,
            clock=self.clock,
            publish=self._publish,
            outcome_order=self.outcome_order,
        )

    @property
    def _lease_ms(self) -> int:
        return int(self.settings.desk.lease.total_seconds() * 1000)

    async def claim(self, department: str, asked: ClaimIn, *, personal: bool = False) -> Claimed:
        """Claim the most urgent items, waiting up to `wait_s` for some.

        Masks personal numbers unless `personal`, which records each message shown. A wholly
        undecodable item stays leased to nobody until its lease ends: it holds up no other item, and
        a process of another version may read it then.
        """
        self._check_department(department)
        until = self.clock.monotonic() + asked.wait_s
        unreadable = 0
        while True:
            claimed, works = await self._claim(department, asked)
            readable = [c for c in claimed if works[c.item]]
            if claimed and not readable and unreadable < _MAX_UNREADABLE:
                unreadable += len(claimed)
                continue
            if readable or self.clock.monotonic() >= until:
                break
            await asyncio.sleep(_LOOK_S)
        try:
            await self._record_claims(readable, works, asked.agent)
            if personal:
                for c in readable:
                    await self.record_reveal(works[c.item], asked.agent)
        except Retry:
            await self._give_back(readable)
            raise
        items = [
            build_item(department, c.item, c.lease, c.until_ms, works[c.item]) for c in readable
        ]
        if not personal:
            # Long texts take a while, and other people's pages must not wait.
            items = await asyncio.to_thread(lambda: [masked_item(item) for item in items])
        return Claimed(items=tuple(items))

    async def _claim(
        self, department: str, asked: ClaimIn
    ) -> tuple[list[ClaimedItem], dict[str, list[WorkItem]]]:
        """Lease items and read their messages; give all back when that needs Kafka in vain."""
        claimed, late = await self.desk_queue.claim(
            department, asked.agent, self._lease_ms, asked.count
        )
        if late:
            metrics.count("santral_leases_expired_total", late, department=department)
        try:
            messages = {c.item: c.messages for c in claimed}
            return claimed, await read_works(self.desk_queue, self.bodies, department, messages)
        except Retry:
            await self._give_back(claimed)
            raise

    async def _record_claims(
        self,
        claimed: Sequence[ClaimedItem],
        works: dict[str, list[WorkItem]],
        agent: str,
    ) -> None:
        now = self.clock.now()
        outcomes = [
            build_outcome("claimed", c.item, c.lease, works[c.item], agent, now) for c in claimed
        ]
        results = await asyncio.gather(*map(self._publish, outcomes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _give_back(self, claimed: Sequence[ClaimedItem]) -> None:
        """Release items whose caller gets none: nothing stays leased to nobody."""
        for c in claimed:
            await self.desk_queue.release(c.item, c.lease)

    async def heartbeat(self, item: str, asked: LeaseIn) -> Done:
        """Keep a lease."""
        lease = await self.desk_queue.hold(item, asked.lease, self._lease_ms)
        return Done(item=item, lease_until=time_from_ms(lease.until_ms))

    async def show(self, item: str, lease: str, *, personal: bool = False) -> Item:
        """Return a claimed item's present form, and renew its lease; `personal` as in `claim`."""
        present, works = await self._hold(item, lease, show=True)
        if personal:
            await self.record_reveal(works, present.agent)
        shown = build_item(present.department, item, lease, present.until_ms, works)
        return shown if personal else await asyncio.to_thread(masked_item, shown)

    async def record_reveal(self, works: Sequence[WorkItem], agent: str) -> None:
        """Record that somebody sees the personal numbers of these messages."""
        for work in works:
            await self.record_reveal_of(work.message, work.decision.department, agent)

    async def record_reveal_of(self, message: Message, department: str, agent: str) -> None:
        """Record that somebody sees a message's personal numbers; raise Retry if that fails."""
        await self._publish(build_reveal(message, department, agent, self.clock.now()))
        log.warning("personal.revealed", message=message.id, agent=agent)

    async def reply(self, item: str, asked: ReplyIn) -> Done:
        """Answer the customer on the conversation's channel; the item stays with the agent."""
        lease, works = await self._hold(item, asked.lease)
        work = choose_answerable(works, allow=asked.allow_new_participant)
        check_reply_allowed(work.message, asked.text, self.clock.now())
        digest = sha256(asked.text.encode()).hexdigest()[:16]
        reply = build_reply(work, asked, lease, digest, self.clock.now())
        await self.publisher.publish(topics.REPLIES, reply, source="santral/desk")
        outcome = self._outcome("replied", lease, digest, works)
        await self._publish(msgspec.structs.replace(outcome, text=asked.text, reply=reply.id))
        return Done(item=item, outcome=outcome.id, lease_until=time_from_ms(lease.until_ms))

    async def complete(self, item: str, asked: LeaseIn) -> Done:
        """Resolve the item: everything the agent saw of it is done."""

        def resolve(lease: Lease, works: Sequence[WorkItem]) -> list[Outcome]:
            outcome = self._outcome("resolved", lease, "", works)
            return [msgspec.structs.replace(outcome, text=asked.note)]

        return await self._close(item, asked.lease, "complete", resolve)

    async def release(self, item: str, asked: LeaseIn) -> Done:
        """Give the item back to the line, where it was."""
        lease, works = await self._hold(item, asked.lease)
        outcome = self._outcome("released", lease, asked.lease, works)
        await self._publish(msgspec.structs.replace(outcome, text=asked.note))
        await self.desk_queue.release(item, asked.lease)
        return Done(item=item, outcome=outcome.id)

    async def note(self, item: str, asked: LeaseIn) -> Done:
        """Write a note for colleagues into the conversation's history."""
        lease, works = await self._hold(item, asked.lease)
        digest = sha256(asked.note.encode()).hexdigest()[:16]
        outcome = self._outcome("note", lease, digest, works)
        await self._publish(msgspec.structs.replace(outcome, text=asked.note))
        return Done(item=item, outcome=outcome.id, lease_until=time_from_ms(lease.until_ms))

    async def reroute(self, item: str, asked: MoveIn) -> Done:
        """Move the item to another department."""
        if asked.department is None:
            raise Rejected("json.invalid", "say which department - at `$.department`")
        return await self._move("rerouted", f"reroute {asked.department}", item, asked)

    async def escalate(self, item: str, asked: MoveIn) -> Done:
        """Raise the item's priority, in this department or another."""
        target = f" {asked.department}" if asked.department else ""
        return await self._move("escalated", f"escalate{target}", item, asked)

    async def _move(self, kind: OutcomeKind, verb: str, item: str, asked: MoveIn) -> Done:
        def move(lease: Lease, works: Sequence[WorkItem]) -> list[Outcome]:
            target = asked.department or lease.department
            self._check_department(target)
            if kind == "rerouted" and target == lease.department:
                raise Rejected("json.invalid", "it is there already - at `$.department`")
            # One outcome a message: each carries its whole work item within a record's limit.
            return [
                msgspec.structs.replace(
                    self._outcome(kind, lease, target, [work]),
                    reason=asked.reason,
                    to=target,
                    moved=work,
                )
                for work in works
            ]

        return await self._close(item, asked.lease, verb, move)

    async def _close(
        self,
        item: str,
        token: str,
        verb: str,
        outcomes_of: Callable[[Lease, Sequence[WorkItem]], list[Outcome]],
    ) -> Done:
        """Close an item by the outcomes of its messages; a repeat has the answer of the first."""
        try:
            lease, works = await self._hold(item, token, verb=verb)
            outcomes = outcomes_of(lease, works)
            await self._closer.close(lease, verb, outcomes)
        except AlreadyClosed as closed:
            return Done(item=item, outcome=closed.outcome)
        return Done(item=item, outcome=outcomes[-1].id)

    def _check_department(self, department: str) -> None:
        if department not in self.settings.departments:
            names = ", ".join(self.settings.departments)
            raise Rejected("department.unknown", f"no department {department!r}; there are {names}")

    async def _hold(
        self, item: str, token: str, *, show: bool = False, verb: str = ""
    ) -> tuple[Lease, list[WorkItem]]:
        """Return a valid lease and the messages that its agent was shown."""
        lease = await self.desk_queue.hold(item, token, self._lease_ms, show=show, verb=verb)
        messages = {item: lease.messages}
        works = await read_works(self.desk_queue, self.bodies, lease.department, messages)
        if not works[item]:
            raise ItemUnknown("nothing of this item can be read: the log of the desk says why")
        return lease, works[item]

    def _outcome(
        self, kind: OutcomeKind, lease: Lease, salt: str, works: Sequence[WorkItem]
    ) -> Outcome:
        return build_outcome(kind, lease.item, salt, works, lease.agent, self.clock.now())

    async def _publish(self, outcome: Outcome) -> tuple[int, int]:
        """Publish an outcome; return its partition and offset."""
        record = await self.publisher.publish(topics.OUTCOMES, outcome, source="santral/desk")
        metrics.count("santral_outcomes_written_total", kind=outcome.kind)
        return record


BODIES: dict[str, type[Record]] = {
    "heartbeat": LeaseIn,
    "reply": ReplyIn,
    "complete": LeaseIn,
    "release": LeaseIn,
    "note": LeaseIn,
    "reroute": MoveIn,
    "escalate": MoveIn,
}
"""What the desk can do with an item, and the body it asks for."""
