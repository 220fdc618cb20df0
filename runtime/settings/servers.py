"""Settings of Santral's own processes, such as the doors, the parsers and `santral up`.

load.py reads them, and structs.py puts them into Settings.
"""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta

from runtime.settings.bounds import Count, Port
from schemas.base import Record


class ListenSettings(Record, frozen=True, kw_only=True):
    """An address to listen on, loopback at first."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port; 0 takes a free one.")] = 0


class DoorSettings(ListenSettings, frozen=True, kw_only=True):
    """The HTTP and WebSocket door."""

    port: Annotated[Port, Meta(description="The port; 0 takes a free one.")] = 8400
    share_port: Annotated[
        bool,
        Meta(
            description=(
                "Whether several processes of this host listen on the port, and the kernel "
                "spreads the connections over them."
            )
        ),
    ] = False
    max_body: Annotated[Count, Meta(description="The largest body of a request in bytes.")] = (
        32 * 1024 * 1024
    )
    max_json: Annotated[Count, Meta(description="The largest JSON without files, in bytes.")] = (
        1024 * 1024
    )
    desk_url: Annotated[
        str,
        Meta(
            description="The console's address, to which the door passes calls of the desk's API."
        ),
    ] = "http://127.0.0.1:8401"


class MailDoorSettings(ListenSettings, frozen=True, kw_only=True):
    """The LMTP or SMTP server, for a mail server in front that queues while Kafka is away. It takes
    mail for the `addresses` of the email accounts."""

    protocol: Annotated[
        Literal["off", "lmtp", "smtp"], Meta(description="The protocol; `off` does not listen.")
    ] = "off"
    port: Annotated[Port, Meta(description="The port; 0 takes a free one.")] = 2424
    max_mail: Annotated[Count, Meta(description="The largest mail in bytes.")] = 64 * 1024 * 1024
    certificate: Annotated[
        str, Meta(description="The file with the certificate for STARTTLS, PEM.")
    ] = ""
    key: Annotated[str, Meta(description="The file with the certificate's private key, PEM.")] = ""
    require_tls: Annotated[bool, Meta(description="Whether a sender must use STARTTLS.")] = False


class ConsoleSettings(ListenSettings, frozen=True, kw_only=True):
    """The console, the desk's API and the API for reading."""

    port: Annotated[Port, Meta(description="The port; 0 takes a free one.")] = 8401
    https: Annotated[
        bool,
        Meta(
            description=(
                "Whether browsers reach the console by HTTPS, so that its cookie is only "
                "sent there."
            )
        ),
    ] = False
    door_url: Annotated[
        str,
        Meta(description="The door's address, which takes the messages that people enter."),
    ] = "http://127.0.0.1:8400"


class TokensSettings(Record, frozen=True, kw_only=True):
    """Access tokens of at least 24 characters, all different. Give them by environment, such as
    SANTRAL_TOKENS__DOOR, not in the file."""

    door: Annotated[str, Meta(description="The token of programs that send messages.")] = ""
    desk: Annotated[str, Meta(description="The token of programs that work on items.")] = ""
    console: Annotated[str, Meta(description="The token of people who sign in to the console.")] = (
        ""
    )
    signing: Annotated[
        str,
        Meta(
            description=(
                "The key that signs conversations, sessions and forms; every stage needs "
                "the same one."
            )
        ),
    ] = ""
    personal: Annotated[
        str,
        Meta(
            description=(
                "The token that shows identity, tax, IBAN and card numbers; without it "
                "nobody sees them."
            )
        ),
    ] = ""


class OpsSettings(ListenSettings, frozen=True, kw_only=True):
    """The operations port of each stage, with /livez, /readyz and /metrics; keep it behind the
    firewall."""

    stall: Annotated[
        timedelta, Meta(description="The time without a turn after which a stage ends itself.")
    ] = timedelta(seconds=90)


class LocalSettings(Record, frozen=True, kw_only=True):
    """The local profile of `santral up`."""

    kafka_port: Annotated[Port, Meta(description="Kafka's port; 0 takes a free one.")] = 19092
    controller_port: Annotated[
        Port, Meta(description="The port of Kafka's controller; 0 takes a free one.")
    ] = 0
    redis_port: Annotated[Port, Meta(description="Valkey's port; 0 takes a free one.")] = 16379
    kafka_heap_mb: Annotated[Count, Meta(description="Megabytes of Kafka's heap.")] = 384
    min_free_mb: Annotated[
        Count, Meta(description="Megabytes of free disk below which it does not start.")
    ] = 512


class ParsersSettings(Record, frozen=True, kw_only=True):
    """The processes that parse the bytes of strangers. Over a limit, a process ends and the
    delivery continues as `parser.limit`."""

    processes: Annotated[Count, Meta(description="Deliveries parsed at the same time.")] = 2
    cpu: Annotated[
        timedelta,
        Meta(description="CPU time of one delivery, plus half a second for each megabyte."),
    ] = timedelta(seconds=5)
    memory_mb: Annotated[
        int,
        Meta(ge=64, description="Megabytes of memory for one delivery, plus 16 for each megabyte."),
    ] = 256
