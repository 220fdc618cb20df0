"""Finds the primary among several Redis servers, by Sentinel or by the ROLE of each.

client.py asks at each connect and connects to the address. `[redis] sentinels` or `addresses` name
the servers, and `[redis] url` gives their user, password, database and TLS.
"""

import asyncio
import copy
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from redis import Redis as SyncClient
from redis import sentinel as sync_sentinel
from redis.asyncio import Redis as Client
from redis.asyncio import sentinel
from redis.asyncio.retry import Retry as Retries
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as SyncRetries

from runtime.log import get
from runtime.redis.errors import RedisAway
from runtime.settings.redis_addresses import Address, sentinel_url, server_url, split_address
from runtime.settings.structs import RedisSettings

log = get(__name__)

T = TypeVar("T")

TIMEOUTS: dict[str, object] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "health_check_interval": 15,
    "decode_responses": False,
}
_QUESTION_TIMEOUTS: dict[str, object] = {"socket_timeout": 1, "socket_connect_timeout": 1}
"""In seconds. A dead server among several must not delay the answer of the others for long."""

Role = tuple[int, int]
"""A primary's number of replicas and its replication offset: the larger is the later primary."""


def open_finder(settings: RedisSettings) -> "AsyncSentinel | Roles | None":
    """Return what finds the primary, None where `[redis]` names one server."""
    clients = _questioners(settings, Client.from_url, Retries(NoBackoff(), 0))
    if settings.sentinels:
        return AsyncSentinel(clients.values())
    return Roles(clients) if clients else None


def open_sync_finder(settings: RedisSettings) -> "SyncSentinel | SyncRoles | None":
    """Return what finds the primary for threads, None where `[redis]` names one server."""
    clients = _questioners(settings, SyncClient.from_url, SyncRetries(NoBackoff(), 0))
    if settings.sentinels:
        return SyncSentinel(clients.values())
    return SyncRoles(clients) if clients else None


def _questioners(
    settings: RedisSettings, from_url: Callable[..., T], retry: object
) -> dict[Address, T]:
    """Return a client of each Sentinel, which has its own login, or else of each server."""
    options = {"retry": retry, **_QUESTION_TIMEOUTS}
    if settings.sentinels:
        options["username"] = settings.sentinel_user or None
        options["password"] = settings.sentinel_password or None
        urls = {text: sentinel_url(text) for text in settings.sentinels}
    else:
        urls = {text: server_url(settings, text) for text in settings.addresses}
    return {split_address(text): from_url(url, **options) for text, url in urls.items()}


class Roles:
    """Finds the primary by each server's ROLE; it has the interface of redis-py's Sentinel."""

    def __init__(self, clients: "dict[Address, Client[bytes]]") -> None:
        self._clients = clients

    async def discover_master(self, _service: str) -> Address:
        """Return the primary's address; raise RedisAway where no server is one."""
        answers = await asyncio.gather(
            *(client.execute_command("ROLE") for client in self._clients.values()),
            return_exceptions=True,
        )
        return choose_primary(list(self._clients), answers)

    async def aclose(self) -> None:
        """Close the connections to all servers."""
        for client in self._clients.values():
            await client.aclose()


class AsyncSentinel(sentinel.Sentinel):  # type: ignore[misc]  # redis-py is untyped here
    """redis-py's Sentinel without its race: it swaps its list while other tasks walk through it,
    and it never queries a Sentinel again that it swapped away."""

    def __init__(self, clients: "Iterable[Client[bytes]]") -> None:
        super().__init__([])
        self.sentinels = list(clients)

    async def discover_master(self, service_name: str) -> Address:
        """Return the primary's address; raise an outage where no Sentinel knows one."""
        walk = copy.copy(self)
        walk.sentinels = list(self.sentinels)
        address: Address = await sentinel.Sentinel.discover_master(walk, service_name)
        self.sentinels = _with_first(self.sentinels, walk.sentinels[0])
        return address


class SyncSentinel(sync_sentinel.Sentinel):  # type: ignore[misc]  # as above
    """The same for threads; it can close its clients."""

    def __init__(self, clients: "Iterable[SyncClient[bytes]]") -> None:
        super().__init__([])
        self.sentinels = list(clients)

    def discover_master(self, service_name: str) -> Address:
        """Return the primary's address; raise an outage where no Sentinel knows one."""
        walk = copy.copy(self)
        walk.sentinels = list(self.sentinels)
        address: Address = sync_sentinel.Sentinel.discover_master(walk, service_name)
        self.sentinels = _with_first(self.sentinels, walk.sentinels[0])
        return address

    def close(self) -> None:
        """Close the connections to the Sentinels."""
        for client in self.sentinels:
            client.close()


def _with_first(clients: list[T], first: T) -> list[T]:
    """Return the same clients with one in front: it answered last."""
    return [first, *(each for each in clients if each is not first)]


class SyncRoles:
    """Finds the primary by each server's ROLE, for threads."""

    def __init__(self, clients: "dict[Address, SyncClient[bytes]]") -> None:
        self._clients = clients

    def discover_master(self, _service: str) -> Address:
        """Return the primary's address; raise RedisAway where no server is one."""
        answers: list[object] = []
        for client in self._clients.values():
            try:
                answers.append(client.execute_command("ROLE"))
            except (RedisError, OSError) as error:
                answers.append(error)
        return choose_primary(list(self._clients), answers)

    def close(self) -> None:
        """Close the connections to all servers."""
        for client in self._clients.values():
            with suppress(RedisError, OSError):
                client.close()


def choose_primary(addresses: Sequence[Address], answers: Sequence[object]) -> Address:
    """Return the address whose answer to ROLE is a primary's; raise RedisAway for none.

    If several are primaries, as after a manual failover when the old one returns, it takes the one
    with more replicas, then the one that is ahead.
    """
    primaries = {
        address: (len(answer[2]), int(answer[1]))
        for address, answer in zip(addresses, answers, strict=True)
        if isinstance(answer, (list, tuple)) and answer[0] in (b"master", "master")
    }
    if not primaries:
        raise RedisAway("NOPRIMARY")
    if len(primaries) > 1:
        log.warning("redis.several_primaries", addresses=[f"{h}:{p}" for h, p in primaries])
    return max(primaries, key=lambda address: primaries[address])
