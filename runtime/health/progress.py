"""The notes that a loop takes of its turns, its position, and an outage that it waits for.

A loop over Kafka's records calls the methods from its own thread. runtime/stage/watchdog.py reads
the notes from another thread, and so never waits for the loop.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

Partition = tuple[str, int]
"""A topic and the number of a partition."""


@dataclass(frozen=True)
class Notes:
    """The state of a loop at one moment."""

    turns: int
    positions: dict[Partition, int]
    waiting: str = ""
    pause_s: float = 0.0


class Progress:
    """The notes of one loop.

    `name` is the loop's check in /readyz. `handled` counts turns and records: any change of it
    shows that the loop runs. A position is the offset of the next record that the loop will read,
    negative for the beginning of the partition.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.handled = 0
        self.thread: int | None = None
        self._positions: dict[Partition, int] = {}
        self._waiting, self._pause_s = "", 0.0

    def count_turn(self) -> None:
        """Note one turn of the loop, or one step of a long turn."""
        self.handled += 1
        self.thread = threading.get_ident()
        self._waiting, self._pause_s = "", 0.0

    def wait_for(self, neighbour: str, pause_s: float = 0.0) -> None:
        """Note that the loop waits for a neighbour, and tries again in `pause_s` seconds.

        The position may rest as long as the loop repeats this call.
        """
        self.handled += 1
        self.thread = threading.get_ident()
        self._pause_s = pause_s
        self._waiting = neighbour

    def note_position(self, topic: str, partition: int, offset: int) -> None:
        """Note the offset that the loop reads next in a partition."""
        self._positions[topic, partition] = offset

    def keep_positions(self, positions: dict[Partition, int]) -> None:
        """Replace all positions by these."""
        self._positions = dict(positions)

    def drop_positions(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions that the loop no longer reads."""
        for partition in partitions:
            self._positions.pop(partition, None)

    def notes(self) -> Notes:
        """Return the notes of now; safe in any thread."""
        return Notes(self.handled, dict(self._positions), self._waiting, self._pause_s)
