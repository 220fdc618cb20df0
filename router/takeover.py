"""Ends the transactions that dead routers left open on partitions that this process gained.

Before: membership.py is assigned partitions, and Kafka keeps their offsets back because a
transaction is pending on them. After: the broker has aborted it, within a second instead of after
its timeout. Each committed offset carries the transactional id of the router that wrote it, and
every router commits the offsets of a partition once before it reads there: a pending transaction is
therefore of the router whose id stands beside the offset.
"""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.bus.client_settings import rdkafka_settings
from runtime.log import get
from runtime.settings.structs import KafkaSettings

log = get(__name__)

_CALL_S = 3.0


def sign(name: str, life: str) -> str:
    """Return the words beside an offset: the writer's transactional id, and its life."""
    return f"{name};{life}"


def end_open_transactions(
    kafka: KafkaSettings, group: str, partitions: list[TopicPartition]
) -> list[str]:
    """Abort what dead routers left open on these partitions; return their names.

    A router that is a member of the group is alive and ends its transaction itself. One that was
    stopped for longer than its session is no member: its next call fails, and it joins again.
    Raises KafkaException when Kafka does not answer.
    """
    owners = _owners(kafka, group, partitions)
    dead = sorted(owners - _members(kafka, group)) if owners else []
    for name in dead:
        _fence(kafka, name)
    return dead


def _owners(kafka: KafkaSettings, group: str, partitions: list[TopicPartition]) -> set[str]:
    """Return who committed these partitions last; pending transactions hide nothing here."""
    reader = Consumer(
        rdkafka_settings(kafka, **{"group.id": group, "isolation.level": "read_uncommitted"})
    )
    try:
        places = reader.committed(partitions, _CALL_S)
    finally:
        reader.close()
    return {name for p in places if (name := (p.metadata or "").partition(";")[0])}


def _members(kafka: KafkaSettings, group: str) -> set[str]:
    """Return the names of the routers that are in the group now."""
    admin = AdminClient(rdkafka_settings(kafka))
    found = admin.describe_consumer_groups([group], request_timeout=_CALL_S)
    return {member.client_id for member in found[group].result().members}


def _fence(kafka: KafkaSettings, name: str) -> None:
    """Take a transactional id over: the broker aborts what is open, and refuses its old owner."""
    producer = Producer(
        rdkafka_settings(kafka, **{"transactional.id": name, "client.id": f"{name}-ended"})
    )
    producer.init_transactions(_CALL_S)
    log.info("transaction.ended", name=name)
