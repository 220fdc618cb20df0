"""Faults around the desk of desk_world.py, on the way to Redis, in Kafka's answers, and of agents."""

import asyncio
import contextlib
import random
from collections import Counter

from redis.asyncio import Redis as Client

from cli.up.ports import free_port
from runtime.bus.publisher import Publisher
from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.errors import Retry
from schemas.outcome import Outcome
from schemas.topics import AnyTopic
from tests.support.desk.histories import MessageHops
from tests.support.redis.servers import Valkey
from workers.desk_queue.queue import DeskQueue
from workers.desk_queue.values import ClaimedItem


class AgentDied(Exception):
    """The agent's process ended in the middle of an act."""


class Proxy:
    """One address for the Valkey that is the primary now."""

    def __init__(self, target: Valkey) -> None:
        self.target = target
        self.port = free_port()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    def switch(self, target: Valkey) -> None:
        """Send every client to another server."""
        self.target = target
        for writer in list(self._writers):
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other, upstream = await asyncio.open_connection("127.0.0.1", self.target.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, upstream}
        await asyncio.gather(_pump(reader, upstream), _pump(other, writer))
        self._writers -= {writer, upstream}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


class FaultyPublisher(Publisher):
    """A publisher whose outcomes fail now and then, before or after Kafka has them.

    An agent's outcomes wait for the event of that agent in `pauses`. `published` counts the
    outcomes of each agent that Kafka has.
    """

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        super().__init__(settings.kafka, "agents")
        self._rng = rng
        self.fault_rate = 0.0
        self.dying: set[str] = set()
        self.pauses: dict[str, asyncio.Event] = {}
        self.published: Counter[str] = Counter()

    async def publish(self, topic: AnyTopic, record: Record, **more: object) -> tuple[int, int]:
        """Publish, unless this is the moment at which Kafka or the agent fails."""
        if isinstance(record, Outcome) and record.kind != "claimed":
            if pause := self.pauses.get(record.agent):
                await pause.wait()
            fault = AgentDied() if record.agent in self.dying else Retry(1, "Kafka is away")
            rate = 1.0 if record.agent in self.dying else self.fault_rate
            if self._rng.random() < rate:
                if self._rng.random() < 0.5:
                    await self._publish_counted(topic, record, **more)
                raise fault
            return await self._publish_counted(topic, record, **more)
        return await super().publish(topic, record, **more)

    async def _publish_counted(
        self, topic: AnyTopic, outcome: Outcome, **more: object
    ) -> tuple[int, int]:
        position = await super().publish(topic, outcome, **more)
        self.published[outcome.agent] += 1
        return position


class RecordingDeskQueue(DeskQueue):
    """A desk queue that remembers which messages, at which hops, each lease was shown."""

    def __init__(self, redis: "Client[bytes]") -> None:
        super().__init__(redis)
        self.shown: dict[str, tuple[MessageHops, ...]] = {}

    async def claim(
        self, department: str, agent: str, lease_ms: int, count: int
    ) -> tuple[list[ClaimedItem], int]:
        """Claim, and remember."""
        claimed, late = await super().claim(department, agent, lease_ms, count)
        for c in claimed:
            self.shown[c.lease] = tuple((m.message, m.hops) for m in c.messages)
        return claimed, late
