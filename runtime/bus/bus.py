"""Kafka for the asyncio stages, with a publisher that survives broken producers, and a reader.

Door, channels and workers publish and read through it. The router has its own transactional loop
(router/run.py) and takes only `rdkafka` from here.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from runtime.bus.group_member import SESSION_S
from runtime.bus.kafka_client import KafkaProducer, find_brokers
from runtime.bus.kafka_reader import CALL_LIMIT_S, KafkaReader
from runtime.client_log import CLIENTS
from runtime.health.neighbour import Neighbour
from runtime.log import get
from runtime.settings.structs import Kafka
from schemas import envelope
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Retry
from schemas.topics import BROKER_MESSAGE_MAX, R, Topic, queue_topic

log = get(__name__)

_BREATH_S = 1.0  # after a failed start, callers get Retry at once for so long
AWAY = (KafkaError, OSError, TimeoutError)
"""A client raises one of these while the broker is away. Start another client then."""


_HEARTBEAT_MS = 1_500
_REBALANCE_MS = 10_000
"""A living member of a group has so long to give up its partitions and to join again."""
_REQUEST_MS = 12_000
"""Longer than a rebalance: the answer to a member that joins comes at its end."""
_DISCARDED = "the producer met an outage and was thrown away"

_PATIENCE = {
    "reconnect.backoff.max.ms": 1_000,
    "socket.connection.setup.timeout.ms": 5_000,
    "socket.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": 5_000,
}
"""A broker is back in use within a second of its start, and one that is silent is given up soon.
An admin client asks the controller that it knows, until the brokers name another."""


def rdkafka(kafka: Kafka, **more: Any) -> dict[str, Any]:
    """Return the settings that every librdkafka client here shares.

    `partitioner` is murmur2 as in aiokafka and Java: topics that belong together must agree. Their
    own lines go into our log (runtime/client_log.py).
    """
    named = {"client.id": more.get("group.id", "santral"), "logger": CLIENTS}
    return {"bootstrap.servers": kafka.bootstrap, **_PATIENCE, **kafka.security, **named, **more}


def _aiokafka(kafka: Kafka) -> dict[str, Any]:
    security = kafka.security
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap}
    protocol = security.get("security.protocol", "plaintext").upper()
    if protocol != "PLAINTEXT":
        options["security_protocol"] = protocol
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = security.get("sasl.mechanism", "PLAIN")
        options["sasl_plain_username"] = security.get("sasl.username", "")
        options["sasl_plain_password"] = security.get("sasl.password", "")
    return options


class Publisher:
    """Publishes records with acks=all and idempotence; each call returns after Kafka's ack.

    Raises Retry when Kafka does not acknowledge in time: the producer is then thrown away with
    all it still holds, since an idempotent producer that met an error may stay broken. Each
    publish is noted at `neighbour`.
    """

    def __init__(self, kafka: Kafka, client_id: str, neighbour: Neighbour | None = None) -> None:
        self._kafka = kafka
        self._neighbour = neighbour
        self._client_id = client_id
        self._producer: KafkaProducer | None = None
        self._starting: asyncio.Future[KafkaProducer] | None = None
        self._ending: set[asyncio.Future[None]] = set()
        self._gate = asyncio.Semaphore(2000)  # bounds what is lost in memory when Kafka is away
        self._timeout = kafka.ack_timeout.total_seconds()
        self._failed_at: float | None = None
        self._unacked: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Connect; raise Retry when Kafka is away."""
        await self._ready()

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

        `source` is its writer, for CloudEvents. Without `partition` the key's hash chooses it.
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
        """Publish encoded bytes; None as value is a tombstone of a compacted topic."""
        producer: KafkaProducer | None = None
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._ready()
                async with self._gate:
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

    async def _acknowledgement(self, producer: KafkaProducer, sending: asyncio.Future[Any]) -> Any:
        """Return Kafka's acknowledgement; raise KafkaError when the producer is thrown away."""
        if self._producer is not producer:
            raise KafkaConnectionError(_DISCARDED)
        unacked = self._unacked
        unacked.add(sending)
        try:
            return await sending
        finally:
            unacked.discard(sending)

    async def _ready(self) -> KafkaProducer:
        """Return the producer; all that wait share one attempt to start it."""
        if self._producer is not None:
            return self._producer
        now = time.monotonic()
        if self._failed_at is not None and now - self._failed_at < _BREATH_S:
            raise Retry(NEIGHBOUR_S, "Kafka is away")
        if self._starting is None or self._starting.done():
            self._starting = asyncio.ensure_future(self._start())
            # A caller may give up first, and nobody else looks then at how the attempt ended.
            self._starting.add_done_callback(lambda t: t.cancelled() or t.exception())
        starting, task = self._starting, asyncio.current_task()
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if starting.cancelled() and not (task and task.cancelling()):
                raise Retry(NEIGHBOUR_S, "this process ends") from None
            raise

    async def _start(self) -> KafkaProducer:
        producer = KafkaProducer(
            **_aiokafka(self._kafka),
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
        """Throw a producer away in the background: it may wait for a request of its own."""
        if producer is None or self._producer is not producer:
            return  # none yet, or another call met the same end and is throwing it away
        self._producer = None
        # The other publishes would otherwise wait for their own deadlines, in vain.
        unacked, self._unacked = self._unacked, set()
        for sending in unacked:
            if not sending.done():
                sending.set_exception(KafkaConnectionError(_DISCARDED))
        task = asyncio.ensure_future(producer.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def read_to_end(
    kafka: Kafka, topics: Iterable[str], since_ms: int | None = None
) -> AsyncIterator[list[ConsumerRecord]]:
    """Yield all that is committed on whole topics, in batches, up to their present end; with
    `since_ms` (since 1970), only what was written then or later."""
    consumer = KafkaReader(
        **_aiokafka(kafka),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    try:
        await consumer.start()
        partitions: list[TopicPartition] = []
        for topic in topics:
            partitions += await consumer.topic_partitions(topic)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        if since_ms is not None:
            starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
            for partition in partitions:
                start = starts.get(partition)
                consumer.seek(partition, start.offset if start else ends[partition])
        async for records in consumer.read_until(ends, max_records=5000):
            yield records
    finally:
        await consumer.stop()


async def group_offset(
    kafka: Kafka, group: str, partition: TopicPartition
) -> tuple[int | None, str]:
    """Return a group's committed offset of a partition, None if there is none, and the metadata
    that was committed with it."""
    admin = AIOKafkaAdminClient(**_aiokafka(kafka))
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            await find_brokers(admin._client)  # as admin.start() does, which leaves connections
            offsets = await admin.list_consumer_group_offsets(group, partitions=[partition])
    finally:
        await admin.close()
    committed = offsets.get(partition)
    if committed is None or committed.offset < 0:
        return None, ""
    return committed.offset, committed.metadata or ""


def reader(
    kafka: Kafka,
    *topics: str,
    group: str | None,
    client_id: str,
    fetch_bytes: int = 4 * 1024 * 1024,
) -> KafkaReader:
    """Return a consumer of committed records that commits only when told to.

    Without topics it waits to be assigned partitions by hand, or to be subscribed. `fetch_bytes`
    is the most that one fetch brings from a partition.
    """
    consumer = KafkaReader(
        **_aiokafka(kafka),
        client_id=client_id,
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_interval_ms=300_000,
        session_timeout_ms=SESSION_S * 1000,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        rebalance_timeout_ms=_REBALANCE_MS,
        fetch_max_wait_ms=100,
        metadata_max_age_ms=60_000,
        request_timeout_ms=_REQUEST_MS,
        max_partition_fetch_bytes=fetch_bytes,
    )
    if topics:
        consumer.subscribe(list(topics))
    return consumer


def queues(departments: Iterable[str]) -> tuple[str, ...]:
    """Return the topics of those departments' queues."""
    return tuple(queue_topic(d) for d in departments)
