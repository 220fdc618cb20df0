"""One transaction at a time: offsets, records, commit; and what ends the process when it hangs.

Before: run.py has a batch. After: Kafka, whole or not at all.
"""

import os
import secrets
import threading
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from runtime import metrics
from runtime.bus import rdkafka
from runtime.clock import Clock
from runtime.health import STALLED
from runtime.log import get
from runtime.settings import Kafka
from schemas.envelope import Headers

log = get(__name__)

# A killed router holds readers of what it wrote back for so long: longer than any batch.
TRANSACTION_S = 15


class Deadline:
    """Ends the process when a transaction is open for longer than the broker lets it be.

    After a broker's death librdkafka may wait in a call beyond every timeout it was given.
    """

    def __init__(self, clock: Clock, end: Callable[[int], None] = os._exit) -> None:
        self._clock, self._end = clock, end
        self._began: float | None = None

    def begin(self) -> None:
        """A transaction is open from now on."""
        self._began = self._clock.monotonic()

    def end(self) -> None:
        """It is over."""
        self._began = None

    def look(self) -> None:
        """End the process if it is too late."""
        began = self._began
        if began is not None and self._clock.monotonic() - began > TRANSACTION_S + 5:
            log.error("transaction.stuck", seconds=round(self._clock.monotonic() - began))
            self._end(STALLED)

    def watch(self, stopping: threading.Event) -> None:
        """Look every second, in a thread, until `stopping`."""

        def run() -> None:
            while not stopping.wait(1):
                self.look()

        threading.Thread(target=run, name="deadline", daemon=True).start()


class Transactions:
    """A transactional producer; an id of its own, for no two routers share one."""

    def __init__(self, kafka: Kafka, clock: Clock) -> None:
        self._clock = clock
        self._deadline = Deadline(clock)
        self.ended_at = 0.0
        self._producer = Producer(
            rdkafka(
                kafka,
                **{
                    "transactional.id": f"santral-router-{os.getpid()}-{secrets.token_hex(4)}",
                    "client.id": f"santral-router-{os.getpid()}",
                    "linger.ms": 1, "batch.size": 256 * 1024, "message.max.bytes": 1024 * 1024,
                    "retry.backoff.ms": 1, "retry.backoff.max.ms": 200,
                    "transaction.timeout.ms": TRANSACTION_S * 1000,
                    "partitioner": "murmur2_random",
                    "queue.buffering.max.messages": 500_000,
                    "queue.buffering.max.kbytes": 256 * 1024,
                },
            )
        )  # fmt: skip

    def start(self) -> None:
        """Register with the broker."""
        self._producer.init_transactions(30)

    def watch(self, stopping: threading.Event) -> None:
        """Let a thread see to it that no transaction stays open."""
        self._deadline.watch(stopping)

    def begin(self, consumer: Consumer, places: Iterable[TopicPartition]) -> None:
        """Open a transaction with the offsets that it ends at.

        Offsets go first: right after a commit this call meets the coordinator's busy answer under
        our own short back-off; a produce would wait 20 ms that librdkafka has fixed. Without any
        place it still holds: nothing fences then but the transactional id.
        """
        self._deadline.begin()
        self._producer.begin_transaction()
        self.offsets(consumer, places)

    def offsets(self, consumer: Consumer, places: Iterable[TopicPartition]) -> None:
        """Say again, or anew, where the transaction's reading ends: the last word counts."""
        wanted = list(places)
        if wanted:
            self._producer.send_offsets_to_transaction(
                wanted, consumer.consumer_group_metadata(), TRANSACTION_S
            )

    def produce(
        self, topic: str, value: bytes | None, key: bytes, headers: Headers | None = None,
        partition: int = -1,
    ) -> None:  # fmt: skip
        """Write a record; without a partition its key decides."""
        self._producer.produce(topic, value, key, partition=partition, headers=headers)

    def commit(self) -> None:
        """End the transaction; what is retriable is tried again until the deadline."""
        while True:
            try:
                self._producer.commit_transaction(TRANSACTION_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                self.ended_at = self._clock.monotonic()
                self._deadline.end()
                return

    def abort(self, error: KafkaException) -> None:
        """Take everything back; raise what only a restart mends."""
        fault = error.args[0]
        if not isinstance(fault, KafkaError) or not fault.txn_requires_abort():
            log.error("transaction.fatal", error=str(error))
            raise error
        log.warning("transaction.aborted", error=fault.str())
        metrics.count("santral_batches_aborted_total")
        self._producer.abort_transaction(TRANSACTION_S)
        self._deadline.end()

    def flush(self) -> None:
        """Let what is on its way arrive, at the process's end."""
        self._producer.flush(10)
