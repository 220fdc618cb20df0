"""Priority, sentiment and severity, from the rules, the customer and the waiting time. Pure.

`score_rules` is the share of the rules. `adjust_priority` adds the points of the customer's table
and of an overdue answer, and returns the reason for each.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from router.decision.reasons import customer_priority_reason, waiting_reason
from router.text.customer_priority import CustomerPriorities
from router.text.rule import Hit
from schemas.base import Record
from schemas.decision import Reason
from schemas.message import Message
from schemas.routing.departments import Department
from schemas.state.conversation import ConversationState

BASE_PRIORITY = 30
"""The priority of a message that no rule, customer or incident changes."""

_MAX_PRIORITY = 100
_WAITING_POINTS = 10
"""A customer who writes again after the promised time for a first answer gets these points."""

_POINTS_PER_SEVERITY = 10
_ANGER_POINTS = 5
_ANGRY_SENTIMENT = -0.6
_IRONY_PENALTY = 0.1


class RuleScores(Record, frozen=True):
    """Priority from 0 to 100, sentiment from -1 to 1, severity from 0 to 2."""

    priority: int
    sentiment: float
    severity: int


class AdjustedPriority(Record, frozen=True):
    """The priority that the conversation keeps, that of this message, and the reasons for both.

    Both are from 0 to 100.
    """

    conversation: int
    message: int
    reasons: tuple[Reason, ...]


def score_rules(hits: Sequence[Hit]) -> RuleScores:
    """Return the base priority with the points of the rules, of their severity and of anger.

    Praise beside a complaint is more often irony than praise ("bravo, yine kesildi"), so it does
    not count as praise and costs a little.
    """
    points, praise, blame, severity = BASE_PRIORITY, 0.0, 0.0, 0
    for hit in hits:
        rule = hit.rule
        points += rule.priority
        if rule.sentiment > 0:
            praise += rule.sentiment
        else:
            blame += rule.sentiment
        if rule.severity > severity:
            severity = rule.severity
    total = praise if not blame else blame - (_IRONY_PENALTY if praise else 0.0)
    sentiment = round(-1.0 if total < -1 else min(total, 1.0), 3)
    points += _POINTS_PER_SEVERITY * severity
    if sentiment <= _ANGRY_SENTIMENT:
        points += _ANGER_POINTS
    return RuleScores(_bounded(points), sentiment, severity)


def adjust_priority(
    points: int,
    message: Message,
    state: ConversationState | None,
    departments: Mapping[str, Department],
    customers: CustomerPriorities,
    *,
    from_person: bool,
) -> AdjustedPriority:
    """Return the priority of a message from the points of its rules and its incident.

    `state` is the conversation that the message continues, None if it opens one.
    """
    reasons: tuple[Reason, ...] = ()
    customer = customers.find(message.sender) if from_person else None
    if customer is not None:
        points += customer[1]
        reasons = (customer_priority_reason(customer[0], customers.version),)
    points = _bounded(points)
    if state is None:
        return AdjustedPriority(points, points, reasons)
    points = max(points, state.priority)
    waited = _overdue_time(message, state, departments) if from_person else None
    if waited is None:
        return AdjustedPriority(points, points, reasons)
    reasons = (*reasons, waiting_reason(waited, _WAITING_POINTS))
    return AdjustedPriority(points, _bounded(points + _WAITING_POINTS), reasons)


def _bounded(points: int) -> int:
    return max(0, min(points, _MAX_PRIORITY))


def _overdue_time(
    message: Message, state: ConversationState, departments: Mapping[str, Department]
) -> timedelta | None:
    """Return how long a customer has waited if the department promised an earlier answer."""
    if state.status != "open" or state.unanswered_since is None:
        return None
    waited = message.received_at - state.unanswered_since
    return waited if waited > departments[state.department].first_response else None
