"""The doors' memory of calls: the first value stays, and a missing Redis delays no call."""

import pytest

from cli.up.ports import free_port
from ingest.door.call_memory import CallMemory
from runtime.redis.client import connect
from runtime.settings.structs import RedisSettings
from tests.support.redis.servers import start_valkey


async def test_two_doors_share_their_memory_and_a_restart_keeps_it() -> None:
    with start_valkey() as port:
        redis = connect(RedisSettings(url=f"redis://127.0.0.1:{port}/0"))
        first, second = CallMemory(redis), CallMemory(redis)
        assert await first.recall("t") is None
        assert await first.remember("t", "one") == "one"
        assert await second.remember("t", "two") == "one"
        assert await second.recall("t") == "one"
        assert await CallMemory(redis).recall("t") == "one", "as after a restart"
        assert 0 < await redis.ttl("santral:call:t") <= 9 * 3600
        await redis.aclose()


@pytest.mark.parametrize("away", [True, False])
async def test_without_redis_a_door_remembers_by_itself(away: bool) -> None:
    redis = connect(RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")) if away else None
    memory = CallMemory(redis)
    assert await memory.recall("t") is None
    assert await memory.remember("t", "one") == "one"
    assert await memory.remember("t", "two") == "one"
    if redis is not None:
        await redis.aclose()
