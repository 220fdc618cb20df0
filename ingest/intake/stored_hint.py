"""The hint of a delivery in the form that the spool and dead letters store. Pure.

A stored delivery has one text for both, the hint, or IN_BUCKET for a delivery by reference. Earlier
versions have the same form, so that each version reads the files and records of the other.
"""

from ingest.channel import Delivery

IN_BUCKET = "mail in a bucket"
"""The stored hint of a delivery whose bytes are the reference to a mail in a bucket."""


def stored_hint(delivery: Delivery) -> str | None:
    """Return the text to store."""
    return IN_BUCKET if delivery.by_reference else delivery.hint


def read_hint(stored: str | None, position: str | None) -> tuple[str | None, bool]:
    """Return the hint, and whether the delivery is by reference.

    A delivery by reference has no position at a source. A mailbox may have any name.
    """
    by_reference = stored == IN_BUCKET and position is None
    return (None if by_reference else stored), by_reference
