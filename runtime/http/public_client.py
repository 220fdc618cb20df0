"""Fetches URLs that strangers write, and never connects to our own network.

Ingest fetches the files of a message with it. The client checks the IP address of each connection,
redirects included, when it connects. A name that changes its address after a check therefore gains
nothing. The client trusts the configured host of an account, even one in our network. Source:
OWASP, server-side request forgery.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urljoin

import httpcore2
import httpx2

from schemas.delays import OUTAGE_S, RECOVERY_S
from schemas.errors import Rejected, Retry, retry_after

MAX_FILE_BYTES = 64 * 1024 * 1024
"""The largest file that ingest fetches; the largest attachments of mail providers are smaller."""

Endpoint = tuple[str, int]
"""A host in lower case and its port."""

SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)
"""The level, the number and the value of an option, as httpcore2 passes it."""

_TIMEOUT = httpx2.Timeout(20.0, connect=10.0)
_FETCH_LIMIT_S = 120.0  # for all redirects and bytes of one file
_MAX_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_FINAL_STATUSES = frozenset({400, 401, 403, 404, 410})


# Special networks (IANA's registries) that Python's `is_global` calls public: protocol
# assignments, the former 6to4 relays, and documentation.
_SPECIAL_NETWORKS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20"))
)


class _Refused(httpcore2.ConnectError):
    """The URL of a stranger leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public Internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or ip
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    is_special = any(ip in network for network in _SPECIAL_NETWORKS)
    return ip.is_global and not (is_site_local or is_special or ip.is_multicast or ip.is_reserved)


class _PublicOnlyBackend(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses, and to the one trusted endpoint of the configuration."""

    def __init__(self, trusted: Endpoint | None) -> None:
        self._trusted = trusted
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        if (host.lower(), port) == self._trusted:
            return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        loop = asyncio.get_running_loop()
        try:
            entries = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} has no address") from error
        addresses = [str(entry[4][0]) for entry in entries]
        if not addresses or not all(map(is_public, addresses)):
            raise _Refused("not an address of the public Internet")
        return await self._inner.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(
        self, *_args: object, **_more: object
    ) -> httpcore2.AsyncNetworkStream:
        raise _Refused("no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _guard_transport(transport: httpx2.AsyncHTTPTransport, trusted: Endpoint | None) -> None:
    """Make a transport connect by the guarding backend; httpx2 has no parameter for it."""
    pool = transport._pool
    if not isinstance(pool._network_backend, httpcore2.AsyncNetworkBackend):
        raise TypeError("httpx2 connects without a network backend: nothing guards it")
    pool._network_backend = _PublicOnlyBackend(trusted)


class PublicClient:
    """A client that strangers can't lead into our network; each process has one."""

    def __init__(self, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._clients: dict[Endpoint | None, httpx2.AsyncClient] = {}

    async def get(
        self,
        url: str,
        *,
        own: str = "",
        secret: Mapping[str, str] | None = None,
        hosts: Sequence[str] = (),
    ) -> bytes:
        """Return the bytes at a URL; raise Rejected or Retry.

        `own` is the account's configured URL. `secret` has headers for that endpoint and for
        `hosts` and their subdomains.
        """
        trusted = _endpoint(own) if own else None
        try:
            async with asyncio.timeout(_FETCH_LIMIT_S):
                return await self._follow(url, trusted, dict(secret or {}), hosts)
        except TimeoutError:
            raise Retry(RECOVERY_S, f"{_host(url)} is too slow") from None

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, trusted: Endpoint | None) -> httpx2.AsyncClient:
        if trusted not in self._clients:
            # trust_env=False, because a proxy of the environment would connect unguarded.
            transport = httpx2.AsyncHTTPTransport(trust_env=False)
            _guard_transport(transport, trusted)
            self._clients[trusted] = httpx2.AsyncClient(
                transport=transport, follow_redirects=False, trust_env=False, timeout=_TIMEOUT
            )
        return self._clients[trusted]

    async def _follow(
        self, url: str, trusted: Endpoint | None, secret: dict[str, str], hosts: Sequence[str]
    ) -> bytes:
        """Return the bytes at the end of a URL's redirects."""
        for _ in range(_MAX_REDIRECTS):
            endpoint = _endpoint(url)
            if endpoint != trusted and not url.lower().startswith("https://"):
                raise Rejected("media.refused", "Santral fetches only https URLs")
            may_know = endpoint == trusted or any(_is_below(endpoint[0], host) for host in hosts)
            content = await self._request(url, trusted, secret if may_know else {})
            if isinstance(content, bytes):
                return content
            try:
                url = urljoin(url, content)
            except ValueError as error:
                raise Rejected("media.refused", "a redirect to no address") from error
        raise Rejected("media.refused", f"more than {_MAX_REDIRECTS} redirects")

    async def _request(
        self, url: str, trusted: Endpoint | None, headers: dict[str, str]
    ) -> bytes | str:
        """Return the bytes of an answer, or the URL of its redirect."""
        client, host = self._client(trusted), _host(url)
        client.cookies.clear()
        try:
            async with client.stream("GET", url, headers=headers) as answer:
                if answer.status_code in _REDIRECT_STATUSES and "location" in answer.headers:
                    return str(answer.headers["location"])
                if answer.status_code != 200:
                    raise _status_error(answer.status_code, answer.headers, host)
                content = bytearray()
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > self._max_bytes:
                        raise Rejected("media.too_large", f"more than {self._max_bytes} bytes")
                return bytes(content)
        except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
            raise Rejected("media.refused", "the URL is not valid") from error
        except httpx2.HTTPError as error:
            if isinstance(error.__cause__, _Refused):
                raise Rejected("media.refused", str(error.__cause__)) from error
            raise Retry(OUTAGE_S, f"{host} is unreachable: {type(error).__name__}") from error


def _status_error(status: int, headers: Mapping[str, str], host: str) -> Rejected | Retry:
    """Return the error for a status other than 200, which is final or passes."""
    if status in _FINAL_STATUSES:
        return Rejected("media.gone", f"{host} answered {status}")
    return Retry(
        retry_after(headers.get("retry-after", ""), datetime.now(UTC)), f"{host} answered {status}"
    )


def _endpoint(url: str) -> Endpoint:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise Rejected("media.refused", "the URL is not valid") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise Rejected("media.refused", "Santral fetches only https URLs")
    return parsed.host.lower(), parsed.port or (443 if parsed.scheme == "https" else 80)


def _host(url: str) -> str:
    return _endpoint(url)[0]


def _is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)
