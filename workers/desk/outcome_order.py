"""Reads the order of outcomes.v1, which decides between two closings of one message.

closing.py asks for it if Redis can't say whether its outcomes count. It gets the outcomes since the
messages waited in the lines, up to its own.
"""

import asyncio
import contextlib
from typing import Protocol

from aiokafka import TopicPartition

from runtime.bus.partition_reader import read_since
from runtime.health.faults import is_outage
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Rejected, Retry
from schemas.outcome import Outcome

_DEADLINE_S = 5.0
"""An agent waits this long for Kafka before a repeat is necessary."""
_MAX_OUTCOMES = 20_000
"""More than a desk writes in the minutes of a rebuild; an agent does not wait for more."""


class OutcomeOrder(Protocol):
    """Reads outcomes.v1 in its order."""

    async def read(self, partition: int, start: int, end: int) -> list[Outcome]:
        """Return a partition's outcomes from `start` to before `end`, or raise Retry."""
        ...


class KafkaOrder:
    """outcomes.v1 in Kafka; each read has a consumer of its own."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    async def read(self, partition: int, start: int, end: int) -> list[Outcome]:
        """Return a partition's outcomes from `start` to before `end`, or raise Retry."""
        if end - start > _MAX_OUTCOMES:
            raise Retry(NEIGHBOUR_S, "the desk's lines are too far behind to confirm an act")
        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await self._read(TopicPartition(topics.OUTCOMES.name, partition), start, end)
        except Exception as error:
            if not is_outage(error):
                raise
            raise Retry(
                NEIGHBOUR_S, "Kafka, which has the order of the acts, does not answer"
            ) from error

    async def _read(self, partition: TopicPartition, start: int, end: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        reading = read_since(self._kafka, partition, client_id="santral-desk-order", offset=start)
        async with contextlib.aclosing(reading) as batches:
            async for records in batches:
                for record in records:
                    if record.offset >= end:
                        return outcomes
                    try:
                        outcomes.append(envelope.decode(Outcome, record.value))
                    except Rejected:
                        continue  # the feed passes over it too, so it closes nothing
        return outcomes
