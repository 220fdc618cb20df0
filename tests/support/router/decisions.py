"""Decisions of the default policy, and decisions of which only some fields matter."""

import msgspec

from router.decision.decide import RoutingResult, decide_message
from schemas.decision import Decision
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, policy

DECISION = Decision(
    message="m",
    brand="b",
    channel="api",
    conversation="c",
    department="billing",
    intent="request",
    action="queue",
    decided_at=NOW,
)


def decide_default(message: Message, state: ConversationState | None = None) -> RoutingResult:
    """Return the result of a message at NOW."""
    return decide_message(message, state, policy(), NOW)


def decision_with(**changes: object) -> Decision:
    """Return DECISION with some other fields."""
    return msgspec.structs.replace(DECISION, **changes)


def outcome_of(decision: Decision, kind: str, **changes: object) -> Outcome:
    """Return an outcome of a decided message, which has some other fields."""
    outcome = Outcome(
        id=f"{kind}-{decision.hops}",
        kind=kind,
        brand="default",
        conversation=decision.conversation,
        item=decision.message,
        department=decision.department,
        messages=(decision.message,),
        at=NOW,
        hops=decision.hops,
    )
    return msgspec.structs.replace(outcome, **changes)
