"""A publisher of records that replaces its producer after an outage of Kafka.

The door, the channels and the workers publish with it. The router writes in transactions of its
own (router/transaction.py).
"""

import asyncio
import contextlib
import time

from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.structs import RecordMetadata

from runtime.bus.client_settings import aiokafka_settings
from runtime.bus.kafka_client import KafkaProducer
from runtime.health.neighbour import Neighbour
from runtime.settings.structs import KafkaSettings
from schemas import envelope
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.topics import BROKER_MESSAGE_MAX, R, Topic

_RESTART_INTERVAL_S = 1.0  # after a failed start or publish, callers fail fast for this time
_MAX_UNACKNOWLEDGED = 2000  # records in memory that an outage of Kafka loses at most
_DISCARDED_TEXT = "the producer met an outage and was discarded"


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
        self._producer: KafkaProducer | None = None
        self._starting: asyncio.Future[KafkaProducer] | None = None
        self._ending: set[asyncio.Future[None]] = set()
        self._unacknowledged_slots = asyncio.Semaphore(_MAX_UNACKNOWLEDGED)
        self._timeout = kafka.ack_timeout.total_seconds()
        self._failed_at: float | None = None
        self._unacked: set[asyncio.Future[RecordMetadata]] = set()

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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await producer.flush()
            await producer.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout):
                await asyncio.gather(*self._ending, return_exceptions=True)

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
        producer: KafkaProducer | None = None
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._running_producer()
                async with self._unacknowledged_slots:
                    sending = await producer.send(topic, value, key, partition, headers=headers)
                    acked = await self._acknowledgement(producer, sending)
        except (KafkaError, TimeoutError, OSError) as error:
            self._note_failure(error)
            self._discard(producer)
            raise Retry(
                NEIGHBOUR_S, f"Kafka did not acknowledge: {type(error).__name__}"
            ) from error
        self._failed_at = None
        if self._neighbour is not None:
            self._neighbour.succeeded()
        return acked.partition, acked.offset

    async def _acknowledgement(
        self, producer: KafkaProducer, sending: asyncio.Future[RecordMetadata]
    ) -> RecordMetadata:
        """Return Kafka's acknowledgement; raise KafkaError when the producer is discarded."""
        if self._producer is not producer:
            raise KafkaConnectionError(_DISCARDED_TEXT)
        unacked = self._unacked
        unacked.add(sending)
        try:
            return await sending
        finally:
            unacked.discard(sending)

    async def _running_producer(self) -> KafkaProducer:
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

    async def _start_producer(self) -> KafkaProducer:
        producer = KafkaProducer(
            **aiokafka_settings(self._kafka),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=1,
            max_batch_size=128 * 1024,
            max_request_size=BROKER_MESSAGE_MAX,
            request_timeout_ms=int(self._timeout * 1000),
            retry_backoff_ms=50,
        )
        try:
            async with asyncio.timeout(self._timeout):
                await producer.start()
        except (KafkaError, TimeoutError, OSError) as error:
            self._note_failure(error)
            raise Retry(NEIGHBOUR_S, "Kafka is away") from error
        else:
            self._producer = producer
        finally:
            if self._producer is not producer:
                await producer.end()
        return producer

    def _note_failure(self, error: BaseException) -> None:
        self._failed_at = time.monotonic()
        if self._neighbour is not None:
            text = str(error) or f"no answer within {self._timeout:g} s"
            self._neighbour.failed(f"a publish failed: {text}")

    def _discard(self, producer: KafkaProducer | None) -> None:
        """Stop a producer in the background, because it may wait for a request of its own."""
        if producer is None or self._producer is not producer:
            return  # no producer yet, or another call already discards this one
        self._producer = None
        # Without this, the other publishes would wait until their own deadlines.
        unacked, self._unacked = self._unacked, set()
        for sending in unacked:
            if not sending.done():
                sending.set_exception(KafkaConnectionError(_DISCARDED_TEXT))
        task = asyncio.ensure_future(producer.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
