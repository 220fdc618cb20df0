"""Decisions with the default rules and departments, for tests."""

from router.decision.decide import RoutingResult, decide_message
from schemas.message import Message
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, policy


def decide_default(message: Message, state: ConversationState | None = None) -> RoutingResult:
    """Return the result of a message at NOW."""
    return decide_message(message, state, policy(), NOW)
