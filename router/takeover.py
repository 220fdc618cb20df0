"""Ends the transactions that dead routers left open on partitions that this process gained.

While a transaction is pending on a partition, Kafka holds the committed offset back. With this
module the broker aborts the transaction within a second, and not only after its timeout.

The metadata of each committed offset names the transactional id of the router that wrote it, and
every router commits the offsets of a partition once before it reads there. A pending transaction
therefore belongs to the router that the offset names.
"""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.bus.client_settings import rdkafka_settings
from runtime.log import get
from runtime.settings.structs import KafkaSettings

log = get(__name__)

_CALL_LIMIT_S = 3.0


def make_signature(name: str, life: str) -> str:
    """Return the metadata of an offset, which names the transactional id and the life of it."""
    return f"{name};{life}"


def end_open_transactions(
    kafka: KafkaSettings, group: str, partitions: list[TopicPartition]
) -> list[str]:
    """Abort the transactions of dead routers on these partitions; return the routers' names.

    A router that is a member of the group is alive and ends its transaction itself. One that was
    stopped for longer than its session has left the group: its next call fails, and it joins again.
    Raises KafkaException when Kafka does not answer.
    """
    owners = _owners(kafka, group, partitions)
    dead = sorted(owners - _members(kafka, group)) if owners else []
    for name in dead:
        _fence(kafka, name)
    return dead


def _owners(kafka: KafkaSettings, group: str, partitions: list[TopicPartition]) -> set[str]:
    """Return the routers that committed these partitions last, whatever is pending there."""
    reader = Consumer(
        rdkafka_settings(kafka, **{"group.id": group, "isolation.level": "read_uncommitted"})
    )
    try:
        committed = reader.committed(partitions, _CALL_LIMIT_S)
    finally:
        reader.close()
    return {name for p in committed if (name := (p.metadata or "").partition(";")[0])}


def _members(kafka: KafkaSettings, group: str) -> set[str]:
    """Return the names of the routers that are in the group now."""
    admin = AdminClient(rdkafka_settings(kafka))
    descriptions = admin.describe_consumer_groups([group], request_timeout=_CALL_LIMIT_S)
    return {member.client_id for member in descriptions[group].result().members}


def _fence(kafka: KafkaSettings, name: str) -> None:
    """Take a transactional id over; the broker aborts its transaction and refuses its old owner."""
    producer = Producer(
        rdkafka_settings(kafka, **{"transactional.id": name, "client.id": f"{name}-ended"})
    )
    producer.init_transactions(_CALL_LIMIT_S)
    log.info("transaction.ended", name=name)
