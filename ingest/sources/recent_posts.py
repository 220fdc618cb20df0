"""Seen: what a source took lately, so that a later edit or deletion finds the message it touches.

Before: a channel's source took a post. After: an event of it gets the same conversation. Kept over
a restart with the source's own small things; the oldest are forgotten.
"""

from collections import OrderedDict

import msgspec

from ingest.source import SourceContext

LIMIT = 5_000
"""Posts remembered of one source."""

_EVERY = 20  # posts between two writings: what a crash forgets is that much


class Seen:
    """Native ids with what their conversation hangs on."""

    def __init__(self, name: str, context: SourceContext) -> None:
        self._name, self._context = f"seen-{name.replace(':', '-')}", context
        try:
            held = msgspec.json.decode(context.load_state(self._name) or "{}", type=dict[str, str])
        except msgspec.DecodeError:
            held = {}
        self._held = OrderedDict(held)
        self._new = 0

    def add(self, native: str, root: str) -> None:
        """Remember one."""
        if native in self._held:
            return
        self._held[native] = root
        while len(self._held) > LIMIT:
            self._held.popitem(last=False)
        self._new += 1
        if self._new >= _EVERY or len(self._held) <= _EVERY:
            self.keep()

    def root(self, native: str) -> str | None:
        """Return what its conversation hangs on, None when it was not taken."""
        return self._held.get(native)

    def keep(self) -> None:
        """Write down what is remembered."""
        self._new = 0
        self._context.save_state(self._name, msgspec.json.encode(self._held).decode())
