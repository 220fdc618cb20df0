"""The loop over one set of Kafka clients: read a batch, decide it, commit it in one transaction.

Before: run.py begins a life. After: an error that Kafka takes back is aborted here and its records
are read again; any other KafkaException ends this life, and run.py begins another.
"""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from router.batch import BATCH_S, Batch, Decider, Policies
from router.forgetting import Forgetting
from router.membership import Membership
from router.record_decision import FaultRuns
from router.state import Conversations
from router.takeover import sign
from router.transaction import Surroundings, Transactions
from runtime import metrics
from runtime.archive.protocol import Archive
from runtime.bus.group_member import is_fatal
from runtime.bus.identity import Identity
from runtime.health.progress import Partition
from runtime.log import get
from runtime.settings.structs import RouterSettings

log = get(__name__)

_GAP_S = 0.003
_FILL_S = 0.02
_BUSY = 64  # records in a batch from which on there is a backlog
_WAIT_S = 0.5  # one poll at rest; a record ends it at once
_CLOSE_S = 5.0


@dataclass(frozen=True)
class Work:
    """What every life of a router shares."""

    policies: Policies
    archive: Archive
    limits: RouterSettings


class Loop:
    """One life of the router: a consumer, a producer and the states that they keep."""

    def __init__(self, around: Surroundings, work: Work, identity: Identity) -> None:
        self._around, self._work = around, work
        self._stopped: set[Partition] = set()
        self._busy = False
        self.states = Conversations()
        signature = sign(identity.name, secrets.token_hex(4))
        self._transactions = Transactions(around, identity.name, signature)
        self.membership = Membership(
            around, identity, self.states, self._transactions, self._stopped.difference_update
        )
        self._decider = Decider(
            work.policies,
            self.states,
            self._transactions,
            work.archive,
            around.clock,
            FaultRuns(work.limits.poison_in_a_row),
        )
        self._forgetting = Forgetting(
            self.states,
            self.membership,
            self._transactions,
            around.clock,
            work.limits.forget_after,
        )

    def start(self) -> None:
        """Register with Kafka and join the group; raise KafkaException while Kafka is away."""
        self._transactions.start()
        self.membership.join()

    def turn(self) -> int:
        """Read, decide and commit one batch; return its size."""
        first = self.membership.consumer.poll(_WAIT_S)
        self._around.progress.count_turn()
        self.membership.check()
        self._forgetting.sweep(self._around.progress)
        if first is None:
            self._busy = False
            return 0
        records = self._read(first)
        return self._route(records) if records else 0

    def poisoned(self) -> str | None:
        """Return a sentence about partitions that were stopped, None without one."""
        if not self._stopped:
            return None
        places = ", ".join(f"{t}/{p}" for t, p in sorted(self._stopped))
        return f"{places}: stopped after too many undecodable records; mend the writer, restart"

    def close(self, *, leave: bool) -> bool:
        """Close the clients; return whether the consumer has closed in time.

        A client that hangs is left behind: the broker refuses everything that it still sends.
        """
        closing = _in_background(lambda: self.membership.close(leave=leave))
        _in_background(self._transactions.close)
        closing.join(_CLOSE_S)
        return not closing.is_alive()

    def _read(self, first: Message) -> list[Message]:
        """Return the usable records of a batch that begins with this one."""
        generation = self.membership.generation
        # The broker still writes the last transaction's markers: what comes meanwhile joins.
        rest = _GAP_S - (self._around.clock.monotonic() - self._transactions.ended_at)
        if rest > 0:
            time.sleep(rest)
        # With a backlog a short wait fills the batch; at rest what is there goes at once.
        wait = _FILL_S if self._busy else 0
        rest_of_batch = self.membership.consumer.consume(self._work.limits.batch - 1, wait)
        self.membership.check()
        if generation != self.membership.generation:
            # The group has changed between two records: some may be another router's now.
            self.membership.rewind()
            return []
        records = [first, *rest_of_batch]
        self._busy = len(records) >= _BUSY
        return [r for r in records if self._is_usable(r)]

    def _is_usable(self, record: Message) -> bool:
        error = record.error()
        if error is None:
            return (record.topic(), record.partition()) not in self._stopped
        if is_fatal(error):
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            self._around.neighbour.failed(error.str())
        return False

    def _route(self, records: list[Message]) -> int:
        """Decide and commit records; return how many."""
        began = self._around.clock.monotonic()
        batch = Batch(self._around.clock.now())
        try:
            self._transactions.begin(self.membership.consumer, _ends(records))
            done = self._decider.decide(records, batch, began)
            left = _firsts(records[done:])
            ends = _ends(records[:done]) | left
            if left:
                self._transactions.send_offsets(self.membership.consumer, ends)
            self._decider.write_states(batch)
            self._transactions.commit()
        except KafkaException as error:
            self._transactions.abort(error)
            self._seek(_firsts(records))
            return 0
        if left:
            log.warning("batch.slow", records=done, seconds=BATCH_S)
            self._seek(left)
        self.states.commit(batch.changed)
        self.membership.note_commit(ends)
        self._count(batch, began)
        return done

    def _seek(self, offsets: dict[Partition, int]) -> None:
        """Go back to where partitions still ours are to be read on."""
        owned = self.membership.offsets()
        for (topic, partition), offset in offsets.items():
            if (topic, partition) in owned:
                self.membership.consumer.seek(TopicPartition(topic, partition, offset))

    def _count(self, batch: Batch, began: float) -> None:
        for (department, action), number in batch.decided.items():
            metrics.count(
                "santral_decisions_made_total", number, department=department, action=action
            )
        if batch.repeats:
            metrics.count("santral_repeats_dropped_total", batch.repeats)
        metrics.observe(
            "santral_batch_duration_seconds",
            self._around.clock.monotonic() - began,
            stage="router",
        )
        metrics.gauge("santral_conversations_held", self.states.count())
        for place, number in self._decider.poison.items():
            if number >= self._work.limits.poison_in_a_row and place not in self._stopped:
                self._stop_partition(place, number)

    def _stop_partition(self, place: Partition, number: int) -> None:
        """Stop a partition: a flood of undecodable records is a broken writer, not bad luck."""
        self.membership.consumer.pause([TopicPartition(*place)])
        self._stopped.add(place)
        self._around.progress.drop_positions([place])
        log.error("partition.stopped", topic=place[0], partition=place[1], bad=number)


def _in_background(close: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            close()
        except KafkaException as error:
            log.warning("client.unclosed", why=str(error))

    thread = threading.Thread(target=run, name="close", daemon=True)
    thread.start()
    return thread


def _ends(records: list[Message]) -> dict[Partition, int]:
    """Return the offset behind the last record of each partition."""
    return {(r.topic(), r.partition()): r.offset() + 1 for r in records}


def _firsts(records: list[Message]) -> dict[Partition, int]:
    """Return the offset of the first record of each partition."""
    return {(r.topic(), r.partition()): r.offset() for r in reversed(records)}
