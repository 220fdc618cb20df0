"""One life of the router: read a batch with one set of Kafka clients, decide it, commit it.

run.py begins a life. A transaction that Kafka wants aborted is aborted here, and its records are
read again. Any other KafkaException ends this life, and run.py begins another.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from router.batch import MAX_BATCH_S, Batch, Decider, Policies
from router.forgetting import Forgetting
from router.membership import Membership
from router.record_decision import FaultRuns
from router.state import Conversations
from router.takeover import make_signature
from router.transaction import RouterContext, Transactions
from runtime import metrics
from runtime.archive.protocol import Archive
from runtime.bus.group_member import is_fatal
from runtime.bus.identity import KafkaIdentity
from runtime.health.progress import Partition
from runtime.log import get
from runtime.settings.structs import RouterSettings

log = get(__name__)

_COMMIT_GAP_S = 0.003
"""After a commit the broker still writes its markers. Records that arrive until then join the next
batch, which could not begin sooner."""

_FILL_S = 0.02
"""With a backlog, a batch fills up for this time."""

_BACKLOG_RECORDS = 64
"""A batch of this size is a sign of a backlog."""

_IDLE_POLL_S = 0.5
"""A poll without records ends then, so that the loop notices a stop. A record ends it at once."""

_CLOSE_LIMIT_S = 5.0


@dataclass(frozen=True)
class RouterParts:
    """The parts that every life of a router shares."""

    policies: Policies
    archive: Archive
    limits: RouterSettings


class RouterLoop:
    """One life of the router: a consumer, a producer and the states of their partitions."""

    def __init__(self, context: RouterContext, parts: RouterParts, identity: KafkaIdentity) -> None:
        self._context, self._parts = context, parts
        self._stopped: set[Partition] = set()
        self._has_backlog = False
        self.states = Conversations()
        signature = make_signature(identity.name, secrets.token_hex(4))
        self._transactions = Transactions(context, identity.name, signature)
        self.membership = Membership(
            context, identity, self.states, self._transactions, self._stopped.difference_update
        )
        self._decider = Decider(
            parts.policies,
            self.states,
            self._transactions,
            parts.archive,
            context.clock,
            FaultRuns(parts.limits.poison_in_a_row),
        )
        self._forgetting = Forgetting(
            self.states,
            self.membership,
            self._transactions,
            context.clock,
            parts.limits.forget_after,
        )

    def start(self) -> None:
        """Register with Kafka and join the group; raise KafkaException while Kafka is away."""
        self._transactions.start()
        self.membership.join()

    def turn(self) -> int:
        """Read, decide and commit one batch; return its size."""
        first = self.membership.consumer.poll(_IDLE_POLL_S)
        self._context.progress.count_turn()
        self.membership.check_session()
        self._forgetting.sweep(self._context.progress)
        if first is None:
            self._has_backlog = False
            return 0
        records = self._read(first)
        return self._route(records) if records else 0

    def stopped_problem(self) -> str | None:
        """Return a sentence about partitions that were stopped, None without one."""
        if not self._stopped:
            return None
        names = ", ".join(f"{topic}/{number}" for topic, number in sorted(self._stopped))
        return f"{names}: stopped after too many undecodable records; fix the writer, then restart"

    def close(self, *, leave: bool) -> bool:
        """Close the clients; return whether the consumer has closed in time.

        A client that hangs is left behind, because the broker refuses everything that it sends.
        """
        closing = _run_in_background(lambda: self.membership.close(leave=leave))
        _run_in_background(self._transactions.close)
        closing.join(_CLOSE_LIMIT_S)
        return not closing.is_alive()

    def _read(self, first: Message) -> list[Message]:
        """Return the records to decide of a batch that begins with this one."""
        generation = self.membership.generation
        since_commit_s = self._context.clock.monotonic() - self._transactions.ended_at_s
        if since_commit_s < _COMMIT_GAP_S:
            time.sleep(_COMMIT_GAP_S - since_commit_s)
        wait_s = _FILL_S if self._has_backlog else 0
        others = self.membership.consumer.consume(self._parts.limits.batch - 1, wait_s)
        self.membership.check_session()
        if generation != self.membership.generation:
            # The group has changed between two records: some may be another router's now.
            self.membership.rewind()
            return []
        records = [first, *others]
        self._has_backlog = len(records) >= _BACKLOG_RECORDS
        return [record for record in records if self._is_consumable(record)]

    def _is_consumable(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return (record.topic(), record.partition()) not in self._stopped
        if is_fatal(error):
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            self._context.neighbour.failed(error.str())
        return False

    def _route(self, records: Sequence[Message]) -> int:
        """Decide and commit records; return their number."""
        began_s = self._context.clock.monotonic()
        batch = Batch(self._context.clock.now())
        consumer = self.membership.consumer
        try:
            offsets = _next_offsets(records)
            self._transactions.begin(consumer, offsets)
            done = self._decider.decide(records, batch, began_s)
            undecided = _first_offsets(records[done:])
            if undecided:
                offsets = _next_offsets(records[:done]) | undecided
                self._transactions.send_offsets(consumer, offsets)
            self._decider.write_states(batch)
            self._transactions.commit()
        except KafkaException as error:
            self._transactions.abort(error)
            self._seek(_first_offsets(records))
            return 0
        if undecided:
            log.warning("batch.slow", records=done, seconds=MAX_BATCH_S)
            self._seek(undecided)
        self.states.commit(batch.encoded_states)
        self.membership.note_commit(offsets)
        self._count(batch, began_s)
        self._stop_poisoned_partitions()
        return done

    def _seek(self, offsets: dict[Partition, int]) -> None:
        """Go back to these offsets in the partitions that this router still owns."""
        owned = self.membership.offsets()
        for (topic, number), offset in offsets.items():
            if (topic, number) in owned:
                self.membership.consumer.seek(TopicPartition(topic, number, offset))

    def _count(self, batch: Batch, began_s: float) -> None:
        for (department, action), number in batch.decisions.items():
            metrics.count(
                "santral_decisions_made_total", number, department=department, action=action
            )
        if batch.repeats:
            metrics.count("santral_repeats_dropped_total", batch.repeats)
        metrics.observe(
            "santral_batch_duration_seconds",
            self._context.clock.monotonic() - began_s,
            stage="router",
        )
        metrics.gauge("santral_conversations_held", self.states.count())

    def _stop_poisoned_partitions(self) -> None:
        """Stop partitions with a flood of undecodable records, which only a broken writer sends."""
        for partition, number in self._decider.poison.items():
            if number < self._parts.limits.poison_in_a_row or partition in self._stopped:
                continue
            self.membership.consumer.pause([TopicPartition(*partition)])
            self._stopped.add(partition)
            self._context.progress.drop_positions([partition])
            log.error("partition.stopped", topic=partition[0], partition=partition[1], bad=number)


def _run_in_background(close: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            close()
        except KafkaException as error:
            log.warning("client.unclosed", why=str(error))

    thread = threading.Thread(target=run, name="close", daemon=True)
    thread.start()
    return thread


def _next_offsets(records: Sequence[Message]) -> dict[Partition, int]:
    """Return the offset behind the last record of each partition."""
    return {(r.topic(), r.partition()): r.offset() + 1 for r in records}


def _first_offsets(records: Sequence[Message]) -> dict[Partition, int]:
    """Return the offset of the first record of each partition."""
    return {(r.topic(), r.partition()): r.offset() for r in reversed(records)}
