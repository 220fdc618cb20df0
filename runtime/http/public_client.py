"""Outside: GET from addresses that strangers name, without ever reaching into our own network.

Before: ingest fetches the files of a message. After: their bytes. Every connection is checked at
the moment it is made, by the address it goes to and not by its name, so that a name that changes
its address meanwhile gains nothing; each redirect is a connection of its own. The host that the
operator configured is trusted, wherever it lies. Source: OWASP, server-side request forgery.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

import httpcore2
import httpx2

from schemas.delays import OUTAGE_S, RECOVERY_S
from schemas.errors import Rejected, Retry, retry_after

LIMIT = 64 * 1024 * 1024
"""Largest file that is fetched, in bytes."""

_TIMEOUT = httpx2.Timeout(20.0, connect=10.0)
_WHOLE_S = 120.0
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({400, 401, 403, 404, 410})


# Special networks (IANA's registries) that Python's `is_global` calls public: protocol
# assignments, the former 6to4 relays, and documentation.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))


class _Refused(httpcore2.ConnectError):
    """The address lies in a network that strangers' words do not lead to."""


def public(address: str) -> bool:
    """Say whether an IP address is one of the public Internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if mapped is not None:
        found = mapped
    local = getattr(found, "is_site_local", False) or any(found in n for n in _SPECIAL)
    return found.is_global and not (local or found.is_multicast or found.is_reserved)


class _Guard(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses only, and to (host, port) pairs that the operator named."""

    def __init__(self, own: tuple[str, int] | None) -> None:
        self._own = own
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host.lower(), port) == self._own:
            return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} has no address") from error
        addresses = [str(f[4][0]) for f in found]
        if not addresses or not all(map(public, addresses)):
            raise _Refused("not an address of the public Internet")
        return await self._inner.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(self, *_args: Any, **_more: Any) -> httpcore2.AsyncNetworkStream:
        raise _Refused("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _guard(transport: httpx2.AsyncHTTPTransport, own: tuple[str, int] | None) -> None:
    """Let a transport connect through the guard; httpx2 takes no backend from outside."""
    pool: Any = transport._pool
    if not isinstance(pool._network_backend, httpcore2.AsyncNetworkBackend):
        raise TypeError("httpx2 connects without a network backend: nothing guards it")
    pool._network_backend = _Guard(own)


class Outside:
    """The guarded client; one a process."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._clients: dict[tuple[str, int] | None, httpx2.AsyncClient] = {}

    async def get(
        self,
        url: str,
        *,
        own: str = "",
        secret: Mapping[str, str] | None = None,
        hosts: Sequence[str] = (),
    ) -> bytes:
        """Return what an address holds; see ingest.channel.Web."""
        at = _place(own) if own else None
        try:
            async with asyncio.timeout(_WHOLE_S):
                return await self._follow(url, at, dict(secret or {}), hosts)
        except TimeoutError:
            raise Retry(RECOVERY_S, f"{_host(url)} is too slow") from None

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, own: tuple[str, int] | None) -> httpx2.AsyncClient:
        if own not in self._clients:
            # trust_env=False: a proxy of the environment would connect for us, unguarded.
            transport = httpx2.AsyncHTTPTransport(trust_env=False)
            _guard(transport, own)
            self._clients[own] = httpx2.AsyncClient(
                transport=transport, follow_redirects=False, trust_env=False, timeout=_TIMEOUT
            )
        return self._clients[own]

    async def _follow(
        self, url: str, own: tuple[str, int] | None, secret: dict[str, str], hosts: Sequence[str]
    ) -> bytes:
        for _ in range(_HOPS):
            place = _place(url)
            if place != own and not url.lower().startswith("https://"):
                raise Rejected("media.refused", "only https is asked")
            trusted = place == own or any(_below(place[0], h) for h in hosts)
            found = await self._one(url, own, secret if trusted else {})
            if isinstance(found, bytes):
                return found
            try:
                url = urljoin(url, found)
            except ValueError as error:
                raise Rejected("media.refused", "a redirect to no address") from error
        raise Rejected("media.refused", f"more than {_HOPS} redirects")

    async def _one(
        self, url: str, own: tuple[str, int] | None, headers: dict[str, str]
    ) -> bytes | str:
        """Return the bytes, or where it is said to be instead."""
        client, host = self._client(own), _host(url)
        client.cookies.clear()
        try:
            async with client.stream("GET", url, headers=headers) as found:
                if found.status_code in _REDIRECTS and "location" in found.headers:
                    return str(found.headers["location"])
                if found.status_code != 200:
                    raise refusal(found.status_code, found.headers, host)
                made = bytearray()
                async for piece in found.aiter_bytes():
                    made += piece
                    if len(made) > self._limit:
                        raise Rejected("media.too_large", f"more than {self._limit} bytes")
                return bytes(made)
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise Rejected("media.refused", "that is no address") from error
        except httpx2.HTTPError as error:
            if isinstance(error.__cause__, _Refused):
                raise Rejected("media.refused", str(error.__cause__)) from error
            raise Retry(OUTAGE_S, f"{host} can't be asked: {type(error).__name__}") from error


def refusal(status: int, headers: Mapping[str, str], host: str) -> Rejected | Retry:
    """Return what another answer than 200 means: gone for good, or later."""
    if status in _GONE:
        return Rejected("media.gone", f"{host} answered {status}")
    return Retry(
        retry_after(headers.get("retry-after", ""), datetime.now(UTC)), f"{host} answered {status}"
    )


def _place(url: str) -> tuple[str, int]:
    try:
        made = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise Rejected("media.refused", "that is no address") from error
    if made.scheme not in ("http", "https") or not made.host:
        raise Rejected("media.refused", "only https is asked")
    return made.host.lower(), made.port or (443 if made.scheme == "https" else 80)


def _host(url: str) -> str:
    return _place(url)[0]


def _below(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)
