"""Cursor: how far a pulled source was read, kept in Kafka so that any process can go on.

Before: a pull channel advances it after Kafka's ack. After: the channel at its next start. Pure.
"""

from schemas.base import Record, Time


class Cursor(Record, frozen=True, kw_only=True):
    """`epoch` changes when the source numbers anew (IMAP: UIDVALIDITY); `position` is the highest
    number below which everything was published or refused (IMAP: UID)."""

    source: str
    epoch: str
    position: int
    at: Time
