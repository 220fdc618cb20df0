"""A member of a consumer group that keeps its partitions over a quick restart.

A stage's KafkaIdentity gives the consumer its settings. The consumer leaves the group when it
stops, and notices another process of the same name.
"""

from time import monotonic

from confluent_kafka import Consumer, KafkaError

from runtime.bus.identity import KafkaIdentity

SESSION_S = 6
"""The shortest session that brokers take by default. librdkafka's own thread sends the heartbeats,
so a busy interpreter loses none. Kafka fences a member that freezes for longer, and it rejoins."""
HEARTBEAT_S = 1
REMEDY = (
    "another process has this name in Kafka. This process goes on under a random name. Give each "
    "its own folder as `home`, or its own `instance` in [kafka]."
)
_LEAVE_S = 2.0
_TAKEN = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()
"""The words of the broker; a consumer wraps them into an error with another code."""


def member_settings(identity: KafkaIdentity) -> dict[str, str | int]:
    """Return the settings of a consumer for its place in the group."""
    static = {"group.instance.id": identity.name} if identity.lasting else {}
    return {
        "client.id": identity.name,
        "session.timeout.ms": SESSION_S * 1000,
        "heartbeat.interval.ms": HEARTBEAT_S * 1000,
        **static,
    }


def is_fatal(error: KafkaError) -> bool:
    """Say whether a consumer with this error reads nothing any more."""
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def is_name_taken(error: KafkaError) -> bool:
    """Say whether another process has joined the group under the same name."""
    return _TAKEN in error.str()


def leave_group(consumer: Consumer) -> None:
    """Leave the group and close: the others get the partitions at once.

    A consumer with a lasting name that only closes keeps its partitions until its session ends.
    """
    consumer.unsubscribe()
    until = monotonic() + _LEAVE_S
    while consumer.assignment() and monotonic() < until:
        consumer.poll(0.05)
    consumer.close()
