"""Claims in Redis, which decide who does a piece of work that must happen once.

The desk and the reply actions claim with it. Every script is idempotent by its token.
"""

from typing import Literal

from redis.asyncio import Redis as Client
from redis.commands.core import AsyncScript

from runtime.redis.client import connect, connect_sync
from runtime.redis.errors import AWAY

__all__ = ["AWAY", "Claim", "Claims", "connect", "connect_sync"]

Claim = Literal["NEW", "MINE", "BUSY", "DONE"]

_CLAIM = """
local held = redis.call('GET', KEYS[1])
if held == 'done' then return 'DONE' end
if held == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 'MINE' end
if held then return 'BUSY' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'NEW'
"""
_DONE = """
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[1])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Claims:
    """Claims on pieces of work under one prefix; only DONE means that it was done before."""

    def __init__(self, redis: "Client[bytes]", prefix: str, lease_ms: int, keep_ms: int) -> None:
        self._prefix = prefix
        self._lease_ms = lease_ms
        self._keep_ms = keep_ms
        self._claim: AsyncScript = redis.register_script(_CLAIM)
        self._done: AsyncScript = redis.register_script(_DONE)
        self._release: AsyncScript = redis.register_script(_RELEASE)

    async def claim(self, identifier: str, token: str) -> Claim:
        """Claim a piece of work for `token`; the same token may ask again."""
        answer: bytes = await self._claim(
            keys=[self._prefix + identifier], args=[token, self._lease_ms]
        )
        return answer.decode()  # type: ignore[return-value]  # the script answers only these

    async def done(self, identifier: str) -> None:
        """Mark it done, for longer than Kafka could deliver it again."""
        await self._done(keys=[self._prefix + identifier], args=[self._keep_ms])

    async def release(self, identifier: str, token: str) -> None:
        """Give a claim back if `token` still holds it."""
        await self._release(keys=[self._prefix + identifier], args=[token])
