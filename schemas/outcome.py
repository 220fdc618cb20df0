"""Outcome, an event of the work on an item, and Reply, a text to send to a customer.

The desk and the workers write them. The router (reroute, resolve), the store and the channels read
them. Pure.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Name, Record, Time, open_list
from schemas.decision import WorkItem
from schemas.message import Party

OutcomeKind = Literal[
    "received",
    "claimed",
    "released",
    "expired",
    "replied",
    "delivered",
    "undeliverable",
    "note",
    "rerouted",
    "escalated",
    "resolved",
    "reopened",
    "survey",
    "revealed",
]
"""The kinds that we write today. `expired` means that an agent's time for an item ran out, and that
it waits again. `revealed` means that a person saw a customer's personal numbers.

A newer writer may use another word, which readers take, count and skip.
"""
KINDS: frozenset[str] = frozenset(get_args(OutcomeKind))
AnyKind = Annotated[
    str,
    msgspec.Meta(
        pattern="^[a-z][a-z0-9_]{0,62}$",
        description="An open list: skip a word that you do not know.",
        examples=list(get_args(OutcomeKind)),
    ),
]
Author = Literal["person", "holding", "acknowledgement", "automation", "external"]
"""The author of an outcome or a reply. A `person` works at the desk, `holding` is the text of an
incident, `automation` is Santral itself, and `external` a tool outside of it."""

AUTHORS: frozenset[str] = frozenset(get_args(Author))
AnyAuthor = Annotated[str, open_list(AUTHORS)]
MOVES: frozenset[str] = frozenset({"rerouted", "escalated"})
CLOSES: frozenset[str] = frozenset({"resolved", "rerouted", "escalated"})
"""Kinds after which the covered messages no longer wait in that department."""


class Outcome(Record, frozen=True, kw_only=True):
    """Something that happened to an item. The id is deterministic: written twice is once.

    `messages` are the ids it covers; `message_hops` has the hops of each, in the same order, and
    `hops` the highest. `moved` is the work item that goes to `to`, or that comes back because its
    answer is `undeliverable`. `by` says who acted, and `author_of` also knows it for an older
    record, in which it is null.
    """

    id: Id
    kind: AnyKind
    brand: str
    conversation: Id
    item: Id
    department: Name
    messages: tuple[Id, ...] = ()
    hops: int = 0
    at: Time
    agent: str = ""
    text: str = ""
    reason: str = ""
    to: Name | None = None
    moved: WorkItem | None = None
    reply: Id | None = None
    message_hops: tuple[int, ...] = ()
    by: AnyAuthor | None = None


def author_of(outcome: Outcome) -> str:
    """Return who acted. An older record without `by` shows it by its content."""
    if outcome.by is not None:
        return outcome.by
    if outcome.kind == "replied":
        # The desk writes no reason for an answer, and a holding text names its incident there.
        return "holding" if outcome.reason.startswith("incident ") else "person"
    if outcome.kind in ("delivered", "undeliverable"):
        # The sender writes a text for an acknowledgement only.
        return "acknowledgement" if outcome.text else "automation"
    return "person"


def is_persons_answer(outcome: Outcome) -> bool:
    """Say whether a person answered the customer, which no text of a machine does."""
    return outcome.kind == "replied" and author_of(outcome) == "person"


def closed_messages(outcome: Outcome) -> tuple[tuple[str, int], ...]:
    """Return the messages that an outcome closes, each with the hops at which it does."""
    if outcome.kind not in CLOSES:
        return ()
    if len(outcome.message_hops) != len(outcome.messages):
        return tuple((message, outcome.hops) for message in outcome.messages)
    return tuple(zip(outcome.messages, outcome.message_hops, strict=True))


ReplyKind = Literal["answer", "acknowledgement"]
REPLY_KINDS: frozenset[str] = frozenset(get_args(ReplyKind))
"""The kinds of replies that this version knows. It sends another one as a machine's text."""


class Reply(Record, frozen=True, kw_only=True):
    """A text to be sent on the conversation's channel; `by` says who wrote it.

    `work` is the item that an agent answered, which comes back if the answer can't be delivered. It
    is null if the record would be too large.

    `in_reply_to` and `references` are Message-IDs with their angle brackets (RFC 5322, 3.6.4).
    """

    id: Id
    kind: Annotated[str, open_list(REPLY_KINDS)]
    brand: str
    channel: str
    source: str
    conversation: Id
    message: Id
    item: Id
    department: Name
    recipient: Party
    reply_to: str | None = None
    subject: str = ""
    text: str
    agent: str = ""
    language: str = "und"
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    at: Time
    work: WorkItem | None = None
    by: AnyAuthor | None = None
