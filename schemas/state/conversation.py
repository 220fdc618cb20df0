"""ConversationState, the router's memory of one conversation, and its pure transitions.

Before: messages and outcomes, in the order of their partition. After: router/decision/decide.py
asks it. Pure: every transition returns a new state.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Literal

import msgspec

from schemas.base import Id, Name, Record, Time

SEEN_LIMIT = 20_000
"""Ids remembered in one conversation: 8 bytes each, so that a full record stays under 256 KiB."""

HOP_LIMIT = 5
"""Moves by people after which an item goes to triage instead of round and round."""

_WIDTH = 8
_HANDLE_LIMIT = 32


class ConversationState(Record, frozen=True, kw_only=True):
    """What the router knows of a conversation.

    `seen` holds the first 8 bytes of the ids of the messages and outcomes already applied, and 8
    bytes for each message that people closed, with its hops (`closing_key`);
    `participants` are short hashes of the senders seen, so that a stranger is noticed. A `quiet`
    conversation had only machines' mail: the first person's message opens it. `priority` is without
    what waiting adds; `unanswered_since` is when the first message came that nobody answered yet.
    """

    conversation: Id
    brand: str
    department: Name
    status: Literal["open", "resolved", "quiet"] = "open"
    language: str = "und"
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    hops: int = 0
    messages: int = 0
    seen: bytes = b""
    participants: tuple[str, ...] = ()
    unanswered_since: Time | None = None
    opened_at: Time
    updated_at: Time


def short(identifier: str) -> bytes:
    """Return the 8 bytes by which an id is remembered (64 bits: no clash within one thread)."""
    try:
        return bytes.fromhex(identifier[:8] + identifier[9:13] + identifier[14:18])
    except ValueError:
        return blake2b(identifier.encode(), digest_size=_WIDTH).digest()


def has_seen(state: ConversationState, identifier: str) -> bool:
    """Say whether that id was applied to the conversation before."""
    key, seen = short(identifier), state.seen
    at = seen.find(key)
    while at % _WIDTH and at > 0:
        at = seen.find(key, at + 1)
    return at >= 0


def remember(seen: bytes, identifier: str) -> bytes:
    """Return `seen` with that id added, the oldest dropped beyond SEEN_LIMIT."""
    return (seen + short(identifier))[-SEEN_LIMIT * _WIDTH :]


def closing_key(message: str, hops: int) -> str:
    """Return the word by which it is remembered that people closed a message at those hops."""
    return f"closed {message} {hops}"


def with_closed(state: ConversationState, messages: Iterable[tuple[str, int]]) -> ConversationState:
    """Return the state in which these messages are closed at these hops."""
    seen = state.seen
    for message, hops in messages:
        seen = remember(seen, closing_key(message, hops))
    return msgspec.structs.replace(state, seen=seen)


def participant(handle: str) -> str:
    """Return the short hash by which who wrote is known."""
    return blake2b(handle.encode(), digest_size=6).hexdigest()


def with_participant(participants: tuple[str, ...], who: str) -> tuple[str, ...]:
    """Return the participants with `who` added once, the oldest dropped beyond the limit."""
    if not who or who in participants:
        return participants
    return (*participants, who)[-_HANDLE_LIMIT:]


def moved(
    state: ConversationState,
    outcome_id: str,
    department: str,
    priority: int,
    hops: int,
    at: datetime,
) -> ConversationState:
    """Return the state after people moved the conversation to another department."""
    return msgspec.structs.replace(
        state,
        department=department,
        status="open",
        priority=priority,
        hops=max(hops, state.hops),
        seen=remember(state.seen, outcome_id),
        updated_at=max(at, state.updated_at),
    )


def answered(state: ConversationState, outcome_id: str, at: datetime) -> ConversationState:
    """Return the state after people answered the customer."""
    return msgspec.structs.replace(
        state,
        unanswered_since=None,
        seen=remember(state.seen, outcome_id),
        updated_at=max(at, state.updated_at),
    )


def closed(state: ConversationState, outcome_id: str, at: datetime) -> ConversationState:
    """Return the state after people resolved the conversation."""
    return msgspec.structs.replace(
        state,
        status="resolved",
        hops=0,
        unanswered_since=None,
        seen=remember(state.seen, outcome_id),
        updated_at=max(at, state.updated_at),
    )


def noted(state: ConversationState, outcome_id: str, at: datetime) -> ConversationState:
    """Return the state after an outcome that only has to be remembered."""
    return msgspec.structs.replace(
        state,
        seen=remember(state.seen, outcome_id),
        updated_at=max(at, state.updated_at),
    )


def reopened(state: ConversationState, outcome_id: str, at: datetime) -> ConversationState:
    """Return the state after people reopened the conversation."""
    return msgspec.structs.replace(
        state,
        status="open",
        seen=remember(state.seen, outcome_id),
        updated_at=max(at, state.updated_at),
    )


def expired(state: ConversationState, now: datetime, after: timedelta) -> bool:
    """Say whether nothing happened for so long that the conversation is forgotten."""
    return now - state.updated_at > after
