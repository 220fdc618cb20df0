"""Transactions of a producer with several records."""

import uuid
from collections.abc import Sequence

from confluent_kafka import Producer

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings


def begin_transaction(settings: Settings, topic: str, values: Sequence[str]) -> Producer:
    """Write records in a transaction, and return its producer, which has not ended it."""
    producer = Producer(rdkafka_settings(settings.kafka, **{"transactional.id": uuid.uuid4().hex}))
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value.encode(), b"k")
    producer.flush(30)
    return producer


def write_transaction(
    settings: Settings, topic: str, values: Sequence[str], *, commit: bool = True
) -> None:
    """Write records in a transaction, and commit or abort it."""
    producer = begin_transaction(settings, topic, values)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)
