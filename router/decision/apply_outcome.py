"""People's outcomes -> next states, and moved items on their new queues. Pure."""

from collections.abc import Container
from datetime import datetime

import msgspec

from router.decision import reasons
from router.decision.decide import RoutingResult
from schemas.decision import REOPENED, RETURNED, TRIAGE, Decision, Reason, WorkItem
from schemas.outcome import MOVES, Outcome, closed_messages, is_persons_answer
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState

ESCALATION_POINTS = 25
"""People escalate an item to have it answered before ordinary ones."""

ESCALATED = "escalated"
"""The flag of an item that people escalated, which its conversation keeps."""

_MAX_PRIORITY = 100
_MAX_REASON_CHARS = 300
"""A server's words in a reason are cut to this length: a sentence, and never a page."""


def apply_outcome(
    outcome: Outcome, state: ConversationState | None, departments: Container[str], now: datetime
) -> RoutingResult | ConversationState | None:
    """Return the result for a moved item, else the next state, or None if nothing changes."""
    if state is not None and (states.has_seen(state, outcome.id) or is_superseded(outcome, state)):
        return None
    if outcome.kind in MOVES and outcome.moved is not None:
        return _move(
            outcome, outcome.moved, state or _expired_state(outcome, now), departments, now
        )
    if outcome.kind == "undeliverable" and outcome.moved is not None:
        before = state or _expired_state(outcome, now)
        return _return(outcome, outcome.moved, before, departments, now)
    if state is None:
        return None
    if outcome.kind == "resolved":
        return states.with_closed(_resolve(outcome, state), closed_messages(outcome))
    if is_persons_answer(outcome) and state.unanswered_since is not None:
        return states.answered(state, outcome.id, outcome.messages, outcome.at)
    if outcome.kind == "reopened":
        return states.reopened(state, outcome.id, outcome.at)
    return None


def _resolve(outcome: Outcome, state: ConversationState) -> ConversationState:
    """Return the state after people resolved the messages of an outcome.

    Another agent may have moved some of them before. They wait in another department, so the
    conversation stays open.
    """
    closed_before = _closed_before(outcome, state)
    if not any(closed_before):
        return states.closed(state, outcome.id, outcome.messages, outcome.at)
    pairs = zip(outcome.messages, closed_before, strict=True)
    own = [message for message, before in pairs if not before]
    return states.answered(state, outcome.id, own, outcome.at)


def is_superseded(outcome: Outcome, state: ConversationState) -> bool:
    """Say whether earlier outcomes closed all messages of this outcome, at the same hops.

    Two agents can have the same item after Redis has lost its lines; then the first outcome counts.
    """
    before = _closed_before(outcome, state)
    return bool(before) and all(before) and not states.has_seen(state, outcome.id)


def _closed_before(outcome: Outcome, state: ConversationState) -> list[bool]:
    """Return whether an earlier outcome closed it, for each message that this outcome closes."""
    return [
        states.has_seen(state, states.closing_key(message, hops))
        for message, hops in closed_messages(outcome)
    ]


def _move(
    outcome: Outcome,
    item: WorkItem,
    state: ConversationState,
    departments: Container[str],
    now: datetime,
) -> RoutingResult:
    """Return an item on its new queue, one hop further."""
    before = item.decision
    target = outcome.to if outcome.to is not None and outcome.to in departments else TRIAGE
    priority = before.priority
    flags: tuple[str, ...] = ()
    if outcome.kind == "escalated":
        priority, flags = min(_MAX_PRIORITY, priority + ESCALATION_POINTS), (ESCALATED,)
    decision = _next_hop(before, target, flags, _move_reason(outcome), now)
    decision = msgspec.structs.replace(decision, priority=priority)
    after = states.moved(
        state, outcome.id, decision.department, priority, decision.hops, outcome.at
    )
    after = states.with_closed(after, closed_messages(outcome))
    if outcome.kind == "escalated" and ESCALATED not in after.flags:
        after = msgspec.structs.replace(after, flags=(*after.flags, ESCALATED))
    return RoutingResult(
        decision=decision,
        state=states.with_keys(after, [states.moved_key(before.message, before.hops)]),
        item=WorkItem(message=item.message, decision=decision, due=item.due),
    )


def _return(
    outcome: Outcome,
    item: WorkItem,
    state: ConversationState,
    departments: Container[str],
    now: datetime,
) -> RoutingResult | ConversationState | None:
    """Return an answered item to its department, because the answer could not be delivered.

    It comes back once for each reply. An item that people have moved since then is with another
    department, and stays there.
    """
    reply = states.returned_key(outcome.reply or outcome.id)
    if states.has_seen(state, reply):
        return None
    before = item.decision
    if states.has_seen(state, states.moved_key(before.message, before.hops)):
        return states.noted(states.with_keys(state, [reply]), outcome.id, outcome.at)
    target = before.department if before.department in departments else TRIAGE
    flags = (RETURNED, REOPENED) if state.status == "resolved" else (RETURNED,)
    decision = _next_hop(before, target, flags, _return_reason(outcome), now)
    after = states.moved(
        state, outcome.id, decision.department, state.priority, decision.hops, outcome.at
    )
    # A resolve of the earlier hop that comes later does not count: the item is open.
    after = states.with_closed(after, [(before.message, before.hops)])
    moved = states.moved_key(before.message, before.hops)
    after = states.with_keys(after, [reply, moved])
    return RoutingResult(
        decision=decision,
        state=states.unanswered(after, item.message.id, item.message.received_at),
        item=WorkItem(message=item.message, decision=decision, due=item.due),
    )


def _next_hop(
    before: Decision, target: str, flags: tuple[str, ...], reason: Reason, now: datetime
) -> Decision:
    """Return the decision of an item that goes one hop further; too many hops end in triage."""
    hops, stated = before.hops + 1, before.reasons
    if hops > states.HOP_LIMIT:
        target, flags, stated = TRIAGE, ("hop_limit", *flags), (*stated, reasons.HOPS)
    return msgspec.structs.replace(
        before,
        department=target,
        action="queue" if target != TRIAGE else "triage",
        hops=hops,
        flags=tuple(dict.fromkeys((*before.flags, *flags))),
        reasons=(*stated, reason),
        decided_at=now,
    )


def _return_reason(outcome: Outcome) -> Reason:
    """Return the reason that the agent reads in the item."""
    why = outcome.reason[:_MAX_REASON_CHARS]
    return Reason(
        kind="state",
        id="reply.undeliverable",
        version=reasons.VERSION,
        text_tr=f"yanıt müşteriye ulaşmadı: {why}",
        text_en=f"the answer did not reach the customer: {why}",
    )


def _move_reason(outcome: Outcome) -> Reason:
    """Return the reason with the words of the person who moved the item."""
    return Reason(
        kind="state",
        id=f"people.{outcome.kind}",
        version=reasons.VERSION,
        text_tr=f"{outcome.department} bölümünden gönderildi: {outcome.reason}",
        text_en=f"sent by {outcome.department}: {outcome.reason}",
    )


def _expired_state(outcome: Outcome, now: datetime) -> ConversationState:
    """Return a state for a conversation that expired while its item was at a desk."""
    return ConversationState(
        conversation=outcome.conversation,
        brand=outcome.brand,
        department=outcome.department,
        opened_at=now,
        updated_at=now,
    )
