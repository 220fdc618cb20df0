"""One transaction at a time, with offsets, records and a commit. Kafka gets all of it or nothing.

Each call is repeated until Kafka answers it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from router.producer_calls import ProducerCalls
from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import Clock
from runtime.health.neighbour import Neighbour
from runtime.health.progress import Partition, Progress
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas.envelope import Headers

log = get(__name__)

TRANSACTION_TIMEOUT_S = 10
"""After a crash, read_committed consumers stay blocked this long. A batch ends after 5 s."""

CALL_LIMIT_S = 2.0
"""The limit of one call. Between two calls the router can stop."""

REPEAT_LIMIT_S = 20.0
"""A call that Kafka has not answered by then ends this life, and new clients begin another."""

START_REPEAT_LIMIT_S = 300.0
"""New clients look for the brokers by themselves, so their first call has more time."""

_REPEAT_PAUSE_S = 0.05
"""Some calls fail at once, long before their limit."""

_LINGER_MS = 100
"""Records wait for others of their partition until then, or until the commit, which sends them at
once. Most batches are committed earlier, so each partition gets one request a batch."""

_REQUEST_BYTES = 1024 * 1024
"""The largest request for one partition, which is also the broker's default limit."""

Offsets = Mapping[Partition, int]
"""The offset to read next, for each partition."""


@dataclass(frozen=True)
class RouterContext:
    """The settings, clock and health that every client of the router shares."""

    kafka: KafkaSettings
    clock: Clock
    neighbour: Neighbour
    progress: Progress
    stopping: threading.Event
    compression: str = "none"


def is_retriable(error: KafkaException) -> bool:
    """Say whether the same call may succeed later."""
    fault = error.args[0]
    return isinstance(fault, KafkaError) and bool(fault.retriable())


class Transactions:
    """A transactional producer; it commits every offset with `signature` as its metadata.

    `ended_at_s` is the monotonic time of the last commit.
    """

    def __init__(self, context: RouterContext, name: str, signature: str) -> None:
        self._context, self.signature = context, signature
        self._calls = ProducerCalls()
        self.ended_at_s = 0.0
        self._producer = Producer(
            rdkafka_settings(
                context.kafka,
                **{
                    "transactional.id": name,
                    "client.id": name,
                    "linger.ms": _LINGER_MS,
                    "batch.size": _REQUEST_BYTES,
                    "message.max.bytes": _REQUEST_BYTES,
                    "compression.type": context.compression,
                    "retry.backoff.ms": 1,
                    "retry.backoff.max.ms": 200,
                    "transaction.timeout.ms": TRANSACTION_TIMEOUT_S * 1000,
                    "partitioner": "murmur2_random",
                    "queue.buffering.max.messages": 500_000,
                    "queue.buffering.max.kbytes": 256 * 1024,
                },
            )
        )

    def start(self) -> None:
        """Register with the broker, which aborts what an earlier process of this name left open."""
        self._repeat("init_transactions", self._producer.init_transactions, START_REPEAT_LIMIT_S)

    def begin(self, consumer: Consumer, offsets: Offsets) -> None:
        """Open a transaction with the offsets that it ends at.

        Offsets go first, because the coordinator is often busy right after a commit. The client
        repeats this call after `retry.backoff.ms`, whereas a produce would wait the fixed 20 ms of
        librdkafka. The broker refuses offsets of a process that has lost its partitions.
        """
        self._calls.make(
            "begin_transaction", lambda _limit_s: self._producer.begin_transaction(), CALL_LIMIT_S
        )
        self.send_offsets(consumer, offsets)

    def send_offsets(self, consumer: Consumer, offsets: Offsets) -> None:
        """Replace the offsets that the transaction ends at."""
        signed = [
            TopicPartition(topic, number, offset, self.signature)
            for (topic, number), offset in offsets.items()
        ]
        # Only one thread at a time may enter the consumer, and this may be one of its callbacks.
        # The thread of the calls therefore gets the metadata and not the consumer.
        member = consumer.consumer_group_metadata()

        def send(limit_s: float) -> None:
            self._producer.send_offsets_to_transaction(signed, member, limit_s)

        if signed:
            self._repeat("send_offsets_to_transaction", send)

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        """Produce a record to a partition, or to the partition of its key."""
        self._producer.produce(topic, value, key, partition=partition, headers=headers)

    def commit(self) -> None:
        """End the transaction."""
        self._repeat("commit_transaction", self._producer.commit_transaction)
        self.ended_at_s = self._context.clock.monotonic()
        self._context.neighbour.succeeded()

    def abort(self, error: KafkaException) -> None:
        """Abort the transaction; raise the error if only new clients can continue."""
        fault = error.args[0]
        if not isinstance(fault, KafkaError) or not fault.txn_requires_abort():
            raise error
        log.warning("transaction.aborted", error=fault.str())
        metrics.count("santral_batches_aborted_total")
        self._repeat("abort_transaction", self._producer.abort_transaction)

    def close(self) -> None:
        """Drop records that are not sent yet, and close the producer."""
        self._calls.end()
        self._producer.purge()
        del self._producer

    def _repeat(
        self, name: str, call: Callable[[float], None], limit_s: float = REPEAT_LIMIT_S
    ) -> None:
        """Repeat a call until Kafka answers it; raise its error after the limit or at a stop."""
        context, began_s = self._context, self._context.clock.monotonic()
        while True:
            try:
                self._calls.make(name, call, CALL_LIMIT_S)
            except KafkaException as error:
                late = context.clock.monotonic() - began_s > limit_s
                if not is_retriable(error) or late or context.stopping.is_set():
                    raise
                context.neighbour.failed(error.args[0].str())
                context.progress.wait_for("Kafka")
                context.stopping.wait(_REPEAT_PAUSE_S)
            else:
                return
