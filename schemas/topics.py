"""The one table of topics: name, key, partitions, retention, Struct, who writes, who reads.

Before: nothing. After: runtime/topics.py creates them, publish.py documents them. Pure.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.base import Record
from schemas.conversation import ConversationState
from schemas.cursor import Cursor
from schemas.dead import DeadLetter
from schemas.decision import Decision, WorkItem
from schemas.delivery import Delivery
from schemas.incident import Incident, Pulse
from schemas.link import Link
from schemas.message import Message
from schemas.outcome import Outcome, Reply
from schemas.waiting import WaitingMessage

DAY_MS = 24 * 3600 * 1000
FOREVER_MS = -1
RECORD_LIMIT = 512 * 1024
"""Largest record value in bytes; the brokers' own limit is set above it."""
BROKER_MESSAGE_MAX = 1024 * 1024
"""Largest batch that a topic takes, in bytes: headers and framing come on top of a record."""

Partitions = Literal["conversation", "queue", "one"]
"""How many: as many as conversations are spread over, as a queue has, or a single one."""


@dataclass(frozen=True)
class Topic:
    """One topic; `retention_ms` -1 keeps for ever, `compact` keeps the newest value of a key.

    A compacted topic with a retention time also drops what is older than that. An `eager` one
    compacts early and in small segments: most of its records are soon without worth.
    """

    name: str
    key: str
    struct: type[Record]
    written_by: str
    read_by: str
    carries: str
    partitions: Partitions = "conversation"
    retention_ms: int = 30 * DAY_MS
    compact: bool = False
    eager: bool = False


MESSAGES = Topic(
    "messages.v1", "conversation", Message, "ingest", "router, recorder",
    "every accepted message", retention_ms=90 * DAY_MS,
)  # fmt: skip
DECISIONS = Topic(
    "decisions.v1", "conversation", Decision, "router", "watch, recorder, analysts",
    "where each message went and why, without the customer's text", retention_ms=90 * DAY_MS,
)  # fmt: skip
CONVERSATIONS = Topic(
    "conversations.v1", "conversation", ConversationState, "router", "router",
    "the router's own memory, newest value of each conversation",
    retention_ms=FOREVER_MS, compact=True,
)  # fmt: skip
OUTCOMES = Topic(
    "outcomes.v1", "conversation", Outcome, "workers, door (delivery receipts of chat)",
    "router, recorder, desk", "what people and workers did", retention_ms=90 * DAY_MS,
)  # fmt: skip
WAITING = Topic(
    "waiting.v1",
    "message and hops",
    WaitingMessage,
    "desk",
    "desk",
    "the messages that wait at a desk, without their text: Redis is rebuilt from them",
    retention_ms=FOREVER_MS,
    compact=True,
    eager=True,
)
REPLIES = Topic(
    "replies.v1", "conversation", Reply, "desk, acknowledgements", "reply actions, door",
    "texts to be sent to customers",
)  # fmt: skip
DELIVERIES = Topic(
    "deliveries.v1",
    "reply",
    Delivery,
    "reply actions",
    "reply actions",
    "how far each reply to a customer is, in the partition of its reply",
    retention_ms=30 * DAY_MS,
    compact=True,
)
INCIDENTS = Topic(
    "incidents.v1", "incident", Incident, "watch, people (console)",
    "router, watch, recorder, holding answers",
    "incidents opened, grown, closed, and what people said of them",
    partitions="one", retention_ms=FOREVER_MS,
)  # fmt: skip
PULSES = Topic(
    "pulses.v1", "brand", Pulse, "watch", "watch, analysts",
    "what an hour of a brand was like: the usual, against which incidents stand out",
    partitions="one", retention_ms=63 * DAY_MS,
)  # fmt: skip
LINKS = Topic(
    "links.v1", "link", Link, "people (console)", "recorder",
    "which handles people say are one customer's, or are not", partitions="one",
    retention_ms=FOREVER_MS,
)  # fmt: skip
DEAD = Topic(
    "dead.v1", "source", DeadLetter, "any stage", "recorder, `santral dead`",
    "what was refused for good, with the reason and where its bytes lie",
    partitions="one", retention_ms=FOREVER_MS,
)  # fmt: skip
CURSORS = Topic(
    "cursors.v1", "source", Cursor, "ingest", "ingest",
    "how far each pulled source was read, newest value of each",
    partitions="one", retention_ms=FOREVER_MS, compact=True,
)  # fmt: skip

FIXED = (
    MESSAGES, DECISIONS, CONVERSATIONS, OUTCOMES, WAITING, REPLIES, DELIVERIES, INCIDENTS, PULSES,
    LINKS, DEAD, CURSORS,
)  # fmt: skip


def queue_topic(department: str) -> str:
    """Return the name of a department's queue."""
    return f"queue.{department}.v1"


def queue(department: str) -> Topic:
    """Return the topic of a department's queue."""
    return Topic(
        queue_topic(department), "conversation", WorkItem, "router",
        "desk, actions, departments, watch",
        f"the work of the department {department}", partitions="queue", retention_ms=90 * DAY_MS,
    )  # fmt: skip


def all_topics(departments: tuple[str, ...]) -> tuple[Topic, ...]:
    """Return every topic of an installation with those departments."""
    return (*FIXED, *(queue(name) for name in departments))
