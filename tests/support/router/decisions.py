"""Decisions of the default policy, and decisions of which only some fields matter."""

import msgspec

from router.decision.decide import RoutingResult, decide_message
from schemas.decision import Decision
from schemas.message import Message
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
