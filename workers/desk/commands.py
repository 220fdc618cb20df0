"""The acts of agents on items, such as claim, reply and complete.

It takes requests of the API and the pages, and gives outcomes.v1 and replies.v1. Every act first
checks and extends the lease. closing.py closes items. For every other act, Kafka acknowledges the
outcome before the line changes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from runtime import metrics
from runtime.bus.publisher import Publisher
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
from workers.desk.bodies import BodyReader, read_work_items
from workers.desk.closing import Closer
from workers.desk.outcome_order import OutcomeOrder
from workers.desk.records import (
    build_item,
    build_outcome,
    build_reply,
    build_reveal,
    time_from_ms,
)
from workers.desk.reply_identity import check_remembered, identify_reply
from workers.desk.way_out import answering_of, find_obstacle
from workers.desk_queue.leased_items import LeasedItem
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import AlreadyClosed, ClaimedItem, ItemUnknown, Lease, LeaseLost
from workers.replies.checks import check_reply_allowed, choose_answerable, newest_answerable
from workers.store.pii import masked_item

log = get(__name__)

_CLAIM_INTERVAL_S = 0.1
"""A claim that waits asks Redis this often, which a person does not notice."""
_MAX_UNREADABLE = 50
"""Undecodable items that one claim passes over before it answers without an item."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The desk of one process, which the API and the pages share."""

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

    async def claim(self, department: str, request: ClaimIn, *, personal: bool = False) -> Claimed:
        """Claim the most urgent items; wait up to `wait_s` seconds for the first.

        Masks personal numbers unless `personal`, which records each message shown. An item without
        a decodable message keeps its lease, so it delays no other item. A process of another
        version may read it after the lease.
        """
        self._check_department(department)
        until = self.clock.monotonic() + request.wait_s
        unreadable = 0
        while True:
            claimed, work_items = await self._claim(department, request)
            readable = [each for each in claimed if work_items[each.item]]
            if claimed and not readable and unreadable < _MAX_UNREADABLE:
                unreadable += len(claimed)
                continue
            if readable or self.clock.monotonic() >= until:
                break
            await asyncio.sleep(_CLAIM_INTERVAL_S)
        try:
            await self._record_claims(readable, work_items, request.agent)
            if personal:
                for each in readable:
                    await self.record_reveal(work_items[each.item], request.agent)
        except Retry:
            await self._give_back(readable)
            raise
        items = [self._build_item(department, each, work_items[each.item]) for each in readable]
        if not personal:
            # Long texts take a while, and other people's pages must not wait.
            items = await asyncio.to_thread(lambda: [masked_item(item) for item in items])
        return Claimed(items=tuple(items))

    async def _claim(
        self, department: str, request: ClaimIn
    ) -> tuple[list[ClaimedItem], dict[str, list[WorkItem]]]:
        """Lease items and read their messages; give all back if that needs Kafka and it is away."""
        claimed, expired = await self.desk_queue.claim(
            department, request.agent, self._lease_ms, request.count
        )
        if expired:
            metrics.count("santral_leases_expired_total", expired, department=department)
        try:
            messages = {each.item: each.messages for each in claimed}
            return claimed, await read_work_items(
                self.desk_queue, self.bodies, department, messages
            )
        except Retry:
            await self._give_back(claimed)
            raise

    async def _record_claims(
        self,
        claimed: Sequence[ClaimedItem],
        work_items: dict[str, list[WorkItem]],
        agent: str,
    ) -> None:
        now = self.clock.now()
        outcomes = [
            build_outcome("claimed", each.item, each.lease, work_items[each.item], agent, now)
            for each in claimed
        ]
        results = await asyncio.gather(*map(self._publish, outcomes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _give_back(self, claimed: Sequence[ClaimedItem]) -> None:
        """Release items that their caller does not get."""
        for each in claimed:
            await self.desk_queue.release(each.item, each.lease)

    async def heartbeat(self, item: str, request: LeaseIn) -> Done:
        """Keep a lease."""
        lease = await self.desk_queue.extend_lease(item, request.lease, self._lease_ms)
        return Done(item=item, lease_until=time_from_ms(lease.until_ms))

    async def show(self, item: str, lease: str, *, personal: bool = False) -> Item:
        """Return a claimed item as it is now, and renew its lease; `personal` as in `claim`."""
        present, work_items = await self._extend_lease(item, lease, show=True)
        if personal:
            await self.record_reveal(work_items, present.agent)
        shown = self._build_item(present.department, present, work_items)
        return shown if personal else await asyncio.to_thread(masked_item, shown)

    async def show_leased(self, department: str, item: str, agent: str) -> Item:
        """Return an item that the agent holds, and renew its lease; mask personal numbers.

        Raises LeaseLost if the agent does not hold it in this department, or ItemUnknown.
        """
        present, lease = await self.desk_queue.leases.find_lease(item, agent)
        if present != department:
            raise LeaseLost(f"the item is in the department {present!r}")
        return await self.show(item, lease)

    async def list_leased(
        self, department: str, agent: str
    ) -> list[tuple[LeasedItem, list[WorkItem]]]:
        """Return the items that an agent holds, with their messages."""
        leased = await self.desk_queue.leases.list_leased(department, agent)
        messages = {each.item: each.messages for each in leased}
        works = await read_work_items(self.desk_queue, self.bodies, department, messages)
        return [(each, works[each.item]) for each in leased if works[each.item]]

    def _build_item(
        self, department: str, lease: ClaimedItem | Lease, works: Sequence[WorkItem]
    ) -> Item:
        """Return an item as its agent sees it, with the limits on an answer."""
        newest = newest_answerable(works)
        answering = answering_of(self.settings, newest.message) if newest else None
        return build_item(department, lease, works, answering)

    async def record_reveal(self, work_items: Sequence[WorkItem], agent: str) -> None:
        """Record that somebody sees the personal numbers of these messages."""
        for work in work_items:
            await self.record_reveal_of(work.message, work.decision.department, agent)

    async def record_reveal_of(self, message: Message, department: str, agent: str) -> None:
        """Record that somebody sees a message's personal numbers; raise Retry if that fails."""
        await self._publish(build_reveal(message, department, agent, self.clock.now()))
        log.warning("personal.revealed", message=message.id, agent=agent)

    async def reply(self, item: str, request: ReplyIn, *, key: str = "") -> Done:
        """Answer the customer on the conversation's channel; the item stays with the agent.

        A retry with the same `key` gets the result of the first try. Raises Rejected if the key
        belongs to another text, or if a text without a key is on its way already.
        """
        lease, work_items = await self._extend_lease(item, request.lease)
        work = choose_answerable(work_items, allow=request.allow_new_participant)
        check_reply_allowed(work.message, request.text, self.clock.now())
        if (obstacle := find_obstacle(self.settings, work.message)) is not None:
            raise obstacle
        identity = identify_reply(item, work, request.text, key)
        name, digest = identity.name, identity.digest
        remembered, written = await self.desk_queue.leases.begin_reply(item, name, digest)
        check_remembered(identity, remembered, written, key=key)
        if not written:
            reply = build_reply(work, request, lease, identity.reply, self.clock.now())
            await self.publisher.publish(topics.REPLIES, reply, source="santral/desk")
            outcome = self._outcome("replied", lease, identity.salt, work_items)
            written = outcome.id
            await self._publish(msgspec.structs.replace(outcome, text=request.text, reply=reply.id))
            await self.desk_queue.leases.finish_reply(item, name, digest, written)
        return Done(item=item, outcome=written, lease_until=time_from_ms(lease.until_ms))

    async def complete(self, item: str, request: LeaseIn) -> Done:
        """Resolve the messages of the item that the agent was shown."""

        def resolve(lease: Lease, work_items: Sequence[WorkItem]) -> list[Outcome]:
            outcome = self._outcome("resolved", lease, "", work_items)
            return [msgspec.structs.replace(outcome, text=request.note)]

        return await self._close(item, request.lease, "complete", resolve)

    async def release(self, item: str, request: LeaseIn) -> Done:
        """Give the item back to its old position in the line."""
        lease, work_items = await self._extend_lease(item, request.lease)
        outcome = self._outcome("released", lease, request.lease, work_items)
        await self._publish(msgspec.structs.replace(outcome, text=request.note))
        await self.desk_queue.release(item, request.lease)
        return Done(item=item, outcome=outcome.id)

    async def note(self, item: str, request: LeaseIn) -> Done:
        """Write a note for colleagues into the conversation's history."""
        lease, work_items = await self._extend_lease(item, request.lease)
        digest = sha256(request.note.encode()).hexdigest()[:16]
        outcome = self._outcome("note", lease, digest, work_items)
        await self._publish(msgspec.structs.replace(outcome, text=request.note))
        return Done(item=item, outcome=outcome.id, lease_until=time_from_ms(lease.until_ms))

    async def reroute(self, item: str, request: MoveIn) -> Done:
        """Move the item to another department."""
        if request.department is None:
            raise Rejected("json.invalid", "say which department - at `$.department`")
        return await self._move("rerouted", f"reroute {request.department}", item, request)

    async def escalate(self, item: str, request: MoveIn) -> Done:
        """Raise the item's priority, in this department or another."""
        target = f" {request.department}" if request.department else ""
        return await self._move("escalated", f"escalate{target}", item, request)

    async def _move(self, kind: OutcomeKind, verb: str, item: str, request: MoveIn) -> Done:
        def move(lease: Lease, work_items: Sequence[WorkItem]) -> list[Outcome]:
            target = request.department or lease.department
            self._check_department(target)
            if kind == "rerouted" and target == lease.department:
                raise Rejected(
                    "json.invalid", "the item is in that department already - at `$.department`"
                )
            # One outcome a message, because each carries its work item within a record's limit.
            return [
                msgspec.structs.replace(
                    self._outcome(kind, lease, target, [work]),
                    reason=request.reason,
                    to=target,
                    moved=work,
                )
                for work in work_items
            ]

        return await self._close(item, request.lease, verb, move)

    async def _close(
        self,
        item: str,
        token: str,
        verb: str,
        outcomes_of: Callable[[Lease, Sequence[WorkItem]], list[Outcome]],
    ) -> Done:
        """Close an item by the outcomes of its messages; a repeat gets the answer of the first."""
        try:
            lease, work_items = await self._extend_lease(item, token, verb=verb)
            outcomes = outcomes_of(lease, work_items)
            await self._closer.close(lease, verb, outcomes)
        except AlreadyClosed as closed:
            return Done(item=item, outcome=closed.outcome)
        return Done(item=item, outcome=outcomes[-1].id)

    def _check_department(self, department: str) -> None:
        if department not in self.settings.departments:
            names = ", ".join(self.settings.departments)
            raise Rejected("department.unknown", f"no department {department!r}; there are {names}")

    async def _extend_lease(
        self, item: str, token: str, *, show: bool = False, verb: str = ""
    ) -> tuple[Lease, list[WorkItem]]:
        """Return a valid lease and the messages that its agent was shown."""
        lease = await self.desk_queue.extend_lease(
            item, token, self._lease_ms, show=show, verb=verb
        )
        messages = {item: lease.messages}
        work_items = await read_work_items(self.desk_queue, self.bodies, lease.department, messages)
        if not work_items[item]:
            raise ItemUnknown("no message of this item can be read: the log of the desk says why")
        return lease, work_items[item]

    def _outcome(
        self, kind: OutcomeKind, lease: Lease, salt: str, work_items: Sequence[WorkItem]
    ) -> Outcome:
        return build_outcome(kind, lease.item, salt, work_items, lease.agent, self.clock.now())

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
"""The acts on an item, and the body that each takes."""
