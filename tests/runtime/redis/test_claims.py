"""A claim belongs to its first token until it is done or released."""

from redis.asyncio import Redis

from runtime.redis.claims import Claims
from tests.support.desk.open_queue import redis, server

__all__ = ["redis", "server"]


async def test_a_claim_is_new_mine_busy_or_done(redis: "Redis[bytes]") -> None:
    claims = Claims(redis, "p:", 10_000, 10_000)
    assert await claims.claim("x", "a") == "NEW"
    assert await claims.claim("x", "a") == "MINE"
    assert await claims.claim("x", "b") == "BUSY"
    await claims.release("x", "b")
    assert await claims.claim("x", "b") == "BUSY"
    await claims.done("x")
    assert await claims.claim("x", "a") == "DONE"
