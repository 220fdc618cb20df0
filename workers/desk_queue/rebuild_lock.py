"""The lock of a rebuild, with which one process fills the lines.

A full Redis gives and keeps the lock too, because a rebuild first empties the lines, which frees
memory.
"""

import secrets
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from schemas.errors import Retry
from workers.desk_queue.queue import P

LOCK = f"{P}rebuild:lock"
_LOCK_MS = 10_000
"""A process that dies blocks the next rebuild this long; a rebuild renews it every second."""

_KEEP = """#!lua flags=allow-oom
local owner = redis.call('GET', KEYS[1])
if owner ~= (ARGV[3] == '1' and ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = """#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class LockLost(Retry):
    """Another process rebuilds, or Redis was emptied again."""

    def __init__(self) -> None:
        super().__init__(1, "the rebuild of the desk begins again")


class RebuildLock:
    """One process's hold on the lock, by a token of its own."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self.token = secrets.token_hex(8)
        self._keep: Callable[..., Awaitable[int]] = redis.register_script(_KEEP)
        self._release: Callable[..., Awaitable[int]] = redis.register_script(_RELEASE)

    async def take(self) -> None:
        """Take the lock; raise LockLost if another process has it."""
        if not await self._keep(keys=[LOCK], args=[self.token, _LOCK_MS, 0]):
            raise LockLost

    async def renew(self) -> None:
        """Keep the lock for `_LOCK_MS` more; raise LockLost if it is gone."""
        if not await self._keep(keys=[LOCK], args=[self.token, _LOCK_MS, 1]):
            raise LockLost

    async def release(self) -> None:
        """Give the lock back if this token still has it."""
        await self._release(keys=[LOCK], args=[self.token])
