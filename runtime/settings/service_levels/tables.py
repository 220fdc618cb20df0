"""The tables `[calendars.NAME]` and `[sla.NAME]` of the settings file, as their Structs.

load.py reads them. Texts such as hours and durations stay texts here: build.py turns them into
values and names every mistake.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from schemas.base import Record

HoursText = tuple[str, ...] | str
"""`["09:00-12:30", "13:30-18:00"]`, or a single text."""


class CalendarSettings(Record, frozen=True, kw_only=True):
    """The hours in which a team works. docs/service-levels.md explains them."""

    zone: Annotated[str, Meta(description="The time zone by its IANA name.")] = "Europe/Istanbul"
    week: Annotated[
        dict[str, HoursText] | Literal["24/7"],
        Meta(
            description=(
                "The hours of each day from `mon` to `sun`, such as "
                '`{ mon = ["09:00-12:30", "13:30-18:00"] }`; a day without hours is closed. '
                '`"24/7"` never closes.'
            )
        ),
    ]
    holidays: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Countries whose public holidays are closed, as ISO codes; `DE-BY` is a part of a "
                "country."
            )
        ),
    ] = ()
    half_day_from: Annotated[
        str, Meta(description="The time at which a half holiday, such as an eve, closes.")
    ] = "13:00"
    days: Annotated[
        dict[str, HoursText],
        Meta(
            description=(
                "The hours of single dates in place of the week and the holidays, such as "
                '`{ "2026-12-31" = ["09:00-13:00"] }`; `[]` is closed.'
            )
        ),
    ] = msgspec.field(default_factory=dict)


class ServiceLevelSettings(Record, frozen=True, kw_only=True):
    """The promises for some messages. A message gets the first table of the file that matches it.
    docs/service-levels.md explains them."""

    brand: Annotated[tuple[str, ...], Meta(description="The brands; empty matches each.")] = ()
    department: Annotated[
        tuple[str, ...], Meta(description="The departments; empty matches each.")
    ] = ()
    channel: Annotated[tuple[str, ...], Meta(description="The channels; empty matches each.")] = ()
    intent: Annotated[
        tuple[str, ...],
        Meta(description="The intents, such as `complaint`; empty matches each."),
    ] = ()
    standing: Annotated[
        tuple[str, ...],
        Meta(description="The standings of customers, of [router] standing; empty matches each."),
    ] = ()
    severity: Annotated[
        int, Meta(ge=0, le=2, description="The lowest severity, from 0 to 2, that matches.")
    ] = 0
    priority: Annotated[
        int, Meta(ge=0, le=100, description="The lowest priority, from 0 to 100, that matches.")
    ] = 0
    calendar: Annotated[str, Meta(description="The name of the calendar whose hours count.")]
    first_response: Annotated[
        str,
        Meta(
            description=(
                "The working time until a person's first answer, such as `95m`, `4h` or `2wd` "
                "(working days); empty promises nothing."
            )
        ),
    ] = ""
    next_response: Annotated[
        str, Meta(description="The working time until each further answer.")
    ] = ""
    resolution: Annotated[
        str, Meta(description="The working time until the matter is resolved.")
    ] = ""
    pickup: Annotated[str, Meta(description="The working time until a person claims an item.")] = ""
    pause_on: Annotated[
        tuple[Literal["customer", "third_party"], ...],
        Meta(description="Whom a person may wait for without the time for a resolution running."),
    ] = ("customer", "third_party")
    warn: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "The times of a warning: `50%` of the promised time has passed, `30m` of it are "
                "left."
            )
        ),
    ] = ()
    reopen_within: Annotated[
        timedelta,
        Meta(description="The time by the clock in which a customer's message reopens a matter."),
    ] = timedelta(days=7)
    late_answer: Annotated[
        Literal["delivered", "sent"],
        Meta(
            description=(
                "Whether an answer that does not reach the customer leaves the promise open "
                "(`delivered`), or keeps it (`sent`)."
            )
        ),
    ] = "delivered"
    incident: Annotated[
        Literal["run", "pause"],
        Meta(
            description=(
                "Whether the time runs on while a confirmed incident has its holding text out."
            )
        ),
    ] = "run"
    on_warn: Annotated[
        tuple[str, ...],
        Meta(description="Actions of a warning: `notify:NAME`, `points:N`, `escalate:DEPARTMENT`."),
    ] = ()
    on_breach: Annotated[
        tuple[str, ...],
        Meta(description="Actions of a breach; `escalate:legal?after=1h` waits an hour of work."),
    ] = ()
