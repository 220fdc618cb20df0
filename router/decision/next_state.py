"""The state of a conversation after a decided message. Pure."""

from datetime import datetime

import msgspec

from schemas.decision import CLOSING, REOPENED, TRIAGE, Decision
from schemas.message import Message
from schemas.state.conversation import (
    MAX_WORDS_CHARS,
    ConversationState,
    remember,
    sender_digest,
    with_open,
    with_participant,
)
from schemas.text.masking import mask_personal_numbers

_FLAGS_OF_A_MESSAGE = (REOPENED, "new_participant", "spam", "unreadable", "imported")
_MAX_FLAGS = 20
"""More flags than the rules of a company give one conversation."""


def next_state(
    message: Message,
    state: ConversationState | None,
    decision: Decision,
    priority: int,
    now: datetime,
    *,
    from_person: bool,
) -> ConversationState:
    """Return the state after a message; the conversation keeps this priority."""
    is_automatic = decision.action == "automatic"
    # An edit, a reaction or a goodbye opens nothing: it neither begins nor reopens a conversation.
    opens = not is_automatic and message.event is None and CLOSING not in decision.flags
    sender = sender_hash(message)
    if state is None or state.status == "quiet":
        return ConversationState(
            conversation=message.conversation,
            brand=message.brand,
            department=decision.department,
            status="open" if opens else "quiet",
            language=decision.language,
            priority=priority,
            unanswered_since=message.received_at if from_person and opens else None,
            open=with_open((), message.id, message.received_at) if opens else (),
            severity=decision.severity if opens else 0,
            flags=_lasting_flags(message, decision) if opens else (),
            words=_words_in_triage("", message, decision) if opens else "",
            messages=1 + (state.messages if state is not None else 0),
            seen=remember(state.seen if state is not None else b"", message.id),
            participants=(sender,) if sender and opens else (),
            opened_at=now,
            updated_at=now,
        )
    return msgspec.structs.replace(
        state,
        department=decision.department,
        status="open" if opens else state.status,
        language=decision.language if decision.language != "und" else state.language,
        priority=state.priority if is_automatic else priority,
        messages=state.messages + 1,
        unanswered_since=(state.unanswered_since or message.received_at)
        if from_person and opens
        else state.unanswered_since,
        open=with_open(state.open, message.id, message.received_at) if opens else state.open,
        severity=decision.severity if opens else state.severity,
        flags=_lasting_flags(message, decision) if opens else state.flags,
        words=_words_in_triage(state.words, message, decision) if opens else state.words,
        seen=remember(state.seen, message.id),
        updated_at=max(now, state.updated_at),
        # A stranger joins the participants only after people have answered.
        participants=state.participants
        if is_automatic or "new_participant" in decision.flags
        else with_participant(state.participants, sender),
    )


def _lasting_flags(message: Message, decision: Decision) -> tuple[str, ...]:
    """Return the flags that the conversation keeps: those that do not describe this message."""
    own = (*_FLAGS_OF_A_MESSAGE, *message.flags)
    return tuple([flag for flag in decision.flags if flag not in own])[:_MAX_FLAGS]


def _words_in_triage(words: str, message: Message, decision: Decision) -> str:
    """Return the words of the open messages with those of one more, while triage has them."""
    if decision.department != TRIAGE or "spam" in decision.flags:
        return ""
    added = mask_personal_numbers(message.decided_text[:MAX_WORDS_CHARS])
    return f"{words}\n{added}".strip()[-MAX_WORDS_CHARS:]


def sender_hash(message: Message) -> str:
    """Return the short hash of the sender's first handle, which is empty without a handle."""
    handles = message.sender.handles
    return sender_digest(handles[0].value) if handles else ""
