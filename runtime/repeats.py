"""Limits repeated log lines: the same message at most once a minute.

The log of a client library passes through it. Each line that remains has the number of lines like
it that it replaced.
"""

import re
from collections.abc import Callable
from time import monotonic

INTERVAL_S = 60.0
MAX_KEYS = 500
"""Different messages that are remembered; a library has a few dozen."""
_NUMBERS = re.compile(r"\d+")


class Repeats:
    """Remembers when each message was last let through."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def admit(self, client: str, text: str) -> int | None:
        """Return how many like it were left out since the last one; None to leave this one out.

        Messages that differ in their numbers only (ports, times, nodes) are the same.
        """
        key = client, _NUMBERS.sub("0", text)
        now = self._now()
        if now - self._last.get(key, float("-inf")) < INTERVAL_S:
            self._left_out[key] = self._left_out.get(key, 0) + 1
            return None
        if key not in self._last and len(self._last) >= MAX_KEYS:
            self._last.clear()
            self._left_out.clear()
        self._last[key] = now
        return self._left_out.pop(key, 0)
