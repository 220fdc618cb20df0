"""The decision on a record whose handling met a fault of ours: triage gets it. Pure.

Before: record_decision.py caught an exception. After: run.py writes this decision like any other.
It reads only the message's and the state's own fields, so that the fault does not happen a second
time.
"""

import msgspec

from router.decision import reasons
from router.decision.policy import IMPORTED, Policy
from router.decision.priority import BASE
from schemas.base import Time
from schemas.decision import TRIAGE, Action, Decision, Due, WorkItem
from schemas.message import Message, fitted
from schemas.outcome import MOVES, Outcome, closed_messages
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState

FLAG = "router.bug"
"""The flag of such a decision, and the code of a dead letter where even triage failed."""

PRIORITY = BASE + 20
"""Above an ordinary message, because its urgency is unknown."""


def triage_message(
    message: Message, state: ConversationState | None, policy: Policy, now: Time
) -> tuple[Decision, ConversationState | None, WorkItem | None]:
    """Return decision, next state and work item of a message that could not be decided."""
    if state is not None and states.has_seen(state, message.id):
        repeat = _decision(message, state, policy, now, "repeat", ())
        return repeat, None, None
    live = state is not None and state.status != "quiet"
    waits = message.automatic is None and IMPORTED not in message.flags
    flags = [*message.flags, FLAG]
    if waits and live and state is not None and _is_stranger(message, state):
        flags.append("new_participant")
    action: Action = "triage" if waits else "automatic"
    decision = _decision(message, state, policy, now, action, tuple(flags))
    after = _next_state(message, state, decision, now)
    # As elsewhere, an edit or a reaction opens no work unless somebody works on its message.
    if not waits or (message.event is not None and not live):
        return decision, after, None
    return decision, after, _work_item(fitted(message), decision, policy, now)


def triage_move(
    outcome: Outcome, state: ConversationState | None, policy: Policy, now: Time
) -> tuple[Decision, ConversationState | None, WorkItem] | None:
    """Return the result of a move that could not be applied, None for an outcome without one."""
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
    item = WorkItem(message=fitted(outcome.moved.message), decision=decision, due=outcome.moved.due)
    return decision, after, item


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
        priority=max(PRIORITY, state.priority if state is not None else 0),
        reasons=(reasons.REPEAT if action == "repeat" else reasons.FAULT,),
        flags=flags,
        action=action,
        hops=state.hops if state is not None else 0,
        pack=policy.pack.version,
        threshold=policy.threshold,
        decided_at=now,
    )


def _work_item(message: Message, decision: Decision, policy: Policy, now: Time) -> WorkItem:
    level = policy.departments[TRIAGE]
    came = min(message.received_at, now)
    due = Due(first_response=came + level.first_response, resolution=came + level.resolution)
    return WorkItem(message=message, decision=decision, due=due)


def _next_state(
    message: Message, state: ConversationState | None, decision: Decision, now: Time
) -> ConversationState:
    """Return the state after the message; a department keeps its conversation."""
    quiet = decision.action == "automatic" or (message.event is not None and state is None)
    sender = _sender(message)
    if state is None or state.status == "quiet":
        return ConversationState(
            conversation=message.conversation,
            brand=message.brand,
            department=decision.department,
            status="quiet" if quiet else "open",
            priority=decision.priority,
            unanswered_since=None if quiet else message.received_at,
            messages=1 + (state.messages if state is not None else 0),
            seen=states.remember(state.seen if state is not None else b"", message.id),
            participants=(sender,) if sender and not quiet else (),
            opened_at=now,
            updated_at=now,
        )
    spoken = not quiet and message.event is None
    return msgspec.structs.replace(
        state,
        status="open" if spoken else state.status,
        messages=state.messages + 1,
        unanswered_since=(state.unanswered_since or message.received_at)
        if spoken
        else state.unanswered_since,
        seen=states.remember(state.seen, message.id),
        updated_at=max(now, state.updated_at),
    )


def _sender(message: Message) -> str:
    handles = message.sender.handles
    return states.participant(handles[0].value) if handles else ""


def _is_stranger(message: Message, state: ConversationState) -> bool:
    """Say whether a new person writes into a conversation by mail."""
    if message.kind != "mail" or message.event is not None or not state.participants:
        return False
    return _sender(message) not in state.participants
