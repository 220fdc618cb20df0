"""Keeps the desk's lines in step with Kafka, and rebuilds them when Redis was emptied.

Before: queue.<department>.v1 and outcomes.v1. After: desk.py. Records are applied before their
offsets are committed; applying one twice changes nothing.
"""

import asyncio
import os
import secrets
from datetime import timedelta

from aiokafka import ConsumerRecord, TopicPartition
from redis.asyncio import Redis

from runtime import bus, metrics
from runtime.bus import queues, read_to_end, reader
from runtime.claims import AWAY, Claims
from runtime.clock import Clock
from runtime.faults import guard
from runtime.health import Fresh, Health
from runtime.kafka_reader import KafkaReader
from runtime.log import get
from runtime.settings import Settings
from schemas import envelope, topics
from schemas.decision import WorkItem
from schemas.errors import Rejected, Retry
from schemas.outcome import CLOSES, Outcome, closed_messages
from workers.desk_redis import Lines
from workers.desk_values import Arrival, Behind, Closing, Span

log = get(__name__)

GROUP = "santral-desk"
_REBUILD_LEASE_MS = 120_000
_LOCK = "santral:desk:rebuild:"


def score(work: WorkItem, point: timedelta) -> float:
    """Return an item's place in line: arrival in ms, each point of priority worth some waiting."""
    arrived = work.message.received_at.timestamp() * 1000
    return arrived - work.decision.priority * point.total_seconds() * 1000


class Feed:
    """Reads the queues into Redis."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", clock: Clock, health: Health
    ) -> None:
        self._settings, self._clock = settings, clock
        self.lines = Lines(redis)
        self._claims = Claims(redis, _LOCK, _REBUILD_LEASE_MS, 1)
        self._topics = queues(settings.departments)
        self.lag = bus.Lag("desk lag")
        self._positions: dict[TopicPartition, int] = {}
        self._ends: tuple[bytes, dict[TopicPartition, int]] | None = None
        self.fresh = Fresh(clock, 60, "look at the queues")
        health.add("desk", self.fresh)

    async def run(self) -> None:
        """Feed for ever; Redis or Kafka going away is waited out, nothing is committed then."""
        while True:
            try:
                await self._follow()
            except (*AWAY, *bus.AWAY, Retry) as error:
                log.warning("desk.away", why=str(error))
                self.lag.wait_for("Kafka or Redis", 1)
                await asyncio.sleep(1)

    async def _follow(self) -> None:
        consumer = reader(
            self._settings.kafka, *self._topics, topics.OUTCOMES.name, group=GROUP,
            client_id=f"santral-desk-{os.getpid()}",
        )  # fmt: skip
        self.lag.joining()
        await consumer.start()
        self._positions.clear()
        try:
            while True:
                try:
                    await self._turn(consumer)
                except Behind as error:
                    log.warning("desk.redis_older", why=str(error))
                    self._positions.clear()
        finally:
            self.lag.left()
            await consumer.stop()

    async def _turn(self, consumer: KafkaReader) -> None:
        if await self.lines.epoch() is None:
            await self._rebuild()
            self._positions.clear()
            return
        await self._seek(consumer)
        batch = await consumer.getmany(timeout_ms=200, max_records=2000)
        for part, records in batch.items():
            start = self._positions.get(part)
            if start is None:
                continue  # assigned in this very call: the next turn seeks first
            span = Span(partition=_name(part), start=start, end=records[-1].offset + 1)
            await self._apply(part.topic, records, span)
            self._positions[part] = span.end
            self.lag.handled += len(records)
        if batch:
            await self.lag.commit(consumer)
        await self._verify(consumer)
        self.fresh.succeeded()
        await self.lag.turned(consumer)
        await self._gauges()

    async def _seek(self, consumer: KafkaReader) -> None:
        """Read each newly assigned partition on from where the lines have it."""
        assigned = consumer.assignment()
        for part in [p for p in self._positions if p not in assigned]:
            del self._positions[part]
        if assigned <= self._positions.keys():
            return
        positions = await self.lines.positions()
        for part in assigned - self._positions.keys():
            self._positions[part] = positions.get(_name(part), 0)
            consumer.seek(part, self._positions[part])

    async def _verify(self, consumer: KafkaReader) -> None:
        """Serve a Redis with another history only when it has all outcomes that Kafka has now."""
        history, verified = await self.lines.history()
        if verified:
            return
        if self._ends is None or self._ends[0] != history:
            parts = [
                TopicPartition(topics.OUTCOMES.name, n)
                for n in consumer.partitions_for_topic(topics.OUTCOMES.name) or ()
            ]
            self._ends = history, await consumer.end_offsets(parts)
        positions = await self.lines.positions()
        if all(positions.get(_name(p), 0) >= end for p, end in self._ends[1].items()):
            await self.lines.verify(history)

    async def _apply(self, topic: str, records: list[ConsumerRecord], span: Span) -> None:
        if topic != topics.OUTCOMES.name:
            await self._add([a for r in records if (a := self._arrival(r)) is not None], span)
            return
        closings = []
        for record in records:
            try:
                outcome = envelope.decode(Outcome, record.value)
            except Rejected as error:
                _undecodable(record, error)  # the router buries it
                continue
            if outcome.kind in CLOSES:
                closings.append(_closing(outcome, record.offset))
        await self.lines.close(closings, span)

    async def _add(self, arrivals: list[Arrival], span: Span | None = None) -> int:
        """Put items in line, one by one when a batch fails. Return the number of new ones."""
        with guard(log, GROUP, items=len(arrivals)):
            return await self.lines.add(arrivals, span)
        count = 0
        for arrival in arrivals:
            with guard(log, GROUP, message=arrival.message):
                count += await self.lines.add([arrival])
        await self.lines.add([], span)
        return count

    def _arrival(self, record: ConsumerRecord) -> Arrival | None:
        """Return what a queue's record puts in line; None if it does not decode."""
        try:
            work = envelope.decode(WorkItem, record.value)
        except Rejected as error:
            _undecodable(record, error)  # the router wrote it, so this is a bug's
            return None
        message, decision = work.message, work.decision
        # Without a valid rank the item waits as if it had come now.
        arrived = rank = self._clock.now().timestamp() * 1000
        with guard(log, GROUP, message=message.id):
            arrived = message.received_at.timestamp() * 1000
            rank = score(work, self._settings.desk.priority_point)
        return Arrival(
            department=decision.department, conversation=message.conversation,
            message=message.id, hops=decision.hops, work=record.value or b"",
            arrived_ms=int(arrived), score=rank, quiet=message.event is not None,
            partition=record.partition, offset=record.offset,
        )  # fmt: skip

    async def _rebuild(self) -> None:
        """Fill empty lines from Kafka: first all that was finished, then what is not."""
        token = secrets.token_hex(8)
        self.lag.left()
        while await self.lines.epoch() is None:
            if await self._claims.claim("lock", token) != "BUSY":
                break
            self.lag.count_turn()
            await asyncio.sleep(0.2)
        else:
            return
        log.warning("desk.rebuilding")
        done: dict[str, int] = {}
        positions: dict[str, int] = {}
        async for records in read_to_end(self._settings.kafka, [topics.OUTCOMES.name]):
            await self._claims.claim("lock", token)
            self.lag.handled += 1
            for record in records:
                _finished(record, done)
            positions |= _ends(records)
        count = 0
        async for records in read_to_end(self._settings.kafka, self._topics):
            if await self._claims.claim("lock", token) != "MINE":
                return  # emptied again meanwhile: the next turn starts over
            self.lag.handled += len(records)
            waiting = [a for r in records if (a := self._arrival(r)) is not None]
            count += await self._add([a for a in waiting if done.get(a.message, -1) < a.hops])
            positions |= _ends(records)
        epoch = secrets.token_hex(4)
        complete = await self.lines.begin(epoch, f"{_LOCK}lock", token, positions)
        await self._claims.release("lock", token)
        log.warning("desk.rebuilt" if complete else "desk.emptied_again", items=count)

    async def _gauges(self) -> None:
        for department in self._settings.departments:
            ready, leased = await self.lines.counts(department)
            metrics.gauge("santral_items_ready", ready, department=department)
            metrics.gauge("santral_items_leased", leased, department=department)


def _undecodable(record: ConsumerRecord, error: Rejected) -> None:
    log.warning("record.undecodable", topic=record.topic, offset=record.offset, text=error.text)


def _name(part: TopicPartition) -> str:
    return f"{part.topic}/{part.partition}"


def _ends(records: list[ConsumerRecord]) -> dict[str, int]:
    return {f"{r.topic}/{r.partition}": r.offset + 1 for r in records}


def _closing(outcome: Outcome, offset: int) -> Closing:
    return Closing(
        outcome=outcome.id,
        department=outcome.department,
        conversation=outcome.conversation,
        messages=closed_messages(outcome),
        offset=offset,
    )


def _finished(record: ConsumerRecord, done: dict[str, int]) -> None:
    try:
        outcome = envelope.decode(Outcome, record.value)
    except Rejected:
        return  # buried by the router
    for message, hops in closed_messages(outcome):
        done[message] = max(done.get(message, -1), hops)
