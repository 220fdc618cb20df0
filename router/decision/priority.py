"""Priority, sentiment and severity: by the rules that fired, by who writes, when and of what. Pure.

Before: decide.py has the hits. After: the Decision's numbers, each with the rule that gave it.
"""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from router.decision import reasons as why
from router.decision.policy import Policy
from router.text.rules import Hit
from router.text.terms import Belongs
from schemas.decision import Reason
from schemas.message import Message
from schemas.state.conversation import ConversationState

BASE = 30
"""Where a message without any special mark stands, of 100."""

_WAITING = 10
"""Points for a customer who writes again after the promised time for a first answer."""

_PER_SEVERITY = 10
_ANGRY = -0.6
_IRONY = 0.1


class Marks(msgspec.Struct, frozen=True, gc=False):
    """Priority from 0 to 100, sentiment from -1 to 1, severity from 0 to 2."""

    priority: int
    sentiment: float
    severity: int


def marks(hits: Sequence[Hit]) -> Marks:
    """Return the base and the rules' points, ten for each step of severity, five for anger.

    Praise beside a complaint is irony more often than praise ("bravo, yine kesildi"): it counts
    for nothing, and a little against.
    """
    points, praise, blame, severity = BASE, 0.0, 0.0, 0
    for hit in hits:
        rule = hit.rule
        points += rule.priority
        if rule.sentiment > 0:
            praise += rule.sentiment
        else:
            blame += rule.sentiment
        if rule.severity > severity:
            severity = rule.severity
    mood = praise if not blame else blame - (_IRONY if praise else 0.0)
    sentiment = round(-1.0 if mood < -1 else min(mood, 1.0), 3)
    points += _PER_SEVERITY * severity + (5 if sentiment <= _ANGRY else 0)
    return Marks(_bounded(points), sentiment, severity)


def urgency(
    message: Message,
    held: ConversationState | None,
    points: int,
    part: Belongs | None,
    policy: Policy,
    reasons: list[Reason],
    *,
    spoken: bool,
) -> tuple[int, int]:
    """Return the priority that stays with the conversation and that of this message, from 0 to
    100; say in `reasons` what was added to the rules' points."""
    if part is not None:
        points += policy.points[part.incident.status == "confirmed"]
    standing = policy.standing.of(message.sender) if spoken else None
    if standing is not None:
        points += standing[1]
        reasons.append(why.of_standing(standing[0], policy.standing.version))
    points = _bounded(points)
    if held is None:
        return points, points
    points = max(points, held.priority)
    waited = _waited(message, held, policy) if spoken else None
    if waited is None:
        return points, points
    reasons.append(why.of_waiting(waited, _WAITING))
    return points, _bounded(points + _WAITING)


def _bounded(points: int) -> int:
    return 0 if points < 0 else 100 if points > 100 else points


def _waited(message: Message, held: ConversationState, policy: Policy) -> timedelta | None:
    """Return how long a customer who writes again has waited, if that is longer than promised."""
    if held.status != "open" or held.unanswered_since is None:
        return None
    waited = message.received_at - held.unanswered_since
    promised = policy.departments[held.department].first_response
    return waited if waited > promised else None
