"""The router's place in its consumer group: its partitions, and everything it needs to read them.

Before: loop.py joins. After: a partition that the group assigns is read only once no transaction is
pending on it, its conversations are restored, and its offsets carry this router's signature.
"""

from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from router.state import Conversations
from router.takeover import end_open_transactions
from router.transaction import CALL_S, PATIENCE_S, Offsets, Surroundings, Transactions
from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.group_member import leave_group, member_settings
from runtime.bus.identity import Identity
from runtime.health.progress import Partition
from runtime.log import get
from schemas import topics

log = get(__name__)

GROUP = "santral-router"
INPUTS = (topics.MESSAGES.name, topics.OUTCOMES.name)
_STABLE_S = 1.0
"""Brokers answer within milliseconds, unless a transaction is pending on the offsets."""

Gone = Callable[[set[Partition]], None]
"""Called with partitions that this router no longer reads."""


class Membership:
    """The consumer, the partitions it owns and the offsets it reads next."""

    def __init__(
        self,
        around: Surroundings,
        identity: Identity,
        states: Conversations,
        transactions: Transactions,
        gone: Gone,
    ) -> None:
        self._around, self._states, self._transactions = around, states, transactions
        self._gone = gone
        self._generation = 0
        self._next: dict[Partition, int] = {}
        self._before: dict[Partition, int] = {}
        self._lost = False
        self.consumer = Consumer(
            rdkafka_settings(
                around.kafka,
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
        """Join the group; partitions come with the first polls."""
        self.consumer.subscribe(
            list(INPUTS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lose
        )

    def numbers(self) -> list[int]:
        """Return the numbers of the partitions that this router owns."""
        return sorted({number for _, number in self._next})

    def offsets(self, number: int | None = None) -> dict[Partition, int]:
        """Return the offsets to read next, of all partitions or of those with one number."""
        return {p: o for p, o in self._next.items() if number is None or p[1] == number}

    def note_commit(self, offsets: Offsets) -> None:
        """Note the offsets of a committed transaction."""
        self._next.update(offsets)
        for (topic, number), offset in offsets.items():
            self._around.progress.note_position(topic, number, offset)

    def rewind(self) -> None:
        """Read on from the committed offsets, whatever was read since."""
        self.consumer.assign(_places(self._next))
        self._gone(set(self._next))

    def check(self) -> None:
        """Raise KafkaException after this router has lost its session.

        Kafka was away or this machine stood still: clients from before often hang afterwards.
        """
        if self._lost:
            raise KafkaException(
                KafkaError(KafkaError._TIMED_OUT, "the group has heard nothing for a session")
            )

    def close(self, *, leave: bool) -> None:
        """Close the consumer; with `leave` others get its partitions at once."""
        if leave:
            leave_group(self.consumer)
        else:
            self.consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Fetch the committed offsets, then restore the states, sign, and only then read."""
        self._generation += 1
        committed = self._committed(partitions)
        numbers = {p.partition for p in partitions}
        self._states.retain(numbers - self._changed(committed))
        self._states.restore(self._around.kafka, sorted(numbers), self._around.progress.count_turn)
        offsets = {(p.topic, p.partition): self._start_of(p) for p in committed}
        self._sign({(p.topic, p.partition) for p in committed if self._is_foreign(p)}, offsets)
        self._before.clear()
        self.note_commit(offsets)
        consumer.assign(_places(offsets))
        self._around.neighbour.succeeded()
        metrics.gauge("santral_conversations_held", self._states.count())
        log.info("partitions.assigned", count=len(partitions))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Keep the states: the group often gives the same partitions back."""
        self._generation += 1
        gone = {(p.topic, p.partition) for p in partitions}
        for place in gone & self._next.keys():
            self._before[place] = self._next.pop(place)
        self._around.progress.drop_positions(gone)
        self._gone(gone)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._lost = True
        self._revoked(consumer, partitions)

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the committed offsets once no transaction is pending on them (KIP-447).

        Raises KafkaException when Kafka does not answer in time.
        """
        around = self._around
        began = around.clock.monotonic()
        while partitions:
            try:
                committed: list[TopicPartition]
                committed = self.consumer.committed(partitions, _STABLE_S)
                failures = [p.error for p in committed if p.error is not None]
                if not failures:
                    return committed
                pending = KafkaException(failures[0])
            except KafkaException as error:
                pending = error
            late = around.clock.monotonic() - began > PATIENCE_S
            if late or around.stopping.is_set():
                raise pending
            try:
                end_open_transactions(around.kafka, GROUP, partitions)
            except KafkaException as error:
                around.neighbour.failed(error.args[0].str())
            around.progress.wait_for("Kafka")
        return []

    def _is_foreign(self, place: TopicPartition) -> bool:
        return bool(place.metadata != self._transactions.signature)

    def _changed(self, committed: list[TopicPartition]) -> set[int]:
        """Return the numbers of partitions that another router may have written since.

        Every router signs a partition's offsets before it reads there, and writes states only with
        offsets: the signature of this life and the offset of its last commit prove that nobody else
        wrote meanwhile.
        """
        return {
            p.partition
            for p in committed
            if self._is_foreign(p) or self._before.get((p.topic, p.partition)) != p.offset
        }

    def _start_of(self, place: TopicPartition) -> int:
        """Return where to read a partition: its committed offset, else its beginning."""
        if place.offset >= 0:
            return int(place.offset)
        bare = TopicPartition(place.topic, place.partition)
        return int(self.consumer.get_watermark_offsets(bare, CALL_S)[0])

    def _sign(self, places: set[Partition], offsets: Offsets) -> None:
        """Commit unchanged offsets under this router's signature."""
        if not places:
            return
        try:
            self._transactions.begin(self.consumer, {p: offsets[p] for p in places})
            self._transactions.commit()
        except KafkaException as error:
            # The group has changed again: the next assignment follows.
            self._transactions.abort(error)


def _places(offsets: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(t, p, o) for (t, p), o in offsets.items()]
