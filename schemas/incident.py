"""Incident and Pulse: what the watch sees over many messages.

Before: watch writes them. After: store and console. Pure.
"""

from typing import Literal

from schemas.base import Id, Record, Time


class Pulse(Record, frozen=True, kw_only=True):
    """How many distinct messages one minute brought for one channel, department and intent."""

    minute: Time
    channel: str
    department: str
    intent: str
    count: int


class Incident(Record, frozen=True, kw_only=True):
    """Many customers, one cause, now."""

    id: Id
    brand: str
    status: Literal["opened", "grown", "confirmed", "merged", "dismissed", "closed"]
    title: str
    topics: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    customers: int = 0
    messages: tuple[Id, ...] = ()
    opened_at: Time
    at: Time
    merged_into: Id | None = None
