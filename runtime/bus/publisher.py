"""A publisher of records that replaces its producer after an outage of Kafka.

The door, the channels and the workers publish with it. The router writes in transactions of its
own (router/transaction.py).
"""

import asyncio
import time

from confluent_kafka import KafkaException

from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.loop_producer import LoopProducer
from runtime.health.neighbour import Neighbour
from runtime.settings.structs import KafkaSettings
from schemas import envelope
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.topics import BROKER_MESSAGE_MAX, R, Topic

_RESTART_INTERVAL_S = 1.0  # after a failed start or publish, callers fail fast for this time
_MAX_UNACKNOWLEDGED = 2000  # records in memory that an outage of Kafka loses at most
_LINGER_MS = 1  # a record waits this long for others of its partition
_MAX_REQUESTS = 2
"""Requests to one broker without an answer. A request has one partition's records and costs 30 µs
whatever is in it; records gather while two requests are under way."""
_BATCH_BYTES = 128 * 1024
_OUTAGES = (KafkaException, BufferError, TimeoutError, OSError)


class Publisher:
    """Publishes records with acks=all and idempotence; each call returns after Kafka's ack.

    Raises Retry when Kafka does not acknowledge within `kafka.ack_timeout`. The publisher then
    discards its producer with all unsent records, because an idempotent producer may stay broken
    after an error. `neighbour` learns how each publish ended.
    """

    def __init__(
        self, kafka: KafkaSettings, client_id: str, neighbour: Neighbour | None = None
    ) -> None:
        self._kafka = kafka
        self._neighbour = neighbour
        self._client_id = client_id
        self._producer: LoopProducer | None = None
        self._starting: asyncio.Future[LoopProducer] | None = None
        self._ending: set[asyncio.Future[None]] = set()
        self._unacknowledged_slots = asyncio.Semaphore(_MAX_UNACKNOWLEDGED)
        self._timeout = kafka.ack_timeout.total_seconds()
        self._failed_at: float | None = None

    async def start(self) -> None:
        """Connect; raise Retry when Kafka is away."""
        await self._running_producer()

    async def stop(self) -> None:
        """Flush and disconnect."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.flush()
            self._end_producer(producer)
        if self._ending:
            await asyncio.wait(self._ending, timeout=self._timeout)

    async def publish(
        self,
        topic: Topic[R],
        record: R,
        *,
        source: str,
        traceparent: str | None = None,
        partition: int | None = None,
    ) -> tuple[int, int]:
        """Publish one record; return its partition and offset once every replica has it.

        `source` is the record's writer, for CloudEvents. Without `partition`, the key's hash
        chooses the partition. Raises Retry.
        """
        value = envelope.encode(record)
        headers = envelope.headers(topic, record, source, traceparent)
        return await self.send(topic.name, topic.key_of(record).encode(), value, headers, partition)

    async def send(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: envelope.Headers,
        partition: int | None = None,
    ) -> tuple[int, int]:
        """Publish encoded bytes, as `publish` does; None as value is a tombstone."""
        producer = self._producer
        try:
            if producer is None:
                async with asyncio.timeout(self._timeout):
                    producer = await self._running_producer()
            async with self._unacknowledged_slots:
                acked = await producer.send(topic, value, key, partition, headers)
        except _OUTAGES as error:
            self._note_failure(error)
            self._discard(producer)
            raise Retry(NEIGHBOUR_S, f"Kafka did not acknowledge: {_name_of(error)}") from error
        self._failed_at = None
        if self._neighbour is not None:
            self._neighbour.succeeded()
        return acked

    async def _running_producer(self) -> LoopProducer:
        """Return the producer; all callers share one attempt to start it."""
        if self._producer is not None:
            return self._producer
        now = time.monotonic()
        if self._failed_at is not None and now - self._failed_at < _RESTART_INTERVAL_S:
            raise Retry(NEIGHBOUR_S, "Kafka is away")
        if self._starting is None or self._starting.done():
            self._starting = asyncio.ensure_future(self._start_producer())
            # The caller may time out first; asyncio would then warn of an unread exception.
            self._starting.add_done_callback(lambda start: start.cancelled() or start.exception())
        starting, task = self._starting, asyncio.current_task()
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled() and not (task and task.cancelling()):
                raise Retry(NEIGHBOUR_S, "this process ends") from None
            raise

    async def _start_producer(self) -> LoopProducer:
        producer: LoopProducer | None = None
        try:
            producer = self._create_producer()
            async with asyncio.timeout(self._timeout):
                await producer.connect()
        except _OUTAGES as error:
            self._note_failure(error)
            raise Retry(NEIGHBOUR_S, "Kafka is away") from error
        else:
            self._producer = producer
        finally:
            if producer is not None and self._producer is not producer:
                self._end_producer(producer)
        return producer

    def _create_producer(self) -> LoopProducer:
        """Return a producer with acks=all; its own limits are those of one publish."""
        limit_ms = int(self._timeout * 1000)
        settings = rdkafka_settings(
            self._kafka,
            **{
                "client.id": self._client_id,
                "acks": "all",
                "enable.idempotence": True,
                "partitioner": "murmur2_random",  # as Java's clients and the router have it
                "linger.ms": _LINGER_MS,
                "batch.size": _BATCH_BYTES,
                "message.max.bytes": BROKER_MESSAGE_MAX,
                "request.timeout.ms": limit_ms,
                "message.timeout.ms": limit_ms,
                "max.in.flight": _MAX_REQUESTS,
                "retry.backoff.ms": 50,
                "queue.buffering.max.kbytes": _MAX_UNACKNOWLEDGED * BROKER_MESSAGE_MAX // 1024,
            },
        )
        return LoopProducer(settings, self._timeout)

    def _note_failure(self, error: BaseException) -> None:
        self._failed_at = time.monotonic()
        if self._neighbour is not None:
            text = _text_of(error) or f"no answer within {self._timeout:g} s"
            self._neighbour.failed(f"a publish failed: {text}")

    def _discard(self, producer: LoopProducer | None) -> None:
        """End a producer with all its unsent records, unless another call has done so."""
        if producer is not None and self._producer is producer:
            self._producer = None
            self._end_producer(producer)

    def _end_producer(self, producer: LoopProducer) -> None:
        """End a producer in the background, because its connections may take seconds to close."""
        ending = producer.end()
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _text_of(error: BaseException) -> str:
    """Return the sentence of an error, which may be empty."""
    if isinstance(error, KafkaException):
        return str(error.args[0].str())
    return str(error)


def _name_of(error: BaseException) -> str:
    """Return the short name of an error."""
    if isinstance(error, KafkaException):
        return str(error.args[0].name())
    return type(error).__name__
