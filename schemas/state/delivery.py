"""ReplyDelivery, a step of one reply on its way to the customer, as a record of deliveries.v1.

The sender writes a record before and after each try, and `fold` decides which process may send a
reply. All processes read the same order of records, so that they agree. Pure.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Record, Time

DeliveryState = Literal["begun", "parked", "finished"]
"""One process tries to send a `begun` reply. A `parked` reply waits until `due`. The outcome of a
`finished` reply is in outcomes.v1."""

STATES: frozenset[str] = frozenset(get_args(DeliveryState))
"""The states that this version knows."""

AnyState = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z][a-z0-9_]{0,62}$",
        description="An open list: skip a word that you do not know.",
        examples=list(get_args(DeliveryState)),
    ),
]


class ReplyDelivery(Record, frozen=True, kw_only=True):
    """One step of a reply. The key of its record is the reply's id.

    `attempt` counts the tries from 1, and 0 means that the reply waits for its first one.
    `process` names the process that wrote the record, `offset` is the reply's place in the same
    partition of replies.v1, and `first_at` the time of the reply's first record. `recipient` is a
    keyed hash of the customer's address, for the loop guard. The fields from `brand` on are the
    reply's own, for its outcome in case replies.v1 has lost the reply; `finished` has none.
    """

    reply: Id
    state: AnyState
    attempt: int = 0
    process: str = ""
    at: Time
    due: Time | None = None
    first_at: Time
    offset: int
    channel: str
    account: str
    recipient: str = ""
    result: str = ""
    reason: str = ""
    brand: str = ""
    conversation: str = ""
    message: str = ""
    item: str = ""
    department: str = ""


def fold(present: ReplyDelivery | None, record: ReplyDelivery) -> ReplyDelivery | None:
    """Return a reply's state after a record, given its state before it.

    A process may send when its own `begun` is the state. A later `begun` counts only after the
    holder of the earlier one parked the reply, and `finished` is the end. The numbers of attempts
    make a record harmless that arrives late or twice.
    """
    if record.state not in STATES:
        return present
    if present is None:
        return record
    if present.state == "finished":
        return present
    if record.state == "finished":
        return record
    if record.state == "begun":
        newer = present.state == "parked" and record.attempt > present.attempt
        return record if newer else present
    if present.state == "begun":
        same_try = (record.attempt, record.process) == (present.attempt, present.process)
        return record if same_try else present
    return record if record.attempt >= present.attempt else present


def may_send(present: ReplyDelivery | None, process: str, attempt: int) -> bool:
    """Say whether `present` is the `begun` of this attempt, after which its process may send."""
    return (
        present is not None
        and present.state == "begun"
        and (present.process, present.attempt) == (process, attempt)
    )
