"""Settings of the servers that Santral depends on, such as Kafka, Redis and the store.

load.py reads them, and structs.py puts them into Settings.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime.settings.bounds import Count
from schemas.base import Record


class KafkaSettings(Record, frozen=True, kw_only=True):
    """Kafka's brokers and topics. docs/operations.md explains them."""

    bootstrap: Annotated[
        str, Meta(description="The brokers to ask first, HOST:PORT, with commas between several.")
    ] = "127.0.0.1:9092"
    partitions: Annotated[
        Count,
        Meta(
            description=(
                "Partitions of the topics by conversation; they cannot become fewer later, "
                "and a router process serves two or three well."
            )
        ),
    ] = 4
    queue_partitions: Annotated[
        Count, Meta(description="Partitions of each department's queue.")
    ] = 1
    replication: Annotated[
        Count, Meta(description="Copies of each new topic; 3 in production.")
    ] = 1
    min_insync_replicas: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "Copies that acknowledge a write; 0 takes 2 where `replication` is 3 or "
                "more, else 1."
            ),
        ),
    ] = 0
    accept_unsafe_topics: Annotated[
        bool, Meta(description="Whether stages start on topics that may lose accepted messages.")
    ] = False
    ack_timeout: Annotated[
        timedelta, Meta(description="The longest wait for Kafka's acknowledgement of one record.")
    ] = timedelta(seconds=10)
    instance: Annotated[
        str,
        Meta(
            description=(
                "This host's name for Kafka, so that a restarted router or recorder gets "
                "its partitions back at once; empty makes a name under home. No two hosts "
                "may share one."
            )
        ),
    ] = ""
    security: Annotated[
        dict[str, str],
        Meta(
            description=(
                "Settings of the Kafka client for a secured cluster, such as "
                "`security.protocol` and `sasl.username`."
            )
        ),
    ] = msgspec.field(default_factory=dict)


class RedisSettings(Record, frozen=True, kw_only=True):
    """Redis or Valkey, a cache of Kafka that may be emptied at any time."""

    url: Annotated[
        str,
        Meta(
            description=(
                "The server; with `sentinels` or `addresses`, the user, password, database "
                "and TLS of the servers."
            )
        ),
    ] = "redis://127.0.0.1:6379/0"
    sentinels: Annotated[
        tuple[str, ...],
        Meta(description="The Sentinels that name the primary, HOST:PORT or rediss://HOST:PORT."),
    ] = ()
    service: Annotated[str, Meta(description="The primary's name in Sentinel.")] = "mymaster"
    sentinel_user: Annotated[str, Meta(description="The user of the login at the Sentinels.")] = ""
    sentinel_password: Annotated[
        str, Meta(description="The password of the login at the Sentinels.")
    ] = ""
    addresses: Annotated[
        tuple[str, ...],
        Meta(description="The servers without Sentinel, HOST:PORT; the client asks each its role."),
    ] = ()


class StoreSettings(Record, frozen=True, kw_only=True):
    """The SQL store."""

    url: Annotated[
        str,
        Meta(
            description=(
                "The database, such as `postgresql://santral@db/santral`; empty is a SQLite"
                " file under home."
            )
        ),
    ] = ""


class ArchiveSettings(Record, frozen=True, kw_only=True):
    """The raw bytes of every delivery, and the attached files."""

    url: Annotated[
        str,
        Meta(
            description=(
                "A folder, `file:///PATH` or `s3://BUCKET/PREFIX`; empty is a folder under home."
            )
        ),
    ] = ""
    local: Annotated[
        str,
        Meta(
            description=(
                "A folder on this host's own disk for deliveries that wait for Kafka or for"
                " the bucket; empty is a folder under home."
            )
        ),
    ] = ""
    endpoint: Annotated[
        str, Meta(description="The address of the bucket's store; empty is Amazon's own.")
    ] = ""
    region: Annotated[str, Meta(description="The bucket's region.")] = "us-east-1"
    access_key: Annotated[
        str,
        Meta(
            description=(
                "The access key; without one the environment or the machine's role gives the keys."
            )
        ),
    ] = ""
    secret_key: Annotated[str, Meta(description="The secret of the access key.")] = ""
    path_style: Annotated[
        bool,
        Meta(
            description="Whether the address has the bucket's name in its path instead of its host."
        ),
    ] = True
    upload_after: Annotated[
        timedelta, Meta(description="The longest time until short deliveries are in the bucket.")
    ] = timedelta(minutes=1)


class ScanSettings(Record, frozen=True, kw_only=True):
    """ClamAV, which looks through attached files."""

    address: Annotated[
        str,
        Meta(
            pattern=r"^$|^/.|^.*:\d{1,5}$",
            description="The address of clamd, HOST:PORT or a socket's path; empty scans nothing.",
        ),
    ] = ""
    when_away: Annotated[
        Literal["wait", "pass"],
        Meta(
            description=(
                "While clamd is away, `wait` leaves a delivery at its source, and `pass` marks "
                "it `attachment.unscanned`."
            )
        ),
    ] = "wait"
    timeout: Annotated[timedelta, Meta(description="The longest scan of one file.")] = timedelta(
        seconds=60
    )
    max_file: Annotated[
        Count,
        Meta(
            description=(
                "The largest file to scan in bytes, as clamd's StreamMaxLength; a larger "
                "one counts as unscanned."
            )
        ),
    ] = 25 * 1024 * 1024
