"""A broker of a few fixed answers, which falls silent as a frozen one does.

It takes every request, notes its name, and answers it while the name is not silent. No Kafka runs.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Protocol

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0
from aiokafka.protocol.group import (
    HeartbeatResponse_v0,
    JoinGroupRequest_v0,
    JoinGroupResponse_v0,
    LeaveGroupResponse_v0,
    SyncGroupResponse_v0,
)
from aiokafka.protocol.metadata import MetadataRequest_v0, MetadataResponse_v0
from aiokafka.protocol.transaction import InitProducerIdResponse_v0

_NAMES = {
    0: "produce",
    3: "metadata",
    10: "coordinator",
    11: "join",
    12: "heartbeat",
    13: "leave",
    14: "sync",
    18: "versions",
    22: "producer",
}
_VERSIONS = {0: 3}
"""The highest version of a request that it takes, 0 where nothing is here."""
_UNSUPPORTED_VERSION = 35


@dataclass
class ScriptedBroker:
    """One node that leads partition 0 of every topic, and coordinates every group."""

    port: int
    silent: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    sessions_ms: list[int] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        """The address of a client's settings."""
        return f"127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """Answer nothing until `running` is set."""
        self.running.clear()

    def fall_silent(self) -> None:
        """Answer nothing from now on."""
        self.silent |= set(_NAMES.values())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                key, version, number = struct.unpack(">hhi", request[:8])
                name = _NAMES[key]
                self.requests.append(name)
                await self.running.wait()
                if name not in self.silent:
                    answer = struct.pack(">i", number) + self._answer(name, version, request[8:])
                    writer.write(struct.pack(">i", len(answer)) + answer)
        self.open.discard(writer)
        writer.close()

    def _answer(self, name: str, version: int, body: bytes) -> bytes:
        """Return the answer to a request, or to a newer question for versions its first form."""
        if name == "versions" and version > 0:
            return self.versions(body, _UNSUPPORTED_VERSION)
        return _ANSWERS[name](self, body)

    def versions(self, _body: bytes, error: int = 0) -> bytes:
        """Return the versions of the requests that it takes."""
        rows = [struct.pack(">hhh", key, 0, _VERSIONS.get(key, 0)) for key in _NAMES]
        return struct.pack(">hi", error, len(rows)) + b"".join(rows)

    def metadata(self, body: bytes) -> bytes:
        """Return itself, and partition 0 of each topic of the request."""
        (length,) = struct.unpack(">h", body[:2])
        names = MetadataRequest_v0.SCHEMA.decode(BytesIO(body[2 + length :]))[0] or []
        parts = [(0, 0, 1, [1], [1])]
        answer = MetadataResponse_v0(
            [(1, "127.0.0.1", self.port)], [(0, topic, parts) for topic in names]
        )
        return _encoded(answer)

    def coordinator(self, _body: bytes) -> bytes:
        """Return itself."""
        return _encoded(FindCoordinatorResponse_v0(0, 1, "127.0.0.1", self.port))

    def join(self, body: bytes) -> bytes:
        """Let a member in that does not lead the group."""
        (length,) = struct.unpack(">h", body[:2])
        self.sessions_ms.append(JoinGroupRequest_v0.SCHEMA.decode(BytesIO(body[2 + length :]))[1])
        return _encoded(JoinGroupResponse_v0(0, 1, "roundrobin", "leader", "member", []))

    def sync(self, _body: bytes) -> bytes:
        """Give the member no partition."""
        assignment = ConsumerProtocolMemberAssignment(0, [], b"").encode()
        return _encoded(SyncGroupResponse_v0(0, assignment))

    def heartbeat(self, _body: bytes) -> bytes:
        """Take a heartbeat."""
        return _encoded(HeartbeatResponse_v0(0))

    def leave(self, _body: bytes) -> bytes:
        """Let a member go."""
        return _encoded(LeaveGroupResponse_v0(0))

    def producer(self, _body: bytes) -> bytes:
        """Return the id of an idempotent producer."""
        return _encoded(InitProducerIdResponse_v0(0, 0, 7, 0))


_ANSWERS: dict[str, Callable[[ScriptedBroker, bytes], bytes]] = {
    "versions": ScriptedBroker.versions,
    "metadata": ScriptedBroker.metadata,
    "coordinator": ScriptedBroker.coordinator,
    "join": ScriptedBroker.join,
    "sync": ScriptedBroker.sync,
    "heartbeat": ScriptedBroker.heartbeat,
    "leave": ScriptedBroker.leave,
    "producer": ScriptedBroker.producer,
}


class _EncodableResponse(Protocol):
    def encode(self) -> bytes: ...


def _encoded(response: _EncodableResponse) -> bytes:
    encoded: bytes = response.encode()
    return encoded


@contextlib.asynccontextmanager
async def scripted_broker(*silent: str) -> AsyncIterator[ScriptedBroker]:
    """Run one; it does not answer requests of these names."""
    broker = ScriptedBroker(0, set(silent))
    broker.running.set()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        for writer in broker.open:
            writer.close()
