"""Remembers the recent posts of a source, so that a later edit or deletion finds its message.

A channel's source adds each post that it takes, and an event of the post gets the same
conversation. The posts outlive a restart; the oldest ones are forgotten.
"""

from collections import OrderedDict

import msgspec

from ingest.source import SourceContext

MAX_POSTS = 5_000
"""Posts of one source, which bounds the size of its state."""

_SAVE_EVERY = 20  # posts between two savings, which a crash forgets


class RecentPosts:
    """The native ids of posts, each with the root of its conversation."""

    def __init__(self, name: str, context: SourceContext) -> None:
        self._state, self._context = f"seen-{name.replace(':', '-')}", context
        try:
            state = context.load_state(self._state) or "{}"
            roots = msgspec.json.decode(state, type=dict[str, str])
        except msgspec.DecodeError:
            roots = {}
        self._roots = OrderedDict(roots)
        self._unsaved = 0

    def add(self, native_id: str, root: str) -> None:
        """Remember a post."""
        if native_id in self._roots:
            return
        self._roots[native_id] = root
        while len(self._roots) > MAX_POSTS:
            self._roots.popitem(last=False)
        self._unsaved += 1
        if self._unsaved >= _SAVE_EVERY or len(self._roots) <= _SAVE_EVERY:
            self.save()

    def root(self, native_id: str) -> str | None:
        """Return the root of a post's conversation, or None for a post that is not remembered."""
        return self._roots.get(native_id)

    def save(self) -> None:
        """Save the posts."""
        self._unsaved = 0
        self._context.save_state(self._state, msgspec.json.encode(self._roots).decode())
