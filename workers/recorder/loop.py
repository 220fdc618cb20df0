"""The recorder's loop: a batch of Kafka's records, one transaction with their offsets in the store.

After a crash anywhere, the store has its last transaction, and reading continues from there.
rows.py makes the rows, sql.py writes them, and store/topic_logs.py compares the store's positions
with Kafka's logs.
"""

from collections import defaultdict

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from sqlalchemy import Engine

from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.group_member import REMEDY, is_fatal, is_name_taken, leave_group, member_settings
from runtime.bus.identity import claim_identity, random_identity
from runtime.clock import Clock
from runtime.health.checks import Health, LastSuccess
from runtime.health.faults import is_outage
from runtime.health.neighbour import Backoff, Neighbour
from runtime.health.progress import Progress
from runtime.log import get
from runtime.settings.structs import Settings
from schemas.errors import Unavailable
from workers.recorder.rows import GROUP, Rows
from workers.recorder.search_index import IndexRebuild
from workers.recorder.sql import Fenced, RawRecord, write_records
from workers.store.topic_logs import (
    ADOPT_ADVICE,
    RECORDED,
    KafkaLogs,
    StoredLog,
    differences,
    note_ids,
    stored_logs,
)

log = get(__name__)

_MAX_BATCH_RECORDS = 5000
_POLL_WAIT_S = 0.3
_BATCH_WAIT_S = 0.02
"""The wait for more records once a batch has its first."""
_CHECK_INTERVAL_S = 15.0
"""A topic that was created again and is longer than the old one is noticed this late."""
_MAX_FENCED_TURNS = 5
"""A rebalance fences a recorder once or twice; more in a row mean two recorders."""


class Recorder:
    """The loop: a batch from Kafka, one transaction in the store.

    Partitions wait in `_unplaced` until the store answers with their positions. The loop waits for
    Kafka and for the store, and raises only a bug or a fatal error of the client.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        clock: Clock,
        health: Health,
        neighbours: tuple[Neighbour, Neighbour],
    ) -> None:
        self._engine, self._clock = engine, clock
        self._kafka, self._store = neighbours
        self._key = settings.tokens.signing.encode()
        self._search = IndexRebuild(engine, self._key)
        self.progress = Progress("watchdog")
        self._search_began = False
        self._logs = KafkaLogs(settings.kafka)
        self._unplaced: list[TopicPartition] = []
        self._adoptions: dict[str, int] = {}
        self._pauses = Backoff()
        self._next_place_s = 0.0
        self._checked_s = 0.0
        self._fenced, self._fenced_s = 0, 0.0
        self._position = Neighbour("the recorder's position", clock, event="recorder")
        self.fresh = LastSuccess(clock, 60, "turn of the recorder")
        health.add("recorder", self.fresh)
        health.add("position", self._position.problem)
        self._settings = settings
        self._identity = claim_identity("recorder", settings)
        self._consumer = self._connect()

    def start(self) -> None:
        """Join the group; reading begins where the store says."""
        self._join()

    def turn(self) -> int:
        """Record one batch; return the number of its records."""
        now = self._clock.monotonic()
        if self._unplaced and now >= self._next_place_s:
            self._place_partitions()
        elif not self._unplaced and now - self._checked_s > _CHECK_INTERVAL_S:
            self._check_logs()
        first = self._consumer.poll(0 if self._fill_search() else _POLL_WAIT_S)
        self.fresh.succeeded()
        self.progress.count_turn()
        if first is None:
            return 0
        began = self._clock.monotonic()
        records = self._read_batch(first)
        if not records or self._unplaced:
            return 0
        self._kafka.succeeded()
        try:
            batches = write_records(self._engine, records, self._key, self._adoptions)
        except Exception as error:
            if not is_outage(error):
                raise
            self._note_failed_batch(error)
            return 0
        self._note_batch()
        for rows in batches:
            self._count(rows, began)
        return len(records)

    def _read_batch(self, first: Message) -> list[RawRecord]:
        """Return the records that are ready, or none after the name was taken."""
        records: list[RawRecord] = []
        for record in (first, *self._consumer.consume(_MAX_BATCH_RECORDS - 1, _BATCH_WAIT_S)):
            error = record.error()
            if error is None:
                records.append(
                    (record.topic(), record.partition(), record.offset(), record.value())
                )
            elif is_name_taken(error):
                self._rename()
                return []
            elif is_fatal(error):
                raise KafkaException(error)
            elif error.code() != KafkaError._PARTITION_EOF:
                self._kafka.failed(error.str())
        return records

    def stop(self) -> None:
        """Leave the group."""
        leave_group(self._consumer)
        self._identity.release()

    def _connect(self) -> Consumer:
        return Consumer(
            rdkafka_settings(
                self._settings.kafka,
                **{
                    "group.id": GROUP,
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "isolation.level": "read_committed",
                    "auto.offset.reset": "earliest",
                    "fetch.wait.max.ms": 50,
                    "queued.max.messages.kbytes": 32 * 1024,
                    "max.partition.fetch.bytes": 1024 * 1024,
                    "fetch.max.bytes": 8 * 1024 * 1024,
                    **member_settings(self._identity),
                },
            )
        )

    def _join(self) -> None:
        self._consumer.subscribe(
            [t.name for t in RECORDED],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def _rename(self) -> None:
        """Continue under a random name, because another process joined under this one."""
        log.error("identity.taken", name=self._identity.name, remedy=REMEDY)
        self._consumer.close()
        self._identity.release()
        self._identity = random_identity("recorder")
        self._consumer = self._connect()
        self._join()

    def _fill_search(self) -> bool:
        """Index some messages of an old store; return True while more are ready now."""
        if not self._search_began or self._unplaced:
            return False
        try:
            return self._search.pending and self._search.step()
        except Exception as error:
            if not is_outage(error):
                raise
            self._store.failed(error)
            return False

    def _note_batch(self) -> None:
        self._store.succeeded()
        self._position.succeeded()
        self._pauses.reset()
        self._fenced = 0

    def _note_failed_batch(self, error: Exception) -> None:
        """Read the same records again, from the store's positions at that time."""
        if isinstance(error, Fenced):
            self._fenced, self._fenced_s = self._fenced + 1, self._clock.monotonic()
            if self._fenced >= _MAX_FENCED_TURNS:
                self._position.failed(
                    f"{error}: another recorder writes the same partitions. Stop all but those of "
                    "one group, and look for a second Kafka with the same store"
                )
        else:
            self._store.failed(error)
        self._unplace()

    def _unplace(self) -> None:
        """Read nothing until the positions of the store are known again."""
        self._unplaced = self._unplaced or self._consumer.assignment()
        self._consumer.assign([])
        self.progress.keep_positions({})
        self._next_place_s = self._clock.monotonic() + self._pauses.next()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # An error in here would end the loop, so the next turn reads the store's positions.
        self._unplaced, self._next_place_s = partitions, 0.0
        consumer.assign([])
        log.info("partitions.assigned", count=len(partitions))

    def _revoked(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._unplaced = []
        self.progress.keep_positions({})
        consumer.unassign()

    def _place_partitions(self) -> None:
        """Begin to read the unplaced partitions at the store's positions, or later in an outage."""
        stored = self._compare_logs()
        if stored is None:
            self._next_place_s = self._clock.monotonic() + self._pauses.next()
            return
        logs = {p.topic: stored.get(p.topic, StoredLog()) for p in self._unplaced}
        positions = [
            TopicPartition(
                p.topic,
                p.partition,
                logs[p.topic].positions.get(p.partition, OFFSET_BEGINNING),
            )
            for p in self._unplaced
        ]
        self._adoptions = {name: log.adoptions for name, log in logs.items()}
        self._consumer.assign(positions)
        for position in positions:
            self.progress.note_position(position.topic, position.partition, position.offset)
        self._unplaced = []

    def _check_logs(self) -> None:
        """Stop reading if one of the assigned partitions has another log by now."""
        if not self._consumer.assignment():
            return
        if self._compare_logs() is None and self._position.problem():
            self._unplace()

    def _compare_logs(self) -> dict[str, StoredLog] | None:
        """Return the store's positions, or None if they or Kafka's logs can't be used now."""
        self._checked_s = self._clock.monotonic()
        partitions = self._unplaced or self._consumer.assignment()
        try:
            logs = self._logs.read(partition.topic for partition in partitions)
        except Unavailable as error:
            self._kafka.failed(error)
            return None
        try:
            if not self._search_began:
                self._search.begin()
                self._search_began = True
            with self._engine.begin() as connection:
                stored = stored_logs(connection)
                reasons = differences(stored, logs)
                if not reasons:
                    note_ids(connection, stored, logs)
        except Exception as error:
            if not is_outage(error):
                raise
            self._store.failed(error)
            return None
        self._store.succeeded()
        if reasons:
            self._position.failed(f"{'; '.join(reasons.values())}. {ADOPT_ADVICE}")
            return None
        if self._clock.monotonic() - self._fenced_s > _CHECK_INTERVAL_S:
            self._fenced = 0
        if not self._fenced:
            self._position.succeeded()
        return stored

    def _count(self, rows: Rows, began: float) -> None:
        by_topic: defaultdict[str, int] = defaultdict(int)
        for (topic, _), number in rows.records.items():
            by_topic[topic] += number
        for topic, number in by_topic.items():
            metrics.count("santral_records_recorded_total", number, topic=topic)
        metrics.observe(
            "santral_batch_duration_seconds", self._clock.monotonic() - began, stage="recorder"
        )
        # Only for people who watch the group's lag, since the recorder reads the store's positions.
        offsets = [TopicPartition(t, p, o) for (t, p), o in rows.next.items()]
        for (topic, partition), offset in rows.next.items():
            self.progress.note_position(topic, partition, offset)
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            log.warning("recorder.commit", error=str(error))
