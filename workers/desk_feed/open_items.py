"""Folds waiting.v1 into the messages that wait, and the finishes that came before theirs. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas import envelope
from schemas.errors import Rejected
from schemas.state.waiting import CLOSED, WAITING, WaitingMessage

ORIGIN = "origin"
"""Header of a tombstone with the `topic/partition/offset` of the record that caused it."""

Offsets = Mapping[tuple[str, int], int]
"""The next offset to read, by topic and partition."""


@dataclass(frozen=True, kw_only=True)
class OpenItems:
    """The content of one partition of waiting.v1.

    `waiting` has the most urgent message first, and quiet messages after all that open an item.
    `early` has finishes whose message the feed has not read yet. `finished` has the hops of
    messages that wait no more, although the feed will read again the records that finished them.
    """

    waiting: list[WaitingMessage]
    early: list[WaitingMessage]
    finished: dict[str, int]


class WaitingFold:
    """Folds the records of one partition in their order.

    `reached` are the offsets from which the feed reads again.
    """

    def __init__(self, reached: Offsets) -> None:
        self._reached = reached
        self._values: dict[bytes, bytes] = {}
        self._finished: dict[str, int] = {}

    def apply(self, key: bytes, value: bytes | None, origin: bytes | None) -> None:
        """Apply one record; `origin` is the header of a tombstone."""
        if value is not None:
            self._values[key] = value
            return
        self._values.pop(key, None)
        message, _, hops = key.decode(errors="replace").rpartition("/")
        if origin is not None and hops.isdigit() and self._is_ahead(origin):
            self._finished[message] = max(self._finished.get(message, -1), int(hops))

    def _is_ahead(self, origin: bytes) -> bool:
        topic, partition, offset = origin.decode(errors="replace").rsplit("/", 2)
        return int(offset) >= self._reached.get((topic, int(partition)), 0)

    @property
    def keys(self) -> list[bytes]:
        """The keys that have a value."""
        return list(self._values)

    def open_items(self) -> OpenItems:
        """Return the result, and forget the records."""
        waiting: list[WaitingMessage] = []
        early: dict[str, WaitingMessage] = {}
        while self._values:
            _, value = self._values.popitem()
            try:
                record = envelope.decode(WaitingMessage, value)
            except Rejected:
                continue  # this version can't serve the record of a newer writer
            if record.state == WAITING:
                waiting.append(record)
            elif record.state == CLOSED:
                early[record.message] = record
        if early:
            waiting = [
                w for w in waiting if w.message not in early or early[w.message].hops < w.hops
            ]
        waiting.sort(key=lambda w: (w.quiet, w.score))
        return OpenItems(waiting=waiting, early=list(early.values()), finished=self._finished)
