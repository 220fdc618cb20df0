"""The WebSocket protocol of our servers, which limits the frames of each connection.

guarded_http.py passes it a request to upgrade, and the chat's door gets the messages. The library
answers pings and keeps the fragments of a message before the application sees them. This class
therefore ends a connection with more frames than a person can cause.
"""

import asyncio
import time

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from runtime.http.guard import Guard, Rate

_SLICE_BYTES = 1024  # bytes to read before the frames in them count: at most 170 frames
_MINUTE_S = 60.0
_POLICY_VIOLATION = 1008


class GuardedSockets(WebSocketsSansIOProtocol):
    """One WebSocket. `sockets_protocol` makes the class of one Guard."""

    guard: Guard

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        most = self.guard.limits.chat_frames
        self._rate = Rate("chat_frames", most, _MINUTE_S / most, time.monotonic)
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """Take bytes; discard those that come after a refusal."""
        for start in range(0, len(data), _SLICE_BYTES):
            if self._refused:
                return
            super().data_received(data[start : start + _SLICE_BYTES])

    def handle_cont(self, event: Frame) -> None:
        """Take a further part of a message."""
        if self._takes():
            super().handle_cont(event)

    def handle_text(self, event: Frame) -> None:
        """Take a text, or its first part."""
        if self._takes():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Take bytes, or their first part."""
        if self._takes():
            super().handle_bytes(event)

    def handle_ping(self) -> None:
        """Answer a ping."""
        if self._takes():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Take the answer to a ping."""
        if self._takes():
            super().handle_pong(event)

    def _takes(self) -> bool:
        """Count a frame; end the connection at the first one over the limit."""
        if self._refused:
            return False
        if not self._rate.take(""):
            return True
        self._refused = True
        self.stop_keepalive()
        if self.transport.get_write_buffer_size() or self.close_sent:
            self.transport.abort()  # the caller does not read, and would not read why
            return False
        self.conn.send_close(_POLICY_VIOLATION, "too many frames: connect again later")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()
        return False


def sockets_protocol(guard: Guard) -> type[asyncio.Protocol]:
    """Return the protocol class that counts with this Guard."""
    return type("GuardedSocket", (GuardedSockets,), {"guard": guard})
