"""What the watch keeps of a message: who, when, about what. Pure.

Before: the work items of all queues. After: bursts.py and tracker.py.
"""

from dataclasses import dataclass
from datetime import timedelta

from router.decision.analysis import classified_text
from router.decision.department_choice import SPAM
from router.decision.incident_match import is_trouble
from router.text import terms
from schemas.decision import WorkItem
from schemas.message import Message
from schemas.state.conversation import sender_digest
from schemas.text.fold import fold

_SHOWN = 400  # characters of a text that are held for an incident's words
_BELIEVED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a message was written (seconds), by whom (a short hash), its terms, whether it tells of
    trouble, and the incident that the router gave it."""

    message: str
    brand: str
    at: float
    customer: str
    terms: frozenset[str]
    trouble: bool
    department: str
    text: str = ""
    incident: str | None = None


def sighting(item: WorkItem) -> Sighting | None:
    """Return what the watch keeps of a work item; None for what opens no incident: what people
    moved, edits and reactions, spam."""
    message, decision = item.message, item.decision
    if decision.hops or message.event is not None or SPAM in decision.flags:
        return None
    text = classified_text(message)[: terms.MAX_TERM_CHARS]
    handles = message.sender.handles
    who = handles[0].value if handles else message.conversation
    return Sighting(
        message=message.id,
        brand=message.brand,
        at=_written(message),
        customer=sender_digest(who),
        terms=terms.find_terms(fold(text), decision.topics),
        trouble=is_trouble(decision.intent, decision.sentiment, decision.severity),
        department=decision.department,
        text=text[:_SHOWN],
        incident=decision.incident,
    )


def _written(message: Message) -> float:
    """Return when a message was written, as far as its source can be believed: mail that waited in
    a mailbox is no burst."""
    came = message.received_at
    wrote = message.sent_at
    if wrote is not None and timedelta(0) <= came - wrote <= _BELIEVED:
        return wrote.timestamp()
    return came.timestamp()
