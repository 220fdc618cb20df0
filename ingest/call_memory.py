"""What was seen in proven calls, remembered by all doors: so that a call counts once.

Before: a hook whose vendor signs a token and not the body. After: Redis, with the process's own
memory beside it for as long as Redis is away. An emptied Redis forgets: the hook bounds the age.
"""

from collections import OrderedDict
from datetime import timedelta

from redis.asyncio import Redis

from runtime.claims import AWAY
from runtime.log import get

log = get(__name__)

KEEP = timedelta(hours=9)
"""How long a word is remembered: Mailgun, the most patient, tries for eight hours."""

_WORDS = 100_000  # of the process's own memory
_PREFIX = "santral:call:"


class CallMemory:
    """Words under keys; the first word under a key stays. One a process."""

    def __init__(self, redis: "Redis[bytes] | None" = None) -> None:
        self._redis = redis
        self._words: OrderedDict[str, str] = OrderedDict()

    async def recall(self, key: str) -> str | None:
        """Return the word under a key, None where there is none."""
        found = self._words.get(key)
        if found is None and self._redis is not None:
            try:
                kept = await self._redis.get(_PREFIX + key)
            except AWAY as error:
                log.warning("call_memory.away", why=type(error).__name__)
            else:
                found = kept.decode() if kept else None
        return found

    async def remember(self, key: str, word: str) -> str:
        """Keep a word, unless one is there; return the one that is there now."""
        if (found := await self.recall(key)) is not None:
            return found
        if self._redis is not None:
            try:
                # Two doors at once: the first to write is right.
                kept = await self._redis.set(_PREFIX + key, word, nx=True, ex=KEEP, get=True)
            except AWAY as error:
                log.warning("call_memory.away", why=type(error).__name__)
            else:
                word = kept.decode() if kept else word
        self._words[key] = word
        while len(self._words) > _WORDS:
            self._words.popitem(last=False)
        return word
