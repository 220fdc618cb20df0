"""Brokers that only describe their cluster, and that can be away; no Kafka is needed.

Before: a test makes a client. Then the test sees what the client does about a broker's end.
"""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

API_VERSIONS, METADATA = 18, 3
_VERSIONS = ((METADATA, 2, 2), (API_VERSIONS, 0, 0))
_NO_ERROR, _UNSUPPORTED_VERSION = 0, 35


class BrokerDouble(socketserver.ThreadingTCPServer):
    """One broker of a cluster on loopback."""

    daemon_threads = True

    def __init__(self, number: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.number, self.port = number, int(self.server_address[1])
        self.cluster: list[BrokerDouble] = []
        self.controller = number
        self._connections: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def leave(self) -> None:
        """End as a killed process does: the port refuses connections."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):  # the client was first
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: socket.socket, address: tuple[str, int]) -> None:  # type: ignore[override]
        """Note a connection, and serve it in a thread of its own."""
        self._connections.add(request)
        super().process_request(request, address)

    def answer(self, api: int, version: int) -> bytes:
        """Return the body of an answer: the versions that it knows, or its cluster."""
        if api == API_VERSIONS:
            error = _NO_ERROR if version == 0 else _UNSUPPORTED_VERSION
            listed = b"".join(struct.pack(">hhh", *version) for version in _VERSIONS)
            return struct.pack(">hi", error, len(_VERSIONS)) + listed
        brokers = b"".join(
            struct.pack(">ih9sih", broker.number, 9, b"127.0.0.1", broker.port, -1)
            for broker in self.cluster
        )
        named = struct.pack(">h6si", 6, b"double", self.controller)
        return struct.pack(">i", len(self.cluster)) + brokers + named + struct.pack(">i", 0)


class _Connection(socketserver.StreamRequestHandler):
    server: BrokerDouble

    def handle(self) -> None:
        """Answer requests until the client or the broker leaves."""
        while size := self.rfile.read(4):
            request = self.rfile.read(struct.unpack(">i", size)[0])
            api, version, correlation = struct.unpack_from(">hhi", request)
            answer = struct.pack(">i", correlation) + self.server.answer(api, version)
            self.wfile.write(struct.pack(">i", len(answer)) + answer)


@contextlib.contextmanager
def brokers(count: int, controller: int) -> Iterator[list[BrokerDouble]]:
    """Run `count` brokers, numbered from 1; `controller` is the number of the controller."""
    cluster = [BrokerDouble(number) for number in range(1, count + 1)]
    for broker in cluster:
        broker.cluster, broker.controller = cluster, controller
    try:
        yield cluster
    finally:
        for broker in cluster:
            broker.leave()
