"""The settings that Kafka clients share, for librdkafka and for aiokafka.

The router, the recorder, the console and all publishers use librdkafka. The asyncio stages read
with aiokafka.
"""

import ssl

from aiokafka.errors import KafkaError
from confluent_kafka.admin import AdminClient

from runtime.client_log import CLIENTS
from runtime.settings.structs import KafkaSettings

BROKER_ERRORS = (KafkaError, OSError, TimeoutError)
"""An aiokafka client raises one of these while the broker is away. Start another client then."""

_METADATA_REFRESH_MS = 5_000
"""The age at which a client reads the brokers, topics and partitions again."""

_LIBRDKAFKA_TIMES = {
    "reconnect.backoff.max.ms": 1_000,
    "socket.connection.setup.timeout.ms": 5_000,
    "socket.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": _METADATA_REFRESH_MS,
}
"""A client uses a broker within a second of its start, and gives up a silent broker after 10 s. An
admin client asks the controller that it knows, until the brokers name another."""

_ADMIN = {
    # Its own lines in the log would repeat what the neighbour's line says.
    "log_level": 0,
    "socket.timeout.ms": 4_000,
    # A client that connects only to the brokers it needs drops the pause between its attempts when
    # the broker that it needs is the controller: it tried a dead one 6,000 times a second, and
    # occupied a core. A client that connects to all brokers keeps the pause.
    "enable.sparse.connections": False,
}


def rdkafka_settings(kafka: KafkaSettings, **more: object) -> dict[str, object]:
    """Return the settings of a librdkafka client; `more` adds its own and wins.

    The client's own log lines go into our log (runtime/client_log.py).
    """
    identity = {"client.id": more.get("group.id", "santral"), "logger": CLIENTS}
    return {
        "bootstrap.servers": kafka.bootstrap,
        **_LIBRDKAFKA_TIMES,
        **kafka.security,
        **identity,
        **more,
    }


def admin_client(kafka: KafkaSettings) -> AdminClient:
    """Return a client for questions that a stage repeats, which waits quietly for the brokers."""
    return AdminClient(rdkafka_settings(kafka, **_ADMIN))


def aiokafka_settings(kafka: KafkaSettings) -> dict[str, object]:
    """Return the address, the security and the metadata's age of an aiokafka client."""
    security = kafka.security
    options: dict[str, object] = {
        "bootstrap_servers": kafka.bootstrap,
        "metadata_max_age_ms": _METADATA_REFRESH_MS,
    }
    protocol = security.get("security.protocol", "plaintext").upper()
    if protocol != "PLAINTEXT":
        options["security_protocol"] = protocol
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.get("sasl.mechanism", "PLAIN")
        options["sasl_plain_username"] = security.get("sasl.username", "")
        options["sasl_plain_password"] = security.get("sasl.password", "")
    return options
