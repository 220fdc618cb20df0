"""librdkafka's admin client for questions that a stage repeats, also while brokers are away.

Before: settings. Then runtime/stage/probes.py and workers/store/topic_logs.py ask brokers with it.
"""

from confluent_kafka.admin import AdminClient

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import KafkaSettings

_REPEATED = {
    # Its own lines in the log would repeat what the neighbour's line says.
    "log_level": 0,
    "socket.timeout.ms": 4_000,
    # A client that connects only to the brokers it needs drops the pause between its attempts when
    # the broker that it needs is the controller: it tried a dead one 6,000 times a second, and
    # occupied a core. A client that connects to all brokers keeps the pause.
    "enable.sparse.connections": False,
}


def admin_client(kafka: KafkaSettings) -> AdminClient:
    """Return a client that waits quietly for brokers that are away."""
    return AdminClient(rdkafka_settings(kafka, **_REPEATED))
