"""What people taught by their work: messages with the department they ended in.

Before: the store. After: `santral train --corrections`. A message that was moved by people, or
whose item was resolved where it lay, is a labelled line; what nobody looked at is none.
"""

from collections.abc import Iterator

import msgspec

from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.message import Message
from workers.store.recorded_traffic import opened


class _Line(Record, frozen=True, kw_only=True):
    text: str
    label: str


def lines(settings: Settings) -> Iterator[bytes]:
    """Yield a JSON line of `text` and `label` for each, the oldest first."""
    with opened(settings) as history:
        people = history.people()
        for event in history.events():
            if isinstance(event, Message) and event.id in people:
                line = _Line(text=event.decided_text, label=people[event.id])
                yield msgspec.json.encode(line)
