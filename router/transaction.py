"""One transaction at a time: offsets, records, commit; each call is repeated until Kafka answers.

Before: loop.py has a batch. After: Kafka has all of the batch or nothing of it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from router.producer_calls import Calls
from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import Clock
from runtime.health.neighbour import Neighbour
from runtime.health.progress import Partition, Progress
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas.envelope import Headers

log = get(__name__)

TRANSACTION_S = 10
"""The broker takes back a transaction that is open for longer; a batch takes 5 seconds at most."""
CALL_S = 2.0
"""The limit of one call: between two of them the loop can stop."""
PATIENCE_S = 20.0
"""A transaction that Kafka has not ended by then is over: new clients begin with its rest."""
START_PATIENCE_S = 300.0
"""New clients find the brokers again by themselves for so long."""
_PAUSE_S = 0.05  # some calls end long before their limit

Offsets = Mapping[Partition, int]
"""The offset to read next, for each partition."""


@dataclass(frozen=True)
class Surroundings:
    """What every client of the router shares."""

    kafka: KafkaSettings
    clock: Clock
    neighbour: Neighbour
    progress: Progress
    stopping: threading.Event


def is_retriable(error: KafkaException) -> bool:
    """Say whether the same call may succeed later."""
    fault = error.args[0]
    return isinstance(fault, KafkaError) and bool(fault.retriable())


class Transactions:
    """A transactional producer; `signature` stands beside every offset that it commits."""

    def __init__(self, around: Surroundings, name: str, signature: str) -> None:
        self._around, self.signature = around, signature
        self._calls = Calls()
        self.ended_at = 0.0
        self._producer = Producer(
            rdkafka_settings(
                around.kafka,
                **{
                    "transactional.id": name,
                    "client.id": name,
                    "linger.ms": 1,
                    "batch.size": 256 * 1024,
                    "message.max.bytes": 1024 * 1024,
                    "retry.backoff.ms": 1,
                    "retry.backoff.max.ms": 200,
                    "transaction.timeout.ms": TRANSACTION_S * 1000,
                    "partitioner": "murmur2_random",
                    "queue.buffering.max.messages": 500_000,
                    "queue.buffering.max.kbytes": 256 * 1024,
                },
            )
        )

    def start(self) -> None:
        """Register with the broker, which takes back what an earlier process of this name left."""
        self._repeat("init_transactions", self._producer.init_transactions, START_PATIENCE_S)

    def begin(self, consumer: Consumer, offsets: Offsets) -> None:
        """Open a transaction with the offsets that it ends at.

        Offsets go first: right after a commit this call meets the coordinator's busy answer under
        our own short back-off; a produce would wait 20 ms that librdkafka has fixed. The broker
        refuses offsets of a process that has lost its partitions.
        """
        self._calls.make(
            "begin_transaction", lambda _limit_s: self._producer.begin_transaction(), CALL_S
        )
        self.send_offsets(consumer, offsets)

    def send_offsets(self, consumer: Consumer, offsets: Offsets) -> None:
        """Replace the offsets that the transaction ends at."""
        wanted = [TopicPartition(t, p, o, self.signature) for (t, p), o in offsets.items()]

        # The thread of the calls never enters the consumer: one thread at a time may, and this may
        # be one of its callbacks.
        member = consumer.consumer_group_metadata()

        def send(limit_s: float) -> None:
            self._producer.send_offsets_to_transaction(wanted, member, limit_s)

        if wanted:
            self._repeat("send_offsets_to_transaction", send)

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        """Write a record; without a partition its key decides."""
        self._producer.produce(topic, value, key, partition=partition, headers=headers)

    def commit(self) -> None:
        """End the transaction."""
        self._repeat("commit_transaction", self._producer.commit_transaction)
        self.ended_at = self._around.clock.monotonic()
        self._around.neighbour.succeeded()

    def abort(self, error: KafkaException) -> None:
        """Take everything back; raise the error when only new clients can go on."""
        fault = error.args[0]
        if not isinstance(fault, KafkaError) or not fault.txn_requires_abort():
            raise error
        log.warning("transaction.aborted", error=fault.str())
        metrics.count("santral_batches_aborted_total")
        self._repeat("abort_transaction", self._producer.abort_transaction)

    def close(self) -> None:
        """Drop what is not sent, and close the producer."""
        self._calls.end()
        self._producer.purge()
        del self._producer

    def _repeat(
        self, name: str, call: Callable[[float], None], patience_s: float = PATIENCE_S
    ) -> None:
        """Make a call until Kafka answers it; raise its error after the patience or at a stop."""
        around, began = self._around, self._around.clock.monotonic()
        while True:
            try:
                self._calls.make(name, call, CALL_S)
            except KafkaException as error:
                late = around.clock.monotonic() - began > patience_s
                if not is_retriable(error) or late or around.stopping.is_set():
                    raise
                around.neighbour.failed(error.args[0].str())
                around.progress.wait_for("Kafka")
                around.stopping.wait(_PAUSE_S)
            else:
                return
