"""Settings of the work on messages, such as the router, the desk and the replies.

load.py reads them, and structs.py puts them into Settings.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runtime.settings.bounds import Count, Points
from schemas.base import Record


class ShadowSettings(Record, frozen=True, kw_only=True):
    """A candidate beside the live rules. Its decisions are only counted."""

    pack: Annotated[str, Meta(description="The candidate's folder of rules.")] = ""
    models: Annotated[
        tuple[str, ...], Meta(description="The candidate's models; empty takes those of [router].")
    ] = ()


class RouterSettings(Record, frozen=True, kw_only=True):
    """The decisions."""

    pack: Annotated[str, Meta(description="The folder of rules; empty is the default pack.")] = ""
    models: Annotated[
        tuple[str, ...], Meta(description="Files of `santral train`, one for each task.")
    ] = ()
    patterns: Annotated[
        dict[str, str],
        Meta(
            description=(
                "Regular expressions of your own numbers by kind, such as `order_number`; "
                "the first group is the number."
            )
        ),
    ] = msgspec.field(default_factory=dict)
    standing: Annotated[
        str,
        Meta(
            description=(
                "A CSV file of customers who are more or less urgent, with the columns "
                "handle, standing, points."
            )
        ),
    ] = ""
    shadow: ShadowSettings = ShadowSettings()
    batch: Annotated[Count, Meta(description="The most records in one transaction.")] = 4000
    compression: Annotated[
        Literal["lz4", "zstd", "gzip", "snappy", "none"],
        Meta(
            description=(
                "The compression of the records that the router writes. Every consumer must be "
                "able to read it."
            )
        ),
    ] = "lz4"
    threshold: Annotated[
        float, Meta(ge=0, le=1, description="The confidence below which an item goes to triage.")
    ] = 0.5
    forget_after: Annotated[
        timedelta,
        Meta(
            description="The time without an event after which the router forgets a conversation."
        ),
    ] = timedelta(days=90)
    poison_in_a_row: Annotated[
        Count, Meta(description="The unreadable records in a row that stop a partition.")
    ] = 1000


class WatchSettings(Record, frozen=True, kw_only=True):
    """The watch, which opens an incident when many customers write of one thing at once."""

    customers: Annotated[
        int,
        Meta(
            ge=3,
            description=(
                "The customers with something in common within two hours that open an incident."
            ),
        ),
    ] = 5
    score: Annotated[
        float,
        Meta(
            ge=1,
            description=(
                "The natural logarithm of how much likelier than usual that is; a higher "
                "value finds less and is wrong less often."
            ),
        ),
    ] = 12.0
    learn: Annotated[
        Count,
        Meta(
            description=(
                "The messages of a brand, over at least a day, before anything counts as unusual."
            )
        ),
    ] = 300
    quiet: Annotated[
        timedelta,
        Meta(description="The time with almost no messages after which an incident closes."),
    ] = timedelta(hours=1)
    points: Annotated[
        Points, Meta(description="The points that a message of an open incident gains in priority.")
    ] = 10
    points_confirmed: Annotated[
        Points,
        Meta(description="The points that a message of a confirmed incident gains in priority."),
    ] = 20


class DeskSettings(Record, frozen=True, kw_only=True):
    """The desk, where people claim items."""

    lease: Annotated[
        timedelta,
        Meta(
            description=(
                "The time for which a claimed item belongs to its agent without a sign of life."
            )
        ),
    ] = timedelta(seconds=120)
    priority_point: Annotated[
        timedelta, Meta(description="The waiting time that one point of priority is worth.")
    ] = timedelta(seconds=90)
    max_waiting: Annotated[
        Count,
        Meta(
            description=(
                "The most conversations in Redis, about 400 bytes each; above it the "
                "longest lines continue in Kafka."
            )
        ),
    ] = 1_000_000


class RepliesSettings(Record, frozen=True, kw_only=True):
    """The replies to customers."""

    acknowledge: Annotated[
        bool, Meta(description="Whether customers get an acknowledgement at once.")
    ] = True
    acknowledge_once_in: Annotated[
        timedelta,
        Meta(description="The time within which a customer gets one acknowledgement at most."),
    ] = timedelta(hours=24)
    per_address_per_hour: Annotated[
        Count,
        Meta(
            description=(
                "The most replies to one address in an hour, which stops loops between machines."
            )
        ),
    ] = 20
    give_up_after: Annotated[
        timedelta,
        Meta(
            description=(
                "The time after which a reply that its server does not take becomes "
                "`undeliverable`; at most 29d, because Kafka keeps its text for 30."
            )
        ),
    ] = timedelta(hours=48)
