"""The bound of `give_up_after`, because a reply must still be in Kafka when its time is over.

`santral check` and each stage name a longer time as a mistake.
"""

from datetime import timedelta

from runtime.settings.structs import RepliesSettings
from schemas.errors import Problem
from schemas.topics import REPLIES

LONGEST = timedelta(milliseconds=REPLIES.retention_ms) - timedelta(days=1)
"""A day less than Kafka keeps a reply, so that its last try can read the text."""


def replies_problems(settings: RepliesSettings) -> list[Problem]:
    """Return a problem if replies may wait longer than Kafka keeps their texts."""
    if settings.give_up_after <= LONGEST:
        return []
    return [
        Problem(
            f"[replies] give_up_after: {REPLIES.name} keeps the text of a reply for "
            f"{LONGEST.days + 1} days, so that a reply can't wait for its mail server longer than "
            f"{LONGEST.days} days. Write '{LONGEST.days}d' or less; 48h is the default."
        )
    ]
