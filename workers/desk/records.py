"""Makes what the desk writes and shows: outcomes, replies and items. Pure.

Before: desk.py read an item's messages. After: desk.py publishes the records and returns the items.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from schemas.base import derived_id
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.http_api.bodies import Item, ReplyIn
from schemas.message import Message
from schemas.outcome import Outcome, OutcomeKind, Reply
from workers.compose import compose_reply
from workers.desk.values import Lease


def outcome_of(
    kind: OutcomeKind, item: str, salt: str, works: Sequence[WorkItem], agent: str, now: datetime
) -> Outcome:
    """Return an outcome of some messages; the same act with the same `salt` has the same id."""
    first = works[0]
    ids = tuple(w.message.id for w in works)
    hops = tuple(w.decision.hops for w in works)
    return Outcome(
        id=derived_id("outcome", kind, salt, str(max(hops)), *ids),
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
    )


def reveal_of(message: Message, department: str, agent: str, now: datetime) -> Outcome:
    """Return the outcome that somebody sees the personal numbers of a message."""
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
    )


def reply_of(work: WorkItem, body: ReplyIn, lease: Lease, salt: str, now: datetime) -> Reply:
    """Return the reply to a message; the same text has the same id."""
    message = work.message
    identifier = derived_id("reply", lease.item, message.id, salt)
    return msgspec.structs.replace(
        compose_reply(message, work.decision, identifier, body.text, now),
        item=lease.item,
        department=lease.department,
        agent=lease.agent,
    )


def item_of(
    department: str, item: str, lease: str, until_ms: int, works: Sequence[WorkItem]
) -> Item:
    """Return an item as its agent sees it."""
    return Item(
        id=item,
        lease=lease,
        conversation=works[0].message.conversation,
        department=department,
        messages=tuple(w.message for w in works),
        decision=works[-1].decision,
        due=works[0].due,
        lease_until=instant(until_ms),
    )


def instant(milliseconds: int) -> datetime:
    """Return the instant that many milliseconds after 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def answerable(works: Sequence[WorkItem], *, allow: bool) -> WorkItem:
    """Return the newest message that may be answered: a stranger's only when a person says so."""
    people = [w for w in works if _spoken(w.message)]
    confirmed = [w for w in people if allow or "new_participant" not in w.decision.flags]
    if not confirmed:
        raise Rejected(
            "participant.unconfirmed",
            "only a new participant wrote: check who it is, then send `allow_new_participant`",
        )
    return confirmed[-1]


def _spoken(message: Message) -> bool:
    """Say whether a person said something: an edit is their words too, a deletion is none."""
    words = message.event is None or message.event.kind == "edited"
    return words and message.automatic is None


def allowed(message: Message, text: str, now: datetime) -> None:
    """Raise Rejected when the source takes no such answer: better here than after the click."""
    limits = message.answering
    if limits is None:
        return
    if limits.forbidden:
        raise Rejected("reply.forbidden", f"{message.channel}: {limits.forbidden}")
    if limits.until is not None and now > limits.until:
        raise Rejected(
            "reply.too_late",
            f"{message.channel} took an answer until {limits.until:%d.%m.%Y %H:%M} UTC: reach "
            "the customer on another channel",
        )
    length = len(text.encode() if limits.unit == "bytes" else text)
    if limits.limit is not None and length > limits.limit:
        raise Rejected(
            "reply.too_long", f"{length} {limits.unit}, {message.channel} takes {limits.limit}"
        )
