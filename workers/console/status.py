"""How far each stage is behind, asked of Kafka: what is stuck.

Before: pages.py. After: the Flow page. Asked at most once in two seconds, however many look.
"""

import threading
import time
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings

_GROUPS = {
    "router": ("santral-router", "messages.v1"),
    "recorder": ("santral-recorder", "messages.v1"),
    "desk": ("santral-lines", "outcomes.v1"),
    "replies": ("santral-replies", "replies.v1"),
}
_EVERY_S = 2.0
_STUCK_S = 30.0
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Stage:
    """One stage: records behind, and whether it stands still with some."""

    name: str
    behind: int | None
    stuck: bool


class Lag:
    """The lag of every group, asked now and then."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: AdminClient | None = None
        self._told: list[Stage] = []
        self._asked_at = 0.0
        self._moved: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def now(self) -> list[Stage]:
        """Return what is known, asking anew when that is older than two seconds."""
        with self._lock:
            if time.monotonic() - self._asked_at > _EVERY_S:
                self._told = self._all()
                self._asked_at = time.monotonic()
            return self._told

    def _all(self) -> list[Stage]:
        """Return every stage; after one request without an answer, stop asking Kafka."""
        try:
            return [self._one(name, *reader) for name, reader in _GROUPS.items()]
        except KafkaException:
            return [Stage(name, None, True) for name in _GROUPS]

    def _one(self, name: str, group: str, topic: str) -> Stage:
        position, behind = self._ask(group, topic)
        was, since = self._moved.get(name, (-1, 0.0))
        if position != was or not behind:
            since = time.monotonic()
        self._moved[name] = (position, since)
        return Stage(name, behind, bool(behind) and time.monotonic() - since > _STUCK_S)

    def _ask(self, group: str, topic: str) -> tuple[int, int]:
        if self._admin is None:
            self._admin = AdminClient(rdkafka_settings(self._settings.kafka))
        partitions = self._admin.list_topics(topic, _PATIENCE_S).topics[topic].partitions
        parts = [TopicPartition(topic, p) for p in partitions]
        asked = [ConsumerGroupTopicPartitions(group, parts)]
        committed = (
            self._admin.list_consumer_group_offsets(asked)[group]
            .result(_PATIENCE_S)
            .topic_partitions
        )
        at = {p.partition: max(0, p.offset) for p in committed}
        ends = self._admin.list_offsets({p: OffsetSpec.latest() for p in parts})
        behind = sum(
            max(0, f.result(_PATIENCE_S).offset - at.get(p.partition, 0)) for p, f in ends.items()
        )
        return sum(at.values()), behind
