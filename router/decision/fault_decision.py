"""The decision on a record that a fault of ours kept from its proper one. Pure.

Triage gets the record. This module reads only the message's and the state's own fields, so that the
fault does not happen a second time.
"""

import msgspec

from router.decision import reasons
from router.decision.decide import RoutingResult
from router.decision.department_choice import IMPORTED, is_stranger
from router.decision.next_state import sender_hash
from router.decision.policy import Policy
from router.decision.priority import BASE_PRIORITY
from schemas.base import Time
from schemas.decision import TRIAGE, Action, Decision, WorkItem
from schemas.message import Message, truncate_to_limit
from schemas.outcome import MOVES, Outcome, closed_messages
from schemas.routing.departments import due_times
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState

FLAG = "router.bug"
"""The flag of such a decision, and the code of a dead letter where even triage failed."""

FAULT_PRIORITY = BASE_PRIORITY + 20
"""The item comes before ordinary ones, because its urgency is unknown."""


def triage_message(
    message: Message, state: ConversationState | None, policy: Policy, now: Time
) -> RoutingResult:
    """Return the result of a message that could not be decided."""
    if state is not None and states.has_seen(state, message.id):
        repeat = _decision(message, state, policy, now, "repeat", ())
        return RoutingResult(decision=repeat, state=None, item=None)
    is_live = state is not None and state.status != "quiet"
    needs_work = message.automatic is None and IMPORTED not in message.flags
    flags = (*message.flags, FLAG)
    if needs_work and is_live and state is not None and is_stranger(message, state):
        flags = (*flags, "new_participant")
    action: Action = "triage" if needs_work else "automatic"
    decision = _decision(message, state, policy, now, action, flags)
    # An edit or a reaction opens no work, unless people work on its conversation.
    waits = needs_work and (message.event is None or is_live)
    after = _next_state(message, state, decision, now)
    if not waits:
        return RoutingResult(decision=decision, state=after, item=None)
    due = due_times(policy.departments[TRIAGE], message.received_at, now)
    item = WorkItem(message=truncate_to_limit(message), decision=decision, due=due)
    return RoutingResult(decision=decision, state=after, item=item)


def triage_move(
    outcome: Outcome, state: ConversationState | None, now: Time
) -> RoutingResult | None:
    """Return the result of a move that could not be applied, None for an outcome without a move."""
    if outcome.kind not in MOVES or outcome.moved is None:
        return None
    if state is not None and states.has_seen(state, outcome.id):
        return None
    before = outcome.moved.decision
    decision = msgspec.structs.replace(
        before,
        department=TRIAGE,
        action="triage",
        hops=before.hops + 1,
        reasons=(reasons.FAULT,),
        flags=tuple(dict.fromkeys((*before.flags, FLAG))),
        decided_at=now,
    )
    after = None
    if state is not None:
        after = states.moved(state, outcome.id, TRIAGE, before.priority, decision.hops, outcome.at)
        after = states.with_closed(after, closed_messages(outcome))
    item = WorkItem(
        message=truncate_to_limit(outcome.moved.message), decision=decision, due=outcome.moved.due
    )
    return RoutingResult(decision=decision, state=after, item=item)


def _decision(
    message: Message,
    state: ConversationState | None,
    policy: Policy,
    now: Time,
    action: Action,
    flags: tuple[str, ...],
) -> Decision:
    department = state.department if state is not None else TRIAGE
    return Decision(
        message=message.id,
        brand=message.brand,
        channel=message.channel,
        conversation=message.conversation,
        department=TRIAGE if action == "triage" else department,
        intent="request",
        language=state.language if state is not None else "und",
        priority=max(FAULT_PRIORITY, state.priority if state is not None else 0),
        reasons=(reasons.REPEAT if action == "repeat" else reasons.FAULT,),
        flags=flags,
        action=action,
        hops=state.hops if state is not None else 0,
        pack=policy.pack.version,
        threshold=policy.threshold,
        decided_at=now,
    )


def _next_state(
    message: Message, state: ConversationState | None, decision: Decision, now: Time
) -> ConversationState:
    """Return the state after the message; a department keeps its conversation."""
    opens = decision.action != "automatic" and message.event is None
    sender = sender_hash(message)
    if state is None or state.status == "quiet":
        return ConversationState(
            conversation=message.conversation,
            brand=message.brand,
            department=decision.department,
            status="open" if opens else "quiet",
            priority=decision.priority,
            unanswered_since=message.received_at if opens else None,
            open=states.with_open((), message.id, message.received_at) if opens else (),
            messages=1 + (state.messages if state is not None else 0),
            seen=states.remember(state.seen if state is not None else b"", message.id),
            participants=(sender,) if sender and opens else (),
            opened_at=now,
            updated_at=now,
        )
    return msgspec.structs.replace(
        state,
        status="open" if opens else state.status,
        messages=state.messages + 1,
        unanswered_since=(state.unanswered_since or message.received_at)
        if opens
        else state.unanswered_since,
        open=states.with_open(state.open, message.id, message.received_at) if opens else state.open,
        seen=states.remember(state.seen, message.id),
        updated_at=max(now, state.updated_at),
    )
