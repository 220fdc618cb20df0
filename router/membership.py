"""The router's membership of its consumer group, with the partitions that it owns.

The router reads a partition that the group assigns only once no transaction is pending on it, its
conversations are restored, and its offsets carry this router's signature.
"""

from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from router.state import Conversations
from router.takeover import end_open_transactions
from router.transaction import (
    CALL_LIMIT_S,
    REPEAT_LIMIT_S,
    Offsets,
    RouterContext,
    Transactions,
)
from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.group_member import leave_group, member_settings
from runtime.bus.identity import KafkaIdentity
from runtime.health.progress import Partition
from runtime.log import get
from schemas import topics

log = get(__name__)

GROUP = "santral-router"
INPUTS = (topics.MESSAGES.name, topics.OUTCOMES.name)
_COMMITTED_LIMIT_S = 1.0
"""Brokers answer within milliseconds, unless a transaction is pending on the offsets."""

DropPartitions = Callable[[set[Partition]], None]
"""Gets the partitions that this router no longer reads."""


class Membership:
    """The consumer, the partitions that it owns and the offsets that it reads next."""

    def __init__(
        self,
        context: RouterContext,
        identity: KafkaIdentity,
        states: Conversations,
        transactions: Transactions,
        drop: DropPartitions,
    ) -> None:
        self._context, self._states, self._transactions = context, states, transactions
        self._drop = drop
        self._generation = 0
        self._next_offsets: dict[Partition, int] = {}
        self._revoked_offsets: dict[Partition, int] = {}
        self._session_is_lost = False
        self.consumer = Consumer(
            rdkafka_settings(
                context.kafka,
                **{
                    "group.id": GROUP,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest",
                    "isolation.level": "read_committed",
                    "partition.assignment.strategy": "range",
                    "fetch.wait.max.ms": 10,
                    "queued.max.messages.kbytes": 32 * 1024,
                    "fetch.error.backoff.ms": 50,
                    "max.partition.fetch.bytes": 1024 * 1024,
                    "fetch.max.bytes": 8 * 1024 * 1024,
                    **member_settings(identity),
                },
            )
        )

    @property
    def generation(self) -> int:
        """A number that every change of the partitions raises."""
        return self._generation

    def join(self) -> None:
        """Join the group, which assigns partitions during the first polls."""
        self.consumer.subscribe(
            list(INPUTS),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def numbers(self) -> list[int]:
        """Return the numbers of the partitions that this router owns."""
        return sorted({number for _, number in self._next_offsets})

    def offsets(self, number: int | None = None) -> dict[Partition, int]:
        """Return the offsets to read next, of all partitions or of those with one number."""
        return {
            partition: offset
            for partition, offset in self._next_offsets.items()
            if number is None or partition[1] == number
        }

    def note_commit(self, offsets: Offsets) -> None:
        """Note the offsets of a committed transaction."""
        self._next_offsets.update(offsets)
        for (topic, number), offset in offsets.items():
            self._context.progress.note_position(topic, number, offset)

    def rewind(self) -> None:
        """Read again from the committed offsets."""
        self.consumer.assign(_topic_partitions(self._next_offsets))
        self._drop(set(self._next_offsets))

    def check_session(self) -> None:
        """Raise KafkaException after this router has lost its session.

        Kafka was away or this machine was frozen, and clients from before often hang afterwards.
        """
        if self._session_is_lost:
            raise KafkaException(
                KafkaError(KafkaError._TIMED_OUT, "the group has heard nothing for a session")
            )

    def close(self, *, leave: bool) -> None:
        """Close the consumer; with `leave`, others get its partitions at once."""
        if leave:
            leave_group(self.consumer)
        else:
            self.consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Fetch the committed offsets, restore the states and sign the offsets before reading."""
        self._generation += 1
        committed = self._committed(partitions)
        numbers = {p.partition for p in partitions}
        self._states.retain(numbers - self._changed_numbers(committed))
        self._states.restore(
            self._context.kafka, sorted(numbers), self._context.progress.count_turn
        )
        offsets = {(p.topic, p.partition): self._first_offset(p) for p in committed}
        self._sign({(p.topic, p.partition) for p in committed if self._is_foreign(p)}, offsets)
        self._revoked_offsets.clear()
        self.note_commit(offsets)
        consumer.assign(_topic_partitions(offsets))
        self._context.neighbour.succeeded()
        metrics.gauge("santral_conversations_held", self._states.count())
        log.info("partitions.assigned", count=len(partitions))

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Keep the states: the group often gives the same partitions back."""
        self._generation += 1
        revoked = {(p.topic, p.partition) for p in partitions}
        for partition in revoked & self._next_offsets.keys():
            self._revoked_offsets[partition] = self._next_offsets.pop(partition)
        self._context.progress.drop_positions(revoked)
        self._drop(revoked)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._session_is_lost = True
        self._on_revoke(consumer, partitions)

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the committed offsets once no transaction is pending on them (KIP-447).

        Raises KafkaException when Kafka does not answer in time.
        """
        context = self._context
        began_s = context.clock.monotonic()
        while partitions:
            try:
                committed: list[TopicPartition]
                committed = self.consumer.committed(partitions, _COMMITTED_LIMIT_S)
                failures = [p.error for p in committed if p.error is not None]
                if not failures:
                    return committed
                pending = KafkaException(failures[0])
            except KafkaException as error:
                pending = error
            late = context.clock.monotonic() - began_s > REPEAT_LIMIT_S
            if late or context.stopping.is_set():
                raise pending
            try:
                end_open_transactions(context.kafka, GROUP, partitions)
            except KafkaException as error:
                context.neighbour.failed(error.args[0].str())
            context.progress.wait_for("Kafka")
        return []

    def _is_foreign(self, committed: TopicPartition) -> bool:
        """Say whether another router, or another life of this one, committed an offset."""
        return bool(committed.metadata != self._transactions.signature)

    def _changed_numbers(self, committed: list[TopicPartition]) -> set[int]:
        """Return the numbers of partitions that another router may have written since.

        Every router signs a partition's offsets before it reads there, and writes states only with
        offsets. The signature of this life and the offset of its last commit therefore prove that
        no other router has written since.
        """
        return {
            p.partition
            for p in committed
            if self._is_foreign(p) or self._revoked_offsets.get((p.topic, p.partition)) != p.offset
        }

    def _first_offset(self, committed: TopicPartition) -> int:
        """Return the offset to read a partition from: the committed one, else its beginning."""
        if committed.offset >= 0:
            return int(committed.offset)
        partition = TopicPartition(committed.topic, committed.partition)
        return int(self.consumer.get_watermark_offsets(partition, CALL_LIMIT_S)[0])

    def _sign(self, partitions: set[Partition], offsets: Offsets) -> None:
        """Commit unchanged offsets with this router's signature."""
        if not partitions:
            return
        try:
            self._transactions.begin(self.consumer, {p: offsets[p] for p in partitions})
            self._transactions.commit()
        except KafkaException as error:
            # The group has changed again: the next assignment follows.
            self._transactions.abort(error)


def _topic_partitions(offsets: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
