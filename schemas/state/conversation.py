"""ConversationState, the router's memory of one conversation, and its pure transitions.

The router applies messages and outcomes in the order of their partition, and
router/decision/decide.py reads the state. Every transition returns a new state. Pure.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Name, Record, Time, open_list

SEEN_LIMIT = 20_000
"""Most ids in one state, at 8 bytes each, so that a full record stays under 256 KiB."""

HOP_LIMIT = 5
"""Moves by people after which an item goes to triage, so that it does not circle."""

OPEN_LIMIT = 200
"""Most uncovered messages that a state names, at 80 bytes each. People work from the oldest on, so
the oldest ones beyond the limit are left out."""

MAX_WORDS_CHARS = 1000
"""The newest words of the open messages in triage, with which a follow-up is decided again."""

_DIGEST_BYTES = 8
_PARTICIPANT_LIMIT = 32  # a group of more people is a list


Status = Literal["open", "resolved", "quiet"]

STATUSES: frozenset[str] = frozenset(get_args(Status))
"""The statuses that this version knows. The router treats another one as open."""


class OpenMessage(Record, frozen=True, kw_only=True):
    """A message that no answer and no solution has covered yet.

    `id` has the digits of `id_digest`, which are the first of the message's id.
    """

    id: str
    received_at: Time


class ConversationState(Record, frozen=True, kw_only=True):
    """The state of a conversation in the router.

    `seen` has the digests of the ids of applied messages and outcomes, and a digest for each
    message that people closed, with its hops (`closing_key`). `participants` are short hashes of
    the senders, so that the router notices a stranger. A `quiet` conversation has only machines'
    mail, and the first person's message opens it. `priority` leaves out the waiting time. `open`
    has the messages that nobody has answered or resolved, the oldest first, and `unanswered_since`
    is the arrival of the first one. States of earlier versions have only the latter. `severity` is
    the worst of the open messages, and `flags` are those that rules and people gave them. While
    they are in triage, `words` has their text without personal numbers, at most MAX_WORDS_CHARS.
    """

    conversation: Id
    brand: str
    department: Name
    status: Annotated[str, open_list(STATUSES)] = "open"
    language: str = "und"
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    hops: int = 0
    messages: int = 0
    seen: bytes = b""
    participants: tuple[str, ...] = ()
    unanswered_since: Time | None = None
    open: tuple[OpenMessage, ...] = ()
    severity: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    flags: tuple[str, ...] = ()
    words: str = ""
    opened_at: Time
    updated_at: Time


def id_digest(identifier: str) -> bytes:
    """Return the 8 bytes that represent an id; 64 bits never clash within one conversation."""
    try:
        return bytes.fromhex(identifier[:8] + identifier[9:13] + identifier[14:18])
    except ValueError:
        return blake2b(identifier.encode(), digest_size=_DIGEST_BYTES).digest()


def has_seen(state: ConversationState, identifier: str) -> bool:
    """Return whether the router applied that id to the conversation before."""
    digest = id_digest(identifier)
    index = state.seen.find(digest)
    while index % _DIGEST_BYTES and index > 0:
        index = state.seen.find(digest, index + 1)
    return index >= 0


def remember(digests: bytes, identifier: str) -> bytes:
    """Return the digests with that id's added, without the oldest ones beyond SEEN_LIMIT."""
    return (digests + id_digest(identifier))[-SEEN_LIMIT * _DIGEST_BYTES :]


def closing_key(message: str, hops: int) -> str:
    """Return the identifier under which `seen` has that people closed a message at these hops."""
    return f"closed {message} {hops}"


def moved_key(message: str, hops: int) -> str:
    """Return the identifier under which `seen` has that a message at these hops got a next hop."""
    return f"moved {message} {hops}"


def returned_key(reply: str) -> str:
    """Return the identifier under which `seen` has that an undeliverable reply came back."""
    return f"returned {reply}"


def with_keys(state: ConversationState, keys: Iterable[str]) -> ConversationState:
    """Return the state with these identifiers in `seen`."""
    digests = state.seen
    for key in keys:
        digests = remember(digests, key)
    return msgspec.structs.replace(state, seen=digests)


def with_closed(state: ConversationState, messages: Iterable[tuple[str, int]]) -> ConversationState:
    """Return the state in which people closed these messages at these hops."""
    return with_keys(state, (closing_key(message, hops) for message, hops in messages))


def with_open(
    messages: tuple[OpenMessage, ...], identifier: str, received_at: datetime
) -> tuple[OpenMessage, ...]:
    """Return the open messages with one more, without the oldest beyond OPEN_LIMIT."""
    added = OpenMessage(id=id_digest(identifier).hex(), received_at=received_at)
    return (*messages, added)[-OPEN_LIMIT:]


def _covered(
    state: ConversationState, messages: Iterable[str], when: datetime
) -> ConversationState:
    """Return the state without the open messages that people answered or resolved.

    An outcome that names no messages covers all that came before it.
    """
    covered = {id_digest(message).hex() for message in messages}
    left = tuple(
        message
        for message in state.open
        if (message.id not in covered if covered else message.received_at > when)
    )
    since = min((message.received_at for message in left), default=None)
    return msgspec.structs.replace(state, open=left, unanswered_since=since)


def sender_digest(handle: str) -> str:
    """Return the short hash of a sender's handle."""
    return blake2b(handle.encode(), digest_size=6).hexdigest()


def with_participant(participants: tuple[str, ...], sender: str) -> tuple[str, ...]:
    """Return the participants with a sender's hash added, without the oldest beyond the limit."""
    if not sender or sender in participants:
        return participants
    return (*participants, sender)[-_PARTICIPANT_LIMIT:]


def moved(
    state: ConversationState,
    outcome_id: str,
    department: str,
    priority: int,
    hops: int,
    when: datetime,
) -> ConversationState:
    """Return the state after people moved the conversation to another department."""
    return msgspec.structs.replace(
        state,
        department=department,
        status="open",
        words="",
        priority=priority,
        hops=max(hops, state.hops),
        seen=remember(state.seen, outcome_id),
        updated_at=max(when, state.updated_at),
    )


def answered(
    state: ConversationState, outcome_id: str, messages: Iterable[str], when: datetime
) -> ConversationState:
    """Return the state after people answered these messages."""
    return msgspec.structs.replace(
        _covered(state, messages, when),
        seen=remember(state.seen, outcome_id),
        updated_at=max(when, state.updated_at),
    )


def closed(
    state: ConversationState, outcome_id: str, messages: Iterable[str], when: datetime
) -> ConversationState:
    """Return the state after people resolved these messages.

    The conversation is resolved once no message is left open.
    """
    left = _covered(state, messages, when)
    return msgspec.structs.replace(
        left,
        status=state.status if left.open else "resolved",
        hops=state.hops if left.open else 0,
        severity=state.severity if left.open else 0,
        flags=state.flags if left.open else (),
        words=state.words if left.open else "",
        seen=remember(state.seen, outcome_id),
        updated_at=max(when, state.updated_at),
    )


def noted(state: ConversationState, outcome_id: str, when: datetime) -> ConversationState:
    """Return the state after an outcome that changes nothing but `seen`."""
    return msgspec.structs.replace(
        state,
        seen=remember(state.seen, outcome_id),
        updated_at=max(when, state.updated_at),
    )


def reopened(state: ConversationState, outcome_id: str, when: datetime) -> ConversationState:
    """Return the state after people reopened the conversation."""
    return msgspec.structs.replace(
        state,
        status="open",
        seen=remember(state.seen, outcome_id),
        updated_at=max(when, state.updated_at),
    )


def unanswered(
    state: ConversationState, identifier: str, received_at: datetime
) -> ConversationState:
    """Return the state in which a message waits for an answer again."""
    digest = id_digest(identifier).hex()
    others = tuple(message for message in state.open if message.id != digest)
    waiting = sorted(with_open(others, identifier, received_at), key=lambda m: m.received_at)
    since = state.unanswered_since
    first = received_at if since is None else min(since, received_at)
    return msgspec.structs.replace(state, open=tuple(waiting), unanswered_since=first)


def expired(state: ConversationState, now: datetime, after: timedelta) -> bool:
    """Return whether nothing happened for longer than `after`, so that the router forgets it."""
    return now - state.updated_at > after
