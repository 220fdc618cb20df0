"""The Redis clients against real servers in bad states, and across failovers."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisDown
from redis.exceptions import ResponseError

from cli.up.ports import free_port
from runtime.health.faults import is_outage
from runtime.redis.claims import AWAY, Claims, connect, connect_sync
from runtime.redis.client import RedisClient
from runtime.redis.errors import RedisAway, outage_code
from runtime.redis.state import LOG_INTERVAL_S, QUIET_S, RedisState
from runtime.settings.structs import RedisSettings
from tests.support.redis.servers import STATES, Valkey, sentinels, valkeys
from tests.support.waiting import pass_time, until

_WRITE = "return redis.call('SET', KEYS[1], '1')"


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Valkey]]:
    """Two servers, the first of which gets into bad states."""
    with valkeys(2) as servers:
        yield servers


def _settings(server: Valkey) -> RedisSettings:
    return RedisSettings(url=f"redis://127.0.0.1:{server.port}/0")


async def _attempt(client: RedisClient, kind: str) -> None:
    """Write by one of the ways in which the product writes."""
    if kind == "command":
        await client.set("santral:a", "1")
    elif kind == "script":
        await client.register_script(_WRITE)(keys=["santral:a"])
    else:
        async with client.pipeline(transaction=kind == "transaction") as pipe:
            await client.register_script(_WRITE)(keys=["santral:a"], client=pipe)
            pipe.set("santral:b", "1")
            await pipe.execute()


@pytest.mark.parametrize("state", STATES)
async def test_a_server_that_can_not_serve_is_away_for_every_call(
    pair: list[Valkey], state: str
) -> None:
    client, threads = connect(_settings(pair[0])), connect_sync(_settings(pair[0]))
    await client.set("santral:a", "0")
    with STATES[state](*pair):
        if state == "NOAUTH":
            await client.connection_pool.disconnect()
        for kind in ("command", "script", "pipeline", "transaction"):
            with pytest.raises(AWAY) as caught:
                await _attempt(client, kind)
            assert is_outage(caught.value)
            assert outage_code(caught.value) in (state, "READONLY"), kind
        with pytest.raises(AWAY) as caught:
            threads.set("santral:a", "1")
        assert outage_code(caught.value) in (state, "READONLY")
        assert "Redis is away" in (client.problem() or "")
    await until("it serves again", lambda: _serves(client))
    await client.aclose()
    threads.close()


async def _serves(client: RedisClient) -> bool:
    try:
        await _attempt(client, "pipeline")
    except AWAY:
        return False
    return True


async def test_a_loop_that_asks_all_the_time_ends_whenever_it_is_cancelled(
    pair: list[Valkey],
) -> None:
    client = connect(_settings(pair[0]))

    async def ask() -> None:
        while True:
            await client.get("santral:a")

    for turns in range(200):
        task = asyncio.create_task(ask())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=2)
        if not done:
            task.cancel()
        assert done, f"the cancellation after {turns} turns of the event loop is lost"
    assert await client.ping()
    await client.aclose()


async def test_a_bug_of_ours_is_no_outage(pair: list[Valkey]) -> None:
    client = connect(_settings(pair[0]))
    await client.set("santral:a", "1")
    with pytest.raises(ResponseError) as caught:
        await client.hset("santral:a", "field", "1")
    assert not is_outage(caught.value)
    assert client.problem() is None
    await client.aclose()


@pytest.mark.parametrize(
    "text",
    [
        "Error running script (call to f_9282): @user_script:1: @user_script: 1: -OOM command not"
        " allowed when used memory > 'maxmemory'.",
        "Error running script (call to f_9282): @user_script:1: -READONLY You can't write against a"
        " read only replica.",
        "NOREPLICAS Not enough good replicas to write. script: 9282fe, on @user_script:1.",
        "MISCONF Valkey is configured to save RDB snapshots, but can't. script: on @user_script:1.",
        "UNBLOCKED force unblock from blocking operation, instance state changed (master ->"
        " replica?)",
        "Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
        "Script killed by user with SCRIPT KILL... script: 694a, on @user_script:1.",
    ],
)
def test_the_spellings_of_servers_are_known(text: str) -> None:
    assert outage_code(ResponseError(text))


async def test_an_address_that_refuses_its_database_is_away(pair: list[Valkey]) -> None:
    client = connect(RedisSettings(url=f"redis://127.0.0.1:{pair[0].port}/99"))
    with pytest.raises(RedisAway, match="CONNECT"):
        await client.get("a")
    await client.aclose()


def test_a_failure_is_logged_once_a_minute_and_ends_after_some_quiet() -> None:
    now = 100.0
    state = RedisState(lambda: now)
    state.failed(RedisAway("OOM"))
    state.worked()
    assert "OOM" in (state.problem() or ""), "reads work while memory is full"
    now += QUIET_S + 0.1
    state.worked()
    assert state.problem() is None
    now += LOG_INTERVAL_S
    state.failed(RedisDown("refused"))
    assert "ConnectionError" in (state.problem() or "")


async def test_the_client_follows_a_list_of_addresses_to_the_new_primary() -> None:
    with valkeys(2) as (old, new):
        new.follow(old)
        addresses = (f"127.0.0.1:{new.port}", f"127.0.0.1:{old.port}")
        settings = RedisSettings(url="redis://ignored:1/0", addresses=addresses)
        client, threads = connect(settings), connect_sync(settings)
        await client.set("santral:a", "old")
        assert threads.get("santral:a") == b"old"
        await until("the write is replicated", lambda: new.run("GET", "santral:a"))
        new.run("REPLICAOF", "NO", "ONE")
        old.follow(new)
        await until("the client writes to the new primary", lambda: _serves(client))
        with contextlib.suppress(AWAY):
            threads.set("santral:a", "new")
        threads.set("santral:a", "new")
        assert new.run("GET", "santral:a") == b"new"
        old.kill()
        assert await client.get("santral:a") == b"new"
        new.kill()
        for _ in range(2):
            with pytest.raises(AWAY):
                await client.get("santral:a")
        await client.aclose()
        threads.close()


async def _work(claims: Claims, name: str, served: list[str], done: asyncio.Event) -> None:
    """Claim until `done`; each error is AWAY."""
    for number in itertools.count():
        try:
            await claims.claim(f"{name}.{number}", name)
            served.append(name)
        except AWAY:
            await pass_time(0.05)
        if done.is_set():
            return


async def _fail_over(count: int, quorum: int, down_ms: int) -> None:
    """Kill the primary under claims by several tasks: service returns without another error."""
    with valkeys(2) as (old, new):
        new.follow(old)
        with sentinels(old, count, quorum, down_ms=down_ms, password="geheim") as addresses:
            settings = RedisSettings(sentinels=tuple(addresses), sentinel_password="geheim")
            client, threads = connect(settings), connect_sync(settings)
            claims = Claims(client, "santral:claim:", 60_000, 60_000)
            served: list[str] = []
            done = asyncio.Event()
            workers = [asyncio.create_task(_work(claims, f"w{n}", served, done)) for n in range(4)]
            try:
                await until("claims succeed", lambda: len(served) > 100)
                threads.ping()
                old.kill()
                await until("the replica is the primary", lambda: _is_primary(new), 30)
                before = len(served)
                await until("claims succeed again", lambda: len(served) > before + 100)
                with contextlib.suppress(AWAY):
                    threads.ping()
                assert threads.ping()
            finally:
                done.set()
                await asyncio.gather(*workers)
                await client.aclose()
                threads.close()


def _is_primary(server: Valkey) -> bool:
    return bool(server.run("ROLE")[0] == b"master")


async def test_sentinel_names_the_new_primary() -> None:
    await _fail_over(1, 1, 300)


@pytest.mark.certify
async def test_three_sentinels_agree_on_the_new_primary() -> None:
    await _fail_over(3, 2, 1000)


async def test_tls_of_the_url_holds_for_servers_that_sentinel_names() -> None:
    settings = RedisSettings(url="rediss://ada:geheim@x/2", sentinels=("a:1", "rediss://b:2"))
    for client in (connect(settings), connect_sync(settings)):
        pool = client.connection_pool
        assert "SSLConnection" in str(pool.connection_class.__mro__)
        assert pool.connection_kwargs["username"] == "ada"
        assert pool.connection_kwargs["db"] == 2
        kinds = [
            s.connection_pool.connection_class.__name__ for s in pool.sentinel_manager.sentinels
        ]
        assert kinds == ["Connection", "SSLConnection"]


async def test_a_wrong_password_is_away_and_no_sentinel_is_forgotten() -> None:
    with valkeys(2) as (primary, replica):
        replica.follow(primary)
        with sentinels(primary, 1, 1, down_ms=1000, password="geheim") as addresses:
            client = connect(RedisSettings(sentinels=tuple(addresses), sentinel_password="falsch"))
            with pytest.raises(AWAY) as caught:
                await client.get("a")
            assert "falsch" not in str(caught.value)
            await client.aclose()
            away = (f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
            settings = RedisSettings(sentinels=(*away, *addresses), sentinel_password="geheim")
            client = connect(settings)
            await asyncio.gather(*(client.get(f"a{n}") for n in range(30)))
            finder = client.connection_pool.sentinel_manager
            assert len({id(each) for each in finder.sentinels}) == 3, "one was lost"
            await client.aclose()
