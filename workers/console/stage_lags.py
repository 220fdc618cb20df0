"""How many records each stage is behind in Kafka, and which stages are stuck.

Any number of open pages together query Kafka at most once every two seconds.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings

_GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "router": ("santral-router", "messages.v1"),
        "recorder": ("santral-recorder", "messages.v1"),
        "desk": ("santral-lines", "outcomes.v1"),
        "replies": ("santral-replies", "replies.v1"),
    }
)
"""The consumer group and the topic of each stage."""
_REFRESH_S = 2.0
_STUCK_AFTER_S = 30.0
"""A stage with records to read that does not move for this long is stuck."""
_REQUEST_S = 2.0
"""A page must not wait longer for Kafka."""


@dataclass(frozen=True)
class StageLag:
    """One stage; `behind` is None while Kafka does not answer."""

    name: str
    behind: int | None
    stuck: bool


class StageLags:
    """The lag of every stage, refreshed by the pages that show it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: AdminClient | None = None
        self._latest: list[StageLag] = []
        self._read_at = 0.0
        self._last_moves: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def read(self) -> list[StageLag]:
        """Return the lags, at most two seconds old."""
        with self._lock:
            if time.monotonic() - self._read_at > _REFRESH_S:
                self._latest = self._query_all()
                self._read_at = time.monotonic()
            return self._latest

    def _query_all(self) -> list[StageLag]:
        """Return every stage; after one request without an answer, stop querying Kafka."""
        try:
            return [self._query_stage(name, *group) for name, group in _GROUPS.items()]
        except KafkaException:
            return [StageLag(name, None, True) for name in _GROUPS]

    def _query_stage(self, name: str, group: str, topic: str) -> StageLag:
        position, behind = self._query_group(group, topic)
        last_position, since = self._last_moves.get(name, (-1, 0.0))
        if position != last_position or not behind:
            since = time.monotonic()
        self._last_moves[name] = (position, since)
        is_stuck = bool(behind) and time.monotonic() - since > _STUCK_AFTER_S
        return StageLag(name, behind, is_stuck)

    def _query_group(self, group: str, topic: str) -> tuple[int, int]:
        """Return the sum of a group's positions, and the number of records behind them."""
        if self._admin is None:
            self._admin = AdminClient(rdkafka_settings(self._settings.kafka))
        numbers = self._admin.list_topics(topic, _REQUEST_S).topics[topic].partitions
        partitions = [TopicPartition(topic, number) for number in numbers]
        request = [ConsumerGroupTopicPartitions(group, partitions)]
        committed = (
            self._admin.list_consumer_group_offsets(request)[group]
            .result(_REQUEST_S)
            .topic_partitions
        )
        positions = {p.partition: max(0, p.offset) for p in committed}
        ends = self._admin.list_offsets({p: OffsetSpec.latest() for p in partitions})
        behind = sum(
            max(0, future.result(_REQUEST_S).offset - positions.get(p.partition, 0))
            for p, future in ends.items()
        )
        return sum(positions.values()), behind
