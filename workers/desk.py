"""The department's desk: claim, heartbeat, reply, complete, release, reroute, escalate.

Before: desk_feed.py keeps the lines. After: outcomes.v1 and replies.v1. In this order: the lease
is checked and extended, the outcome goes to Kafka and is acknowledged, only then the line changes.
A crash in between repeats the outcome under the same id, or the feed finishes the line.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from runtime import metrics
from runtime.bus import Publisher
from runtime.clock import Clock
from runtime.faults import guard
from runtime.log import get
from runtime.settings import Settings
from schemas import envelope, topics
from schemas.api import Claimed, ClaimIn, Done, Item, LeaseIn, MoveIn, ReplyIn
from schemas.base import Record, derived_id
from schemas.decision import WorkItem
from schemas.errors import Rejected, Retry
from schemas.message import Message
from schemas.outcome import Outcome, OutcomeKind, Reply
from workers.desk_redis import Held, ItemUnknown, Lines
from workers.personal import masked_item

log = get(__name__)

_LOOK_S = 0.1  # how often a waiting claim looks again
_MAX_UNREADABLE = 50  # items that one claim passes over before it answers without any


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The desk; one a process, shared by API and pages."""

    settings: Settings
    lines: Lines
    publisher: Publisher
    clock: Clock

    @property
    def _lease_ms(self) -> int:
        return int(self.settings.desk.lease.total_seconds() * 1000)

    async def claim(self, department: str, asked: ClaimIn, *, personal: bool = False) -> Claimed:
        """Claim the most urgent items, waiting up to `wait_s` for some.

        Masks personal numbers unless `personal`, which records each message shown. A wholly
        undecodable item stays leased to nobody until its lease ends: it holds up no other item, and
        a process of another version may read it then.
        """
        self._known(department)
        until = self.clock.monotonic() + asked.wait_s
        unreadable = 0
        while True:
            found, late = await self.lines.claim(
                department, asked.agent, self._lease_ms, asked.count
            )
            if late:
                metrics.count("santral_leases_expired_total", late, department=department)
            read = [(claimed, _read_works(claimed.item, claimed.works)) for claimed in found]
            taken = [(claimed, works) for claimed, works in read if works]
            if found and not taken and unreadable < _MAX_UNREADABLE:
                unreadable += len(found)
                continue
            if taken or self.clock.monotonic() >= until:
                break
            await asyncio.sleep(_LOOK_S)
        try:
            for claimed, works in taken:
                await self._tell(
                    self._outcome("claimed", claimed.item, claimed.lease, works, asked.agent)
                )
                if personal:
                    await self.record_reveal(works, asked.agent)
        except Retry:
            # The caller is told to try again: nothing may stay leased to nobody.
            for claimed, _ in taken:
                await self.lines.release(claimed.item, claimed.lease)
            raise
        items = [_item(department, o.item, o.lease, o.until_ms, works) for o, works in taken]
        if not personal:
            # Long texts take a while, and other people's pages must not wait.
            items = await asyncio.to_thread(lambda: [masked_item(item) for item in items])
        return Claimed(items=tuple(items))

    async def heartbeat(self, item: str, asked: LeaseIn) -> Done:
        """Keep a lease."""
        held = await self.lines.hold(item, asked.lease, self._lease_ms)
        return Done(item=item, lease_until=_instant(held.until_ms))

    async def show(self, item: str, lease: str, *, personal: bool = False) -> Item:
        """Return a claimed item's present form, and renew its lease; `personal` as in `claim`."""
        held, works = await self._held(item, lease, show=True)
        if personal:
            await self.record_reveal(works, held.agent)
        shown = _item(held.department, item, lease, held.until_ms, works)
        return shown if personal else await asyncio.to_thread(masked_item, shown)

    async def record_reveal(self, works: Sequence[WorkItem], agent: str) -> None:
        """Record that somebody sees the personal numbers of these messages."""
        for work in works:
            await self.record_reveal_of(work.message, work.decision.department, agent)

    async def record_reveal_of(self, message: Message, department: str, agent: str) -> None:
        """Record that somebody sees a message's personal numbers; raise Retry if that fails."""
        now = self.clock.now()
        outcome = Outcome(
            id=derived_id("outcome", "revealed", message.id, agent, now.isoformat()),
            kind="revealed",
            brand=message.brand,
            conversation=message.conversation,
            item=message.id,
            department=department,
            messages=(message.id,),
            at=now,
            agent=agent,
        )
        await self._tell(outcome)
        log.warning("personal.revealed", message=message.id, agent=agent)

    async def reply(self, item: str, asked: ReplyIn) -> Done:
        """Answer the customer on the conversation's channel; the item stays with the agent."""
        held, works = await self._held(item, asked.lease)
        work = _answerable(works, allow=asked.allow_new_participant)
        allowed(work.message, asked.text, self.clock.now())
        digest = sha256(asked.text.encode()).hexdigest()[:16]
        reply = self._reply(
            item, work, asked, held, derived_id("reply", item, work.message.id, digest)
        )
        await self.publisher.publish(
            topics.REPLIES.name, reply.conversation, reply, identifier=reply.id,
            source="santral/desk", time=reply.at,
        )  # fmt: skip
        outcome = self._outcome(
            "replied", item, digest, works, held.agent, text=asked.text, reply=reply.id
        )
        await self._tell(outcome)
        return Done(item=item, outcome=outcome.id, lease_until=_instant(held.until_ms))

    async def complete(self, item: str, asked: LeaseIn) -> Done:
        """Resolve the item: everything the agent saw of it is done."""
        held, works = await self._held(item, asked.lease)
        outcome = self._outcome("resolved", item, "", works, held.agent, text=asked.note)
        await self._tell(outcome)
        await self._close(outcome)
        return Done(item=item, outcome=outcome.id)

    async def release(self, item: str, asked: LeaseIn) -> Done:
        """Give the item back to the line, where it was."""
        held, works = await self._held(item, asked.lease)
        outcome = self._outcome("released", item, asked.lease, works, held.agent, text=asked.note)
        await self._tell(outcome)
        await self.lines.release(item, asked.lease)
        return Done(item=item, outcome=outcome.id)

    async def note(self, item: str, asked: LeaseIn) -> Done:
        """Write a note for colleagues into the conversation's history."""
        held, works = await self._held(item, asked.lease)
        digest = sha256(asked.note.encode()).hexdigest()[:16]
        outcome = self._outcome("note", item, digest, works, held.agent, text=asked.note)
        await self._tell(outcome)
        return Done(item=item, outcome=outcome.id, lease_until=_instant(held.until_ms))

    async def reroute(self, item: str, asked: MoveIn) -> Done:
        """Move the item to another department."""
        if asked.department is None:
            raise Rejected("json.invalid", "say which department - at `$.department`")
        return await self._move("rerouted", item, asked)

    async def escalate(self, item: str, asked: MoveIn) -> Done:
        """Raise the item's priority, in this department or another."""
        return await self._move("escalated", item, asked)

    async def _move(self, kind: OutcomeKind, item: str, asked: MoveIn) -> Done:
        held, works = await self._held(item, asked.lease)
        target = asked.department or held.department
        self._known(target)
        if kind == "rerouted" and target == held.department:
            raise Rejected("json.invalid", "it is there already - at `$.department`")
        last = ""
        # One outcome a message: each carries its whole work item within a record's limit.
        for work in works:
            outcome = self._outcome(
                kind, item, target, [work], held.agent, reason=asked.reason, to=target, moved=work
            )
            await self._tell(outcome)
            await self._close(outcome)
            last = outcome.id
        return Done(item=item, outcome=last)

    def _known(self, department: str) -> None:
        if department not in self.settings.departments:
            known = ", ".join(self.settings.departments)
            raise Rejected("department.unknown", f"no department {department!r}; there are {known}")

    async def _held(
        self, item: str, lease: str, *, show: bool = False
    ) -> tuple[Held, list[WorkItem]]:
        held = await self.lines.hold(item, lease, self._lease_ms, show=show)
        works = _read_works(item, held.works)
        if not works:
            raise ItemUnknown("nothing of this item can be read: the log of the desk says why")
        return held, works

    def _outcome(
        self, kind: OutcomeKind, item: str, mark: str, works: Sequence[WorkItem], agent: str, *,
        text: str = "", reason: str = "", to: str | None = None, moved: WorkItem | None = None,
        reply: str | None = None,
    ) -> Outcome:  # fmt: skip
        """Return an outcome whose id is the same however often the same thing is done."""
        first = works[0]
        ids = tuple(w.message.id for w in works)
        hops = max(w.decision.hops for w in works)
        return Outcome(
            id=derived_id("outcome", kind, mark, str(hops), *ids), kind=kind,
            brand=first.message.brand, conversation=first.message.conversation, item=item,
            department=first.decision.department, messages=ids, hops=hops, at=self.clock.now(),
            agent=agent, text=text, reason=reason, to=to, moved=moved, reply=reply,
        )  # fmt: skip

    async def _tell(self, outcome: Outcome) -> None:
        await self.publisher.publish(
            topics.OUTCOMES.name, outcome.conversation, outcome, identifier=outcome.id,
            source="santral/desk", time=outcome.at,
        )  # fmt: skip
        metrics.count("santral_outcomes_written_total", kind=outcome.kind)

    async def _close(self, outcome: Outcome) -> None:
        closed = [(m, outcome.hops) for m in outcome.messages]
        await self.lines.close(outcome.department, outcome.conversation, closed)

    def _reply(
        self, item: str, work: WorkItem, asked: ReplyIn, held: Held, identifier: str
    ) -> Reply:
        message = work.message
        return Reply(
            id=identifier, kind="answer", brand=message.brand, channel=message.channel,
            source=message.source, conversation=message.conversation, message=message.id,
            item=item, department=held.department, recipient=message.sender,
            reply_to=message.reply_to, subject=message.subject, text=asked.text,
            agent=held.agent, language=work.decision.language,
            in_reply_to=message.thread[-1] if message.thread else None,
            references=message.thread, at=self.clock.now(),
        )  # fmt: skip


def _read_works(item: str, works: Sequence[bytes]) -> list[WorkItem]:
    """Return the WorkItems of a line that decode; each that does not is logged and counted."""
    readable = []
    for work in works:
        with guard(log, "desk.claim", passes=(), item=item):
            readable.append(envelope.decode(WorkItem, work))
    return readable


def _answerable(works: list[WorkItem], *, allow: bool) -> WorkItem:
    """Return the newest message that may be answered: a stranger's only when a person says so."""
    people = [w for w in works if _spoken(w.message)]
    known = [w for w in people if allow or "new_participant" not in w.decision.flags]
    if not known:
        raise Rejected(
            "participant.unconfirmed",
            "only a new participant wrote: check who it is, then send `allow_new_participant`",
        )
    return known[-1]


def _spoken(message: Message) -> bool:
    """Say whether a person said something: an edit is their words too, a deletion is none."""
    said = message.event is None or message.event.kind == "edited"
    return said and message.automatic is None


def allowed(message: Message, text: str, now: datetime) -> None:
    """Raise Rejected when the source takes no such answer: better here than after the click."""
    told = message.answering
    if told is None:
        return
    if told.forbidden:
        raise Rejected("reply.forbidden", f"{message.channel}: {told.forbidden}")
    if told.until is not None and now > told.until:
        raise Rejected(
            "reply.too_late",
            f"{message.channel} took an answer until {told.until:%d.%m.%Y %H:%M} UTC: reach "
            "the customer on another channel",
        )
    length = len(text.encode() if told.unit == "bytes" else text)
    if told.limit is not None and length > told.limit:
        raise Rejected(
            "reply.too_long", f"{length} {told.unit}, {message.channel} takes {told.limit}"
        )


def _item(department: str, item: str, lease: str, until_ms: int, works: list[WorkItem]) -> Item:
    messages: tuple[Message, ...] = tuple(w.message for w in works)
    return Item(
        id=item, lease=lease, conversation=messages[0].conversation, department=department,
        messages=messages, decision=works[-1].decision, due=works[0].due,
        lease_until=_instant(until_ms),
    )  # fmt: skip


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


BODIES: dict[str, type[Record]] = {
    "heartbeat": LeaseIn, "reply": ReplyIn, "complete": LeaseIn, "release": LeaseIn,
    "note": LeaseIn, "reroute": MoveIn, "escalate": MoveIn,
}  # fmt: skip
"""What the desk can do with an item, and the body it asks for."""
