"""The one table of topics: name, key, partitions, retention, Struct, writers and readers.

runtime/topics/creation.py creates the topics, and publish.py documents them. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from schemas.base import Record, Time
from schemas.dead_letter import DeadLetter
from schemas.decision import ACTIONS, Decision, WorkItem
from schemas.incident import STATUSES, Incident, Pulse, pulse_id
from schemas.message import KINDS as MESSAGE_KINDS
from schemas.message import Message
from schemas.outcome import AUTHORS, REPLY_KINDS, Outcome, Reply
from schemas.outcome import KINDS as OUTCOME_KINDS
from schemas.state.conversation import STATUSES as CONVERSATION_STATUSES
from schemas.state.conversation import ConversationState
from schemas.state.cursor import Cursor
from schemas.state.delivery import STATES as DELIVERY_STATES
from schemas.state.delivery import ReplyDelivery
from schemas.state.link import VERDICTS, Link
from schemas.state.waiting import CLOSED, WaitingMessage, closed_key, waiting_key
from schemas.state.waiting import WAITING as WAITS

R = TypeVar("R", bound=Record)

DAY_MS = 24 * 3600 * 1000
FOREVER_MS = -1
RECORD_LIMIT = 512 * 1024
"""Largest record value in bytes; the brokers' own limit is set above it."""
BROKER_MESSAGE_MAX = 1024 * 1024
"""Largest batch that a topic takes, in bytes: headers and framing come on top of a record."""

Partitions = Literal["conversation", "queue", "one"]
"""How many: as many as conversations are spread over, as a queue has, or a single one."""


@dataclass(frozen=True, kw_only=True)
class Topic(Generic[R]):
    """One topic; `retention_ms` -1 keeps for ever, `compact` keeps the newest value of a key.

    A compacted topic with a retention time also drops what is older than that. An `eager` one
    compacts early and in small segments: most of its records are soon without worth. `key` names
    the record's key for readers of the documentation, and `key_of` returns it. `ce_type` is the
    type in the CloudEvents header; a renamed Struct leaves it as it is. `is_known` says whether
    this version knows a record's own word (its kind, status or state).
    """

    name: str
    key: str
    struct: type[R]
    ce_type: str
    key_of: Callable[[R], str]
    id_of: Callable[[R], str]
    time_of: Callable[[R], Time]
    written_by: str
    read_by: str
    carries: str
    partitions: Partitions = "conversation"
    retention_ms: int = 30 * DAY_MS
    compact: bool = False
    eager: bool = False
    is_known: Callable[[R], bool] = lambda _record: True


AnyTopic = Topic[Any]
"""A topic of a table that holds topics of several Structs."""


def _incident_id(incident: Incident) -> str:
    return f"{incident.id};{incident.status};{incident.at.isoformat()}"


def _delivery_id(delivery: ReplyDelivery) -> str:
    return f"{delivery.reply}/{delivery.state}/{delivery.attempt}/{delivery.process}"


def _letter_id(letter: DeadLetter) -> str:
    """Return the id of a dead letter, with its number once it was refused again."""
    return f"{letter.id};{letter.attempt}" if letter.attempt else letter.id


def _waiting_key(entry: WaitingMessage) -> str:
    waits = entry.state == WAITS
    key = waiting_key(entry.message, entry.hops) if waits else closed_key(entry.message)
    return key.decode()


MESSAGES = Topic(
    name="messages.v1",
    key="conversation",
    struct=Message,
    ce_type="santral.message.v1",
    key_of=lambda message: message.conversation,
    id_of=lambda message: message.id,
    time_of=lambda message: message.received_at,
    written_by="ingest",
    read_by="router, recorder",
    carries="every accepted message",
    retention_ms=90 * DAY_MS,
    is_known=lambda message: message.kind in MESSAGE_KINDS,
)
DECISIONS = Topic(
    name="decisions.v1",
    key="conversation",
    struct=Decision,
    ce_type="santral.decision.v1",
    key_of=lambda decision: decision.conversation,
    id_of=lambda decision: f"{decision.message};{decision.hops}",
    time_of=lambda decision: decision.decided_at,
    written_by="router",
    read_by="watch, recorder, analysts",
    carries="where each message went and why, without the customer's text",
    retention_ms=90 * DAY_MS,
    is_known=lambda decision: decision.action in ACTIONS,
)
CONVERSATIONS = Topic(
    name="conversations.v1",
    key="conversation",
    struct=ConversationState,
    ce_type="santral.conversation_state.v1",
    key_of=lambda state: state.conversation,
    id_of=lambda state: state.conversation,
    time_of=lambda state: state.updated_at,
    written_by="router",
    read_by="router",
    carries="the router's own memory, newest value of each conversation",
    retention_ms=FOREVER_MS,
    compact=True,
    is_known=lambda state: state.status in CONVERSATION_STATUSES,
)
OUTCOMES = Topic(
    name="outcomes.v1",
    key="conversation",
    struct=Outcome,
    ce_type="santral.outcome.v1",
    key_of=lambda outcome: outcome.conversation,
    id_of=lambda outcome: outcome.id,
    time_of=lambda outcome: outcome.at,
    written_by="workers, door (delivery receipts of chat)",
    read_by="router, recorder, desk",
    carries="what people and workers did",
    retention_ms=90 * DAY_MS,
    is_known=lambda outcome: outcome.kind in OUTCOME_KINDS and outcome.by in (None, *AUTHORS),
)
WAITING = Topic(
    name="waiting.v1",
    key="message and hops",
    struct=WaitingMessage,
    ce_type="santral.waiting_message.v1",
    key_of=_waiting_key,
    id_of=_waiting_key,
    # The finish of a message that is still to come has no time: its writer states one.
    time_of=lambda entry: datetime.fromtimestamp(entry.arrived_ms / 1000, UTC),
    written_by="desk",
    read_by="desk",
    carries="the messages that wait at a desk, without their text: Redis is rebuilt from them",
    retention_ms=FOREVER_MS,
    compact=True,
    eager=True,
    is_known=lambda entry: entry.state in (WAITS, CLOSED),
)
REPLIES = Topic(
    name="replies.v1",
    key="conversation",
    struct=Reply,
    ce_type="santral.reply.v1",
    key_of=lambda reply: reply.conversation,
    id_of=lambda reply: reply.id,
    time_of=lambda reply: reply.at,
    written_by="desk, acknowledgements",
    read_by="reply actions, door",
    carries="texts to be sent to customers",
    is_known=lambda reply: reply.kind in REPLY_KINDS,
)
DELIVERIES = Topic(
    name="deliveries.v1",
    key="reply",
    struct=ReplyDelivery,
    ce_type="santral.delivery.v1",
    key_of=lambda delivery: delivery.reply,
    id_of=_delivery_id,
    time_of=lambda delivery: delivery.at,
    written_by="reply actions",
    read_by="reply actions",
    carries="how far each reply to a customer is, in the partition of its reply",
    compact=True,
    is_known=lambda delivery: delivery.state in DELIVERY_STATES,
)
INCIDENTS = Topic(
    name="incidents.v1",
    key="incident",
    struct=Incident,
    ce_type="santral.incident.v1",
    key_of=lambda incident: incident.id,
    id_of=_incident_id,
    time_of=lambda incident: incident.at,
    written_by="watch, people (console)",
    read_by="router, watch, recorder, holding answers",
    carries="incidents opened, grown, closed, and what people said of them",
    partitions="one",
    retention_ms=FOREVER_MS,
    is_known=lambda incident: incident.status in STATUSES,
)
PULSES = Topic(
    name="pulses.v1",
    key="brand",
    struct=Pulse,
    ce_type="santral.pulse.v1",
    key_of=lambda pulse: pulse.brand,
    id_of=pulse_id,
    time_of=lambda pulse: pulse.hour,
    written_by="watch",
    read_by="watch, analysts",
    carries="what an hour of a brand was like: the usual, against which incidents stand out",
    partitions="one",
    retention_ms=63 * DAY_MS,
)
LINKS = Topic(
    name="links.v1",
    key="link",
    struct=Link,
    ce_type="santral.link.v1",
    key_of=lambda link: link.id,
    id_of=lambda link: f"{link.id};{link.at.isoformat()}",
    time_of=lambda link: link.at,
    written_by="people (console)",
    read_by="recorder",
    carries="which handles people say are one customer's, or are not",
    partitions="one",
    retention_ms=FOREVER_MS,
    is_known=lambda link: link.status in VERDICTS,
)
DEAD = Topic(
    name="dead.v1",
    key="source",
    struct=DeadLetter,
    ce_type="santral.dead_letter.v1",
    key_of=lambda letter: letter.source,
    id_of=_letter_id,
    time_of=lambda letter: letter.at,
    written_by="any stage",
    read_by="recorder, `santral dead`",
    carries="what was refused for good, with the reason and where its bytes lie",
    partitions="one",
    retention_ms=FOREVER_MS,
)
CURSORS = Topic(
    name="cursors.v1",
    key="source",
    struct=Cursor,
    ce_type="santral.cursor.v1",
    key_of=lambda cursor: cursor.source,
    id_of=lambda cursor: f"{cursor.source};{cursor.epoch};{cursor.position}",
    time_of=lambda cursor: cursor.at,
    written_by="ingest",
    read_by="ingest",
    carries="how far each pulled source was read, newest value of each",
    partitions="one",
    retention_ms=FOREVER_MS,
    compact=True,
)

FIXED: tuple[AnyTopic, ...] = (
    MESSAGES,
    DECISIONS,
    CONVERSATIONS,
    OUTCOMES,
    WAITING,
    REPLIES,
    DELIVERIES,
    INCIDENTS,
    PULSES,
    LINKS,
    DEAD,
    CURSORS,
)


def queue_topic(department: str) -> str:
    """Return the name of a department's queue."""
    return f"queue.{department}.v1"


def queue_topics(departments: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the departments' queues."""
    return tuple(queue_topic(department) for department in departments)


def queue(department: str) -> Topic[WorkItem]:
    """Return the topic of a department's queue."""
    return Topic(
        name=queue_topic(department),
        key="conversation",
        struct=WorkItem,
        ce_type="santral.work_item.v1",
        key_of=lambda work: work.message.conversation,
        id_of=lambda work: f"{work.decision.message};{work.decision.hops}",
        time_of=lambda work: work.decision.decided_at,
        written_by="router",
        read_by="desk, actions, departments, watch",
        carries=f"the work of the department {department}",
        partitions="queue",
        retention_ms=90 * DAY_MS,
        is_known=lambda work: work.decision.action in ACTIONS,
    )


def all_topics(departments: tuple[str, ...]) -> tuple[AnyTopic, ...]:
    """Return every topic of an installation with those departments."""
    return (*FIXED, *(queue(name) for name in departments))
