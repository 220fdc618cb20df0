"""The task of every peer: its topics, its group and the decision of a batch.

The decision is the router's own, with the default rules, and without a conversation's state.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.policy import policy
from router.decision.analysis import analyse
from router.decision.decide import decide_message
from schemas import envelope, topics
from schemas.message import Message

BOOTSTRAP = os.environ.get("SANTRAL_KAFKA__BOOTSTRAP", "127.0.0.1:9092")
SOURCE = topics.MESSAGES.name
TARGET = topics.queue_topic("orders")
GROUP = "bench-peer"

BATCH = 4_000
"""Messages of one transaction or commit, as many as the router takes at most."""

LINGER_MS = 5
MAX_BATCH_BYTES = 512 * 1024
"""The batch of one partition. The 16 KB of aiokafka hold five items."""

_POLICY = policy()


def route(values: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the key and the value of the work item of each encoded message."""
    messages = [envelope.decode(Message, value) for value in values]
    now = datetime.now(UTC)
    items = []
    for message, analysis in zip(messages, analyse(messages, _POLICY), strict=True):
        item = decide_message(message, None, _POLICY, now, analysis).item
        if item is not None:
            items.append((message.conversation.encode(), envelope.encode(item)))
    return items
