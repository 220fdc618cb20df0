"""The probes of the neighbours, each one short use of Kafka, Redis, the store or the archive.

runtime/health/neighbour.py runs each in a thread of its own, in quiet times. A probe does what the
stage needs, and so it writes if the stage writes.
"""

import contextlib

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from sqlalchemy import text

from runtime.archive.protocol import Archive
from runtime.bus.client_settings import admin_client
from runtime.clock import Clock
from runtime.health.neighbour import Neighbour, Probe
from runtime.log import redacted_url
from runtime.redis.client import connect_sync
from runtime.settings.redis_addresses import describe
from runtime.settings.structs import KafkaSettings, RedisSettings, Settings
from runtime.store import engine
from schemas.errors import Unavailable

_REQUEST_S = 4.0
_PROBE_KEY = "santral:probe"


def kafka_neighbour(settings: Settings, clock: Clock) -> Neighbour:
    """Return the neighbour for Kafka, whose probe lists the brokers."""
    name = f"Kafka at {settings.kafka.bootstrap}"
    return Neighbour(name, clock, kafka_probe(settings.kafka))


def redis_neighbour(settings: Settings, clock: Clock) -> Neighbour:
    """Return the neighbour for Redis, whose probe writes a key."""
    name = f"Redis at {describe(settings.redis)}"
    return Neighbour(name, clock, redis_probe(settings.redis))


def store_neighbour(settings: Settings, clock: Clock) -> Neighbour:
    """Return the neighbour for the store, whose probe asks whether it takes writes."""
    name = f"the store at {redacted_url(settings.store_url)}"
    return Neighbour(name, clock, store_probe(settings.store_url))


def archive_neighbour(archive: Archive, settings: Settings, clock: Clock) -> Neighbour:
    """Return the neighbour for the archive, which judges itself; its probe may wait for a disk."""

    def probe() -> None:
        problem = archive.problem()
        if problem is not None:
            raise Unavailable(problem)

    address = settings.archive.url or settings.archive_path
    return Neighbour(f"the archive {address}", clock, probe)


def kafka_probe(kafka: KafkaSettings) -> Probe:
    """Return a probe that asks the brokers for their list."""
    admin: AdminClient | None = None

    def probe() -> None:
        nonlocal admin
        if admin is None:
            admin = admin_client(kafka)
        try:
            admin.describe_cluster(request_timeout=_REQUEST_S).result(_REQUEST_S + 1)
        except KafkaException as error:
            raise Unavailable(f"no broker answers ({error.args[0].str()})") from error

    return probe


def redis_probe(redis: RedisSettings) -> Probe:
    """Return a probe that writes a key: a full server or a replica still answers a PING."""
    client = connect_sync(redis)

    def probe() -> None:
        client.set(_PROBE_KEY, b"1", ex=60)

    return probe


_READ_ONLY = text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")


def store_probe(url: str) -> Probe:
    """Return a probe that asks the store whether it takes writes."""
    store = engine(url, answer_limit_s=_REQUEST_S)

    def probe() -> None:
        # A connection for each probe: a server with too many refuses it, as it refuses the stage.
        with contextlib.closing(store.connect()) as connection:
            connection.detach()
            if connection.dialect.name == "sqlite":
                connection.execute(text("SELECT 1 FROM sqlite_master")).first()
            elif connection.execute(_READ_ONLY).scalar():
                raise Unavailable("it is read-only: a standby, or set so")

    return probe
