"""An observation is the extract of a decided message by which the watch finds incidents. Pure."""

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

_MAX_TEXT_CHARS = 400
"""The beginning of a text holds the words that name an incident."""

_MAX_CREDIBLE_DELAY = timedelta(days=1)
"""A message that says that it is older than this has a wrong clock."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A message as the watch sees it.

    `written_at` is in seconds. `customer` is a short hash of the sender. `trouble` says whether
    the message may report that something went wrong, and `incident` is the one that the router
    matched.
    """

    message: str
    brand: str
    written_at: float
    customer: str
    terms: frozenset[str]
    trouble: bool
    department: str
    text: str = ""
    incident: str | None = None


def observe(item: WorkItem) -> Observation | None:
    """Return the observation of a work item, None for an item that never opens an incident.

    People moved such an item, or it is an edit, a reaction or spam.
    """
    message, decision = item.message, item.decision
    if decision.hops or message.event is not None or SPAM in decision.flags:
        return None
    text = classified_text(message)[: terms.MAX_TERM_CHARS]
    handles = message.sender.handles
    sender = handles[0].value if handles else message.conversation
    return Observation(
        message=message.id,
        brand=message.brand,
        written_at=_credible_time(message),
        customer=sender_digest(sender),
        terms=terms.find_terms(fold(text), decision.topics),
        trouble=is_trouble(decision.intent, decision.sentiment, decision.severity),
        department=decision.department,
        text=text[:_MAX_TEXT_CHARS],
        incident=decision.incident,
    )


def _credible_time(message: Message) -> float:
    """Return when the customer wrote a message, or when it arrived if that time is not credible.

    Mail that waited in a mailbox arrives at once, and the times of writing show that it is not a
    burst.
    """
    received, sent = message.received_at, message.sent_at
    if sent is not None and timedelta(0) <= received - sent <= _MAX_CREDIBLE_DELAY:
        return sent.timestamp()
    return received.timestamp()
