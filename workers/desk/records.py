"""Builds the outcomes, replies and items that the desk writes and shows. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from schemas.base import derived_id
from schemas.decision import Decision, WorkItem
from schemas.http_api.bodies import Item, ItemAnswering, ReplyIn
from schemas.message import Message
from schemas.outcome import Outcome, OutcomeKind, Reply
from schemas.topics import RECORD_LIMIT
from workers.desk_queue.values import ClaimedItem, Lease
from workers.replies.compose import compose_reply


def build_outcome(
    kind: OutcomeKind,
    item: str,
    salt: str,
    work_items: Sequence[WorkItem],
    agent: str,
    now: datetime,
) -> Outcome:
    """Return an outcome of some messages; an agent's same act with the same `salt` has the same id.

    The agent's own repeat has it under another lease, too. Another agent's act has another id, so
    that only one of two closings of the same messages counts.
    """
    first = work_items[0]
    ids = tuple(work.message.id for work in work_items)
    hops = tuple(work.decision.hops for work in work_items)
    return Outcome(
        id=derived_id("outcome", kind, agent, salt, str(max(hops)), *ids),
        kind=kind,
        brand=first.message.brand,
        conversation=first.message.conversation,
        item=item,
        department=first.decision.department,
        messages=ids,
        hops=max(hops),
        message_hops=hops,
        at=now,
        agent=agent,
        by="person",
    )


def build_reveal(message: Message, department: str, agent: str, now: datetime) -> Outcome:
    """Return the outcome which records that a person sees the personal numbers of a message."""
    return Outcome(
        id=derived_id("outcome", "revealed", message.id, agent, now.isoformat()),
        kind="revealed",
        brand=message.brand,
        conversation=message.conversation,
        item=message.id,
        department=department,
        messages=(message.id,),
        at=now,
        agent=agent,
        by="person",
    )


def build_reply(
    work: WorkItem, body: ReplyIn, lease: Lease, identifier: str, now: datetime
) -> Reply:
    """Return the reply to a message, under the id that reply_identity.py gives it.

    It carries its item, so that the item comes back if the reply can't be delivered.
    """
    reply = msgspec.structs.replace(
        compose_reply(work.message, work.decision, identifier, body.text, now),
        item=lease.item,
        department=lease.department,
        agent=lease.agent,
        by="person",
    )
    with_work = msgspec.structs.replace(reply, work=work)
    return with_work if len(msgspec.json.encode(with_work)) <= RECORD_LIMIT else reply


def build_item(
    department: str,
    lease: ClaimedItem | Lease,
    work_items: Sequence[WorkItem],
    answering: ItemAnswering | None,
) -> Item:
    """Return an item as its agent sees it."""
    return Item(
        id=lease.item,
        lease=lease.lease,
        conversation=work_items[0].message.conversation,
        department=department,
        messages=tuple(work.message for work in work_items),
        decision=_item_decision([work.decision for work in work_items]),
        due=work_items[0].due,
        lease_until=time_from_ms(lease.until_ms),
        answering=answering,
    )


def _item_decision(decisions: Sequence[Decision]) -> Decision:
    """Return the newest decision with the worst severity, the highest priority and every flag."""
    return msgspec.structs.replace(
        decisions[-1],
        severity=max(decision.severity for decision in decisions),
        priority=max(decision.priority for decision in decisions),
        flags=tuple(dict.fromkeys(flag for decision in decisions for flag in decision.flags)),
    )


def time_from_ms(milliseconds: int) -> datetime:
    """Return the time that is this many milliseconds after 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
