"""The memory of proven calls that all doors share, so that a replayed call counts once.

A webhook asks it where its vendor signs a token and not the body. The words are in Redis, and in
the process's own memory while Redis is away. An emptied Redis forgets them, and therefore the
webhook bounds a call's age.
"""

from collections import OrderedDict
from datetime import timedelta

from redis.asyncio import Redis

from runtime.redis.errors import AWAY

WORD_LIFETIME = timedelta(hours=9)
"""Redis keeps a word this long. Mailgun, the most patient vendor, retries for eight hours."""

_MAX_OWN_WORDS = 100_000  # bounds the process's memory
_PREFIX = "santral:call:"


class CallMemory:
    """Words under keys, of which the first under a key stays. A process has one memory."""

    def __init__(self, redis: "Redis[bytes] | None" = None) -> None:
        self._redis = redis
        self._words: OrderedDict[str, str] = OrderedDict()

    async def recall(self, key: str) -> str | None:
        """Return the word under a key, or None."""
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
                earlier = await self._redis.set(
                    _PREFIX + key, word, nx=True, ex=WORD_LIFETIME, get=True
                )
                word = earlier.decode() if earlier else word
            except AWAY:
                pass  # the client logs it; this process remembers the word alone
        self._words[key] = word
        while len(self._words) > _MAX_OWN_WORDS:
            self._words.popitem(last=False)
        return word
