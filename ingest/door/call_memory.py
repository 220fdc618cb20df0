"""The memory of proven calls that all doors share; it makes a replayed call count once.

Before: a hook whose vendor signs a token and not the body. After: Redis, or the process's own
memory while Redis is away. An emptied Redis forgets, and therefore the hook bounds a call's age.
"""

from collections import OrderedDict
from datetime import timedelta

from redis.asyncio import Redis

from runtime.redis.errors import AWAY

KEEP = timedelta(hours=9)
"""Redis keeps a word this long. Mailgun, the most patient vendor, retries for eight hours."""

_WORDS = 100_000  # of the process's own memory
_PREFIX = "santral:call:"


class CallMemory:
    """Words under keys; the first word under a key stays. One a process."""

    def __init__(self, redis: "Redis[bytes] | None" = None) -> None:
        self._redis = redis
        self._words: OrderedDict[str, str] = OrderedDict()

    async def recall(self, key: str) -> str | None:
        """Return the word under a key, None where there is none."""
        word = self._words.get(key)
        if word is None and self._redis is not None:
            try:
                stored = await self._redis.get(_PREFIX + key)
            except AWAY:
                return None
            word = stored.decode() if stored else None
        return word

    async def remember(self, key: str, word: str) -> str:
        """Keep a word unless its key has one; return the word that the key has now."""
        if (known_word := await self.recall(key)) is not None:
            return known_word
        if self._redis is not None:
            try:
                # Two doors at once: the first to write is right.
                earlier = await self._redis.set(_PREFIX + key, word, nx=True, ex=KEEP, get=True)
                word = earlier.decode() if earlier else word
            except AWAY:
                pass  # the client logs it; this process remembers the word alone
        self._words[key] = word
        while len(self._words) > _WORDS:
            self._words.popitem(last=False)
        return word
