"""The probes of the neighbours: one short use of each.

Before: settings. After: runtime/neighbour.py runs each in a thread of its own, in quiet times.
"""

from confluent_kafka.admin import AdminClient

from runtime.bus import rdkafka
from runtime.neighbour import Probe
from runtime.settings import Kafka

_REQUEST_S = 4.0


def kafka_probe(kafka: Kafka) -> Probe:
    """Return a probe that asks the brokers for their list."""
    admin: AdminClient | None = None

    def probe() -> None:
        nonlocal admin
        if admin is None:
            # Its own lines in the log would repeat what the neighbour's line says.
            quiet = {"log_level": 0, "reconnect.backoff.max.ms": 1000, "socket.timeout.ms": 4000}
            admin = AdminClient(rdkafka(kafka, **quiet))
        admin.describe_cluster(request_timeout=_REQUEST_S).result(_REQUEST_S + 1)

    return probe
