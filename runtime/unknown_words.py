"""Counts the records whose own word (kind, status or state) this version does not know.

A newer version writes them during an upgrade. Every reader passes over the word, and none of them
refuses the record.
"""

from typing import TypeVar

from runtime import metrics
from schemas.base import Record
from schemas.topics import Topic

R = TypeVar("R", bound=Record)


def is_known(topic: Topic[R], record: R) -> bool:
    """Say whether this version knows the record's own word, and count a record with another one."""
    if topic.is_known(record):
        return True
    metrics.count("santral_words_unknown_total", topic=topic.name)
    return False
