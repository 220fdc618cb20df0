"""Redis clients, asyncio and synchronous, of one server, of Sentinel or of a list of servers.

Claims, the desk and the doors connect with them by the settings of `[redis]`. A client finds the
primary at each connect, never retries by itself (a lost reply would turn into a wrong answer), and
raises each error that concerns the server as one of the family errors.AWAY.
"""

import asyncio
from functools import cache

from redis import Redis as SyncClient
from redis import connection as sync_connections
from redis import sentinel as sync_sentinel
from redis.asyncio import Redis as Client
from redis.asyncio import connection as connections
from redis.asyncio import sentinel
from redis.asyncio.retry import Retry as Retries
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript, Script
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry as SyncRetries

from runtime.redis.errors import RedisAway, outage_code
from runtime.redis.primary_finder import TIMEOUTS, open_finder, open_sync_finder
from runtime.redis.state import RedisState
from runtime.settings.structs import RedisSettings

_ALL_OR_NOTHING = "#!lua\n"
"""The first line of a script that a server refuses before its first command when it may not write.

Without it a server with full memory stops a script in the middle: an item left its line and came to
no agent. Servers before Redis 7 do not know it.
"""


class RedisClient(Client):  # type: ignore[misc]  # redis-py's classes are untyped here
    """An asyncio client that notes its outages in `state`."""

    state: RedisState

    def register_script(self, script: str) -> AsyncScript:
        """Return a script that runs wholly or not at all."""
        return super().register_script(whole_script(script))

    def problem(self) -> str | None:
        """Return what is wrong with Redis, judged by the last exchanges, None when all is well."""
        return self.state.problem()


class SyncRedisClient(SyncClient):  # type: ignore[misc]  # as above
    """A synchronous client that notes its outages in `state`; threads may share it."""

    state: RedisState

    def register_script(self, script: str) -> Script:
        """Return a script that runs wholly or not at all."""
        return super().register_script(whole_script(script))

    def problem(self) -> str | None:
        """Return what is wrong with Redis, judged by the last exchanges, None when all is well."""
        return self.state.problem()


def whole_script(script: str) -> str:
    """Return a script with the first line that makes it run wholly or not at all."""
    return script if script.startswith("#!") else _ALL_OR_NOTHING + script


def connect(settings: RedisSettings) -> RedisClient:
    """Return an asyncio client that answers in bytes and fails at once instead of retrying."""
    options, state = connections.parse_url(settings.url), RedisState()
    base = options.pop("connection_class", connections.Connection)
    options |= TIMEOUTS | {"state": state, "retry": Retries(NoBackoff(), 0)}
    servers = open_finder(settings)
    if servers is None:
        pool = connections.ConnectionPool(connection_class=_watched(base), **options)
    else:
        tls = base is connections.SSLConnection
        base = sentinel.SentinelManagedSSLConnection if tls else sentinel.SentinelManagedConnection
        pool = _Pool(settings.service, servers, connection_class=_watched(base), **options)
    client: RedisClient = RedisClient.from_pool(pool)
    client.state = state
    return client


def connect_sync(settings: RedisSettings) -> SyncRedisClient:
    """Return a synchronous client with the behaviour of `connect`."""
    options, state = sync_connections.parse_url(settings.url), RedisState()
    base = options.pop("connection_class", sync_connections.Connection)
    options |= TIMEOUTS | {"state": state, "retry": SyncRetries(NoBackoff(), 0)}
    servers = open_sync_finder(settings)
    if servers is None:
        pool = sync_connections.ConnectionPool(connection_class=_watched_sync(base), **options)
    else:
        tls = base is sync_connections.SSLConnection
        module = sync_sentinel
        base = module.SentinelManagedSSLConnection if tls else module.SentinelManagedConnection
        pool = _SyncPool(settings.service, servers, connection_class=_watched_sync(base), **options)
    client: SyncRedisClient = SyncRedisClient.from_pool(pool)
    client.state = state
    return client


class _Pool(sentinel.SentinelConnectionPool):  # type: ignore[misc]  # as above
    """Connections to the primary that a finder names; it closes the finder with itself."""

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


class _SyncPool(sync_sentinel.SentinelConnectionPool):  # type: ignore[misc]  # as above
    """The same for threads."""

    def close(self) -> None:
        super().close()
        self.sentinel_manager.close()


class WatchedConnection(connections.AbstractConnection):  # type: ignore[misc]  # as above
    """An asyncio connection that raises outages as RedisAway and notes them."""

    def __init__(self, *, state: RedisState, **options: object) -> None:
        self._state = state
        super().__init__(**options)

    async def connect(self) -> None:
        """Connect; raise an outage."""
        try:
            await super().connect()
        except (RedisError, OSError) as error:
            self._state.failed(error)
            raise _connect_error(error) from error

    async def send_packed_command(self, *args: object, **options: object) -> None:
        """Send a command; raise an outage, or the cancellation of the caller."""
        # asyncio.wait_for, in which redis-py sends, loses a cancellation that comes together
        # with its result before Python 3.12: the loop that sends would never end.
        task = asyncio.current_task()
        requests = task.cancelling() if task is not None else 0
        await super().send_packed_command(*args, **options)
        if task is not None and task.cancelling() > requests:
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError

    async def read_response(self, *args: object, **options: object) -> object:
        """Return an answer of the server; raise an outage, or the server's error."""
        try:
            answer: object = await super().read_response(*args, **options)
            away = _away_within(answer)
        except (RedisError, OSError) as error:
            away = _outage(self._state, error)
        if away is not None:
            # The next connect finds the primary of that moment.
            await self.disconnect(nowait=True)
            raise _note(self._state, away) from None
        self._state.worked()
        return answer


class SyncWatchedConnection(sync_connections.AbstractConnection):  # type: ignore[misc]  # as above
    """The same for threads."""

    def __init__(self, *, state: RedisState, **options: object) -> None:
        self._state = state
        super().__init__(**options)

    def connect(self) -> None:
        """Connect; raise an outage."""
        try:
            super().connect()
        except (RedisError, OSError) as error:
            self._state.failed(error)
            raise _connect_error(error) from error

    def read_response(self, *args: object, **options: object) -> object:
        """Return an answer of the server; raise an outage, or the server's error."""
        try:
            answer: object = super().read_response(*args, **options)
            away = _away_within(answer)
        except (RedisError, OSError) as error:
            away = _outage(self._state, error)
        if away is not None:
            self.disconnect()
            raise _note(self._state, away) from None
        self._state.worked()
        return answer


@cache
def _watched(base: type[connections.AbstractConnection]) -> type[WatchedConnection]:
    """Return the watched class of connections of one kind: plain, TLS, or by Sentinel."""
    return type(f"Watched{base.__name__}", (WatchedConnection, base), {})


@cache
def _watched_sync(base: type[sync_connections.AbstractConnection]) -> type[SyncWatchedConnection]:
    """Return the same for threads."""
    return type(f"Watched{base.__name__}", (SyncWatchedConnection, base), {})


def _note(state: RedisState, error: BaseException) -> BaseException:
    """Note an answer that is an error, a bug of ours as a working server; return the error."""
    if isinstance(error, ResponseError):
        state.worked()
    else:
        state.failed(error)
    return error


def _outage(state: RedisState, error: BaseException) -> RedisAway:
    """Return the outage that an error is; raise any other error, noted."""
    away = _away(error)
    if away is None:
        raise _note(state, error) from None
    return away


def _away(error: BaseException) -> RedisAway | None:
    code = outage_code(error)
    return None if code is None else RedisAway(code)


def _away_within(answer: object) -> RedisAway | None:
    """Return the outage in a transaction's answer, where errors are among the values."""
    if not isinstance(answer, list):
        return None
    errors = (each for each in answer if isinstance(each, ResponseError))
    return next((away for away in map(_away, errors) if away is not None), None)


def _connect_error(error: RedisError | OSError) -> BaseException:
    """Return the error of a connect: an error reply there concerns the server or its address."""
    away = _away(error)
    if away is None and isinstance(error, ResponseError):
        return RedisAway("CONNECT", str(error))
    return away or error
