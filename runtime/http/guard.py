"""Counts unproven callers' connections, bytes, chats, mails and wrong attempts.

guarded_http.py, the chat door and the mail door take an amount before they keep anything, and give
it back afterwards. They refuse a caller over a limit and serve everybody else. Each process has one
Guard, which only its event loop's thread uses.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from starlette.requests import HTTPConnection

from runtime import metrics
from runtime.log import get
from runtime.settings.limits import LimitsSettings
from schemas.errors import ConfigError, Problem

log = get(__name__)

Monotonic = Callable[[], float]

_ADDRESSES = 20_000  # addresses whose attempts are remembered; each costs about 200 bytes


class Tally:
    """The amounts in use, by address and in all."""

    def __init__(self, reason: str, in_all: int, by_address: int) -> None:
        self._reason, self._in_all, self._by_address = reason, in_all, by_address
        self._in_use: dict[str, int] = {}
        self.total = 0

    def take(self, address: str, amount: int = 1, *, shared: bool = False) -> bool:
        """Take an amount; return False, and take nothing, where it would exceed a limit.

        A `shared` address is a proxy's with many callers behind it, and has no limit of its own.
        """
        used = self._in_use.get(address, 0) + amount
        if self.total + amount > self._in_all or (used > self._by_address and not shared):
            metrics.count("santral_callers_refused_total", reason=self._reason)
            return False
        self._in_use[address] = used
        self.total += amount
        return True

    def give(self, address: str, amount: int = 1) -> None:
        """Give back what was taken."""
        left = self._in_use.get(address, 0) - amount
        if left > 0:
            self._in_use[address] = left
        else:
            self._in_use.pop(address, None)
        self.total -= amount


class Rate:
    """A token bucket for each address: `burst` at once, then one every `every` seconds."""

    def __init__(self, reason: str, burst: int, every: float, monotonic: Monotonic) -> None:
        self._reason, self._burst, self._every, self._now = reason, burst, every, monotonic
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str) -> float:
        """Take one and return 0, or return the seconds until one is available."""
        now = self._now()
        # The moment at which the bucket is full again gives its level now.
        full_at = max(self._full_at.get(address, now), now) + self._every
        wait = full_at - now - self._burst * self._every
        if wait > 1e-9:
            metrics.count("santral_callers_refused_total", reason=self._reason)
            return wait
        self._full_at[address] = full_at
        self._full_at.move_to_end(address)
        while len(self._full_at) > _ADDRESSES or (
            self._full_at and next(iter(self._full_at.values())) < now
        ):
            self._full_at.popitem(last=False)
        return 0.0


class Guard:
    """The counts of one process."""

    def __init__(self, limits: LimitsSettings, monotonic: Monotonic = time.monotonic) -> None:
        self.limits = limits
        self.connections = Tally("connections", limits.connections, limits.connections_by_address)
        self.bytes = Tally(
            "unproven_bytes", limits.unproven_bytes, limits.unproven_bytes_by_address
        )
        self.chats = Tally("chat_sessions", limits.chat_sessions, limits.chat_sessions_by_address)
        self.mails = Tally(
            "mail_connections", limits.mail_connections, limits.mail_connections_by_address
        )
        self.mail_bytes = Tally("mail_bytes", limits.mail_bytes, limits.mail_bytes)
        self.lines = Rate("chat_lines", limits.chat_lines, 60 / limits.chat_lines, monotonic)
        self.lines_by_address = Rate(
            "chat_lines", limits.chat_lines_by_address, 60 / limits.chat_lines_by_address, monotonic
        )
        self.attempts = Rate(
            "attempts", limits.attempts, limits.attempt_every.total_seconds(), monotonic
        )
        self._warned = False
        self._proxies = [_network(name) for name in limits.trusted_proxies]

    def is_proxy(self, address: str) -> bool:
        """Say whether an address is a trusted proxy's."""
        if not self._proxies:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)

    def address(self, peer: str, forwarded: Iterable[str]) -> str:
        """Return the caller's address, the last of X-Forwarded-For without a trusted proxy's."""
        address = peer
        hops = [hop.strip() for header in forwarded for hop in header.split(",")]
        if hops and not self._warned and not self.is_proxy(peer):
            self._warned = True  # once a process: anybody may send the header
            log.warning("limits.unknown_proxy", peer=peer, set="[limits] trusted_proxies")
        while hops and self.is_proxy(address):
            address = _bare(hops.pop())
        return network_of(address)


class Stranger:
    """The sender of one request, and the bytes of its body that count until a proof."""

    def __init__(self, guard: Guard, address: str) -> None:
        self.guard, self.address = guard, address
        self._counted_bytes, self._proven = 0, False

    def hold(self, size: int) -> bool:
        """Count bytes of the body; return False where that would exceed a limit."""
        if self._proven:
            return True
        if not self.guard.bytes.take(self.address, size):
            return False
        self._counted_bytes += size
        return True

    def release(self) -> None:
        """Give back the request's bytes at its end."""
        if self._counted_bytes:
            self.guard.bytes.give(self.address, self._counted_bytes)
            self._counted_bytes = 0

    def proven(self) -> None:
        """Stop counting, because a token or a signature was right."""
        self._proven = True
        self.release()

    def failed(self) -> float:
        """Count a wrong attempt; return the seconds to wait after too many, or 0."""
        return self.guard.attempts.take(self.address)


def stranger(connection: HTTPConnection) -> Stranger:
    """Return the sender of a request or a WebSocket."""
    state = connection.scope.setdefault("state", {})
    caller = state.get("stranger")
    if not isinstance(caller, Stranger):
        # Without our server, as in a test of the application alone, each request counts by itself.
        host = connection.client.host if connection.client else ""
        caller = state["stranger"] = Stranger(Guard(LimitsSettings()), host)
    return caller


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError as error:
        text = f"[limits] trusted_proxies: {error}. Write an address, or a network as 10.0.0.0/8."
        raise ConfigError([Problem(text)]) from error


def _bare(address: str) -> str:
    """Return an address without the port that some proxies write behind it."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def network_of(address: str) -> str:
    """Return the network of one caller: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
