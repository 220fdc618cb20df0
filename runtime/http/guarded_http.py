"""The HTTP protocol of our servers, which is uvicorn's with limits from the first byte on.

The application finds the Stranger in its scope's state. The protocol answers slow, large or surplus
callers with 408, 431 or 503 and closes them. Beyond the limit of connections a small reserve still
answers probes, so that operators see the overload. The time limits are here because the application
never sees a caller that sends half a header.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from runtime import metrics
from runtime.http.guard import Guard, Stranger, network_of
from schemas.http_api.bodies import Fault

_PROBES = (b"/livez", b"/readyz")
_RESERVE = 32  # connections beyond the limit, kept for probes
_RESERVE_TIME_S = 2.0
# Time after an early answer in which further bytes are discarded: closing at once would reset the
# connection, and the caller would never read the answer.
_LINGER_S = 2.0
# A timer that fires this late shows that the server slept (a stopped process, a busy machine). The
# caller's bytes may be there unread, so the caller gets a short time more.
_LATE_S, _GRACE_S = 0.5, 1.0
# Bytes of a chunked body's framing for each byte of it: a chunk of one byte has six of them.
_FRAMING = 8
_REASONS = {
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


class Reserve:
    """The connections beyond the limit; the oldest makes room for the newest."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, asyncio.Transport] = OrderedDict()

    def add(self, number: int, transport: asyncio.Transport) -> None:
        """Add a connection."""
        self._open[number] = transport
        if len(self._open) > _RESERVE:
            self._open.popitem(last=False)[1].abort()

    def discard(self, number: int) -> None:
        """Forget a connection."""
        self._open.pop(number, None)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `protocol` makes the class of one Guard."""

    guard: Guard
    reserve: Reserve

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Count the connection, and wait for its first request."""
        super().connection_made(transport)
        self._peer = network_of(str((transport.get_extra_info("peername") or ("",))[0]))
        self._in_head, self._head_bytes = True, 0
        self._received = self._body_bytes = 0
        self._body_at = self._body_end = 0.0
        self._refused = self._upgraded = False
        self._strangers: deque[Stranger] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._unread: asyncio.TimerHandle | None = None
        shared = self.guard.is_proxy(self._peer)
        self._counted = self.guard.connections.take(self._peer, shared=shared)
        if not self._counted:
            self.reserve.add(id(self), transport)
        limit = self.guard.limits.header_time.total_seconds()
        self._arm(limit if self._counted else _RESERVE_TIME_S, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back everything."""
        self._disarm()
        self._read()
        self._uncount()
        while self._strangers:
            self._strangers.popleft().release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; discard those that come after a refusal."""
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._received += len(data)
        super().data_received(data)
        if self._is_over():
            return
        limits = self.guard.limits
        if not self._in_head:
            framing = self._received - self._body_bytes
            if framing > limits.header_bytes + _FRAMING * self._body_bytes:
                self._refuse(431, "header_bytes")
            elif self._timer is None:
                first = min(limits.body_pause, limits.body_time).total_seconds()
                self._arm(first, self._body_late)
        elif self._head_bytes > limits.header_bytes:
            self._refuse(431, "header_bytes")
        elif self._head_bytes and self._timer is None:
            self._arm(limits.header_time.total_seconds(), self._head_late)

    def on_message_begin(self) -> None:
        """Begin a request, which may follow another in the same bytes."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, max(1, self._head_bytes)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; ignore trailers, the headers after a body."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head, and hand the request on."""
        if self._refused:
            return
        self._disarm()
        self._in_head, self._received, self._body_bytes = False, 0, 0
        limits = self.guard.limits
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > limits.header_bytes or len(self.headers) > limits.header_count:
            self._refuse(431, "header_bytes")
            return
        if not self._counted and self.url.partition(b"?")[0] not in _PROBES:
            self._refuse(503, "connections")
            return
        self._begin(limits.body_time.total_seconds())
        super().on_headers_complete()
        if not self._counted and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count the bytes of a body until its sender is proven."""
        if self._refused:
            return
        self._body_at = self.loop.time()
        self._body_bytes += len(body)
        cycle: RequestResponseCycle | None = self.cycle
        unanswered = cycle is not None and not cycle.response_complete
        if unanswered and not self._strangers[-1].hold(len(body)):
            self._refuse(503, "unproven_bytes", counted=True)
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next may begin."""
        if self._refused:
            return
        super().on_message_complete()
        self._disarm()
        self._in_head, self._head_bytes = True, 0

    def on_response_complete(self) -> None:
        """Release the request's bytes; do not wait long for a body that nobody wants."""
        super().on_response_complete()
        if self._strangers:
            self._strangers.popleft().release()
        if self.transport.is_closing():
            self._end_unread()
        elif not self._in_head and self.cycle.response_complete and self.cycle.more_body:
            self._arm(_LINGER_S, self.transport.close)

    def pause_writing(self) -> None:
        """Give a caller who does not read a limited time."""
        super().pause_writing()
        pause = self.guard.limits.answer_pause.total_seconds()
        self._unread = self.loop.call_later(pause, self._answer_late)

    def resume_writing(self) -> None:
        """Stop that time limit: the caller reads again."""
        super().resume_writing()
        self._read()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its last answer is unread."""
        super().timeout_keep_alive_handler()
        self._end_unread()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket, which counts as a chat from here on."""
        self._upgraded = True
        self._disarm()
        self._read()
        self._uncount()
        self.app_state = {**self.app_state, "stranger": self._strangers[-1]}
        super().handle_websocket_upgrade()

    def _is_over(self) -> bool:
        return self._refused or self._upgraded or self.transport.is_closing()

    def _begin(self, body_time: float) -> None:
        """Note the request's sender and the deadline of its body."""
        address = self._peer
        forwarded = [v.decode("latin-1") for n, v in self.headers if n == b"x-forwarded-for"]
        if forwarded:
            address = self.guard.address(address, forwarded)
        sender = Stranger(self.guard, address)
        self._strangers.append(sender)
        self.scope["state"]["stranger"] = sender
        self._body_at = self.loop.time()
        self._body_end = self._body_at + body_time

    def _head_late(self) -> None:
        if self._has_slept():
            self._arm(_GRACE_S, self._head_late)
        else:
            self._refuse(408, "header_time")

    def _has_slept(self) -> bool:
        """Say whether the server slept past the timer that fires now."""
        return self.loop.time() > self._timer_due + _LATE_S

    def _body_late(self) -> None:
        """End a body that stalls or takes too long, unless the server itself has paused it."""
        now, pause = self.loop.time(), self.guard.limits.body_pause.total_seconds()
        due = self._body_at + pause
        if self._has_slept():
            self._arm(_GRACE_S, self._body_late)
            return
        if self.flow.read_paused:
            due = now + pause
        elif now >= self._body_end or now >= due - 0.001:
            self._timer = None
            self._refuse(408, "body_time")
            return
        self._arm(min(due, max(self._body_end, now + 0.1)) - now, self._body_late)

    def _answer_late(self) -> None:
        metrics.count("santral_callers_refused_total", reason="answer_pause")
        self.transport.abort()

    def _end_unread(self) -> None:
        """Close a connection that is still waiting for its last bytes to leave."""
        self._arm(self.guard.limits.answer_pause.total_seconds(), self._answer_late)

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _refuse(self, status: int, reason: str, *, counted: bool = False) -> None:
        """Answer and close; this ends the application's work for this caller."""
        self._refused = True
        self._disarm()
        if not counted:
            metrics.count("santral_callers_refused_total", reason=reason)
        cycle: RequestResponseCycle | None = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        while self._strangers:
            self._strangers.popleft().release()
        if begun:
            self.transport.abort()
            return
        self.flow.resume_reading()
        self.transport.write(_answer(status, reason))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._arm(_LINGER_S, self.transport.abort)

    def _uncount(self) -> None:
        if self._counted:
            self.guard.connections.give(self._peer)
            self._counted = False
        self.reserve.discard(id(self))

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._timer_due = self.loop.time() + seconds
        self._timer = self.loop.call_later(seconds, call)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol(guard: Guard) -> type[asyncio.Protocol]:
    """Return the protocol class that counts with this Guard."""
    return type("Guarded", (GuardedProtocol,), {"guard": guard, "reserve": Reserve()})


def _answer(status: int, reason: str) -> bytes:
    code = "try_again" if status == 503 else f"http.{status}"
    body = msgspec.json.encode(Fault(code=code, text=f"over the limit `{reason}`"))
    return b"".join(
        (
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\n" % (status, _REASONS[status]),
            b"retry-after: 5\r\n" if status == 503 else b"",
            b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body),
            body,
        )
    )
