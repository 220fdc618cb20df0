"""Cursor, which says how far ingest has read a source, so that any process can continue.

A pull channel advances it after Kafka's ack and reads it at its next start. Pure.
"""

from schemas.base import Record, Time


class Cursor(Record, frozen=True, kw_only=True):
    """The position up to which a source has been read.

    `epoch` changes when the source renumbers its messages (UIDVALIDITY of IMAP). `position` is the
    highest number below which everything was published or refused (a UID of IMAP).
    """

    source: str
    epoch: str
    position: int
    at: Time
