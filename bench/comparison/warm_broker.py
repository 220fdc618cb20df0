"""One broker for all runs of a comparison, so that no run meets a cold Java."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import KafkaSettings, Settings
from tests.support.servers.broker import SharedBroker, broker_process
from tests.support.waiting import wait

_GROUPS_LIMIT_S = 120.0
"""The group of a killed program has members until their session ends."""

_CALL_LIMIT_S = 10.0


class WarmBroker:
    """The broker of all runs of a comparison; each run has empty topics and no group."""

    def __init__(self, broker: SharedBroker) -> None:
        self._broker = broker
        self._settings: Settings | None = None

    def empty(self) -> Settings:
        """Return settings for the next run, once every process of the last one has left."""
        if self._settings is not None:
            _wait_for_empty_groups(self._settings.kafka)
        self._settings = self._broker.fresh()
        return self._settings

    def process(self) -> psutil.Process:
        """Return the broker's process."""
        return broker_process(self.empty() if self._settings is None else self._settings)


@contextmanager
def warm_broker(partitions: int = KafkaSettings().partitions) -> Iterator[WarmBroker]:
    """Yield a broker with so many partitions of the topics by conversation."""
    broker = SharedBroker(partitions)
    try:
        yield WarmBroker(broker)
    finally:
        broker.stop()


def _wait_for_empty_groups(kafka: KafkaSettings) -> None:
    """Wait until no group has a member, because the broker is replaced while one has."""
    admin = AdminClient(rdkafka_settings(kafka))

    def are_empty() -> bool:
        groups = admin.list_consumer_groups().result(_CALL_LIMIT_S).valid
        return all(
            group.state in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD) for group in groups
        )

    wait("every group is without members", are_empty, _GROUPS_LIMIT_S)
