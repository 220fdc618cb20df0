"""The recorder: Kafka's records -> the store, each once, with the offsets in the same transaction.

Before: messages.v1, decisions.v1, outcomes.v1, incidents.v1, dead.v1. After: reading.py, ledger.py,
console. After a crash anywhere, the store has its last transaction, and reading continues from
there. record_rows.py makes the rows, and record_store.py writes them.
"""

from collections import defaultdict

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from sqlalchemy import Engine, text

from runtime import metrics
from runtime.bus import rdkafka
from runtime.clock import Clock
from runtime.faults import is_outage
from runtime.group_member import (
    REMEDY,
    is_fatal,
    is_name_taken,
    leave_group,
    member_settings,
)
from runtime.health import Fresh, Health
from runtime.identity import claim_identity, random_identity
from runtime.log import get
from runtime.progress import Progress
from runtime.settings import Settings
from schemas import topics
from workers.record_rows import GROUP, Rows
from workers.record_store import Raw, copy_rows, store
from workers.search_index import Rebuild

log = get(__name__)

INPUTS = (
    topics.MESSAGES,
    topics.DECISIONS,
    topics.OUTCOMES,
    topics.DEAD,
    topics.INCIDENTS,
    topics.LINKS,
)
_BATCH = 5000
_WAIT_S = 0.3


class Recorder:
    """The loop: a batch from Kafka, one transaction in the store."""

    def __init__(self, settings: Settings, engine: Engine, clock: Clock, health: Health) -> None:
        self._engine, self._clock = engine, clock
        self._key = settings.tokens.signing.encode()
        self._search = Rebuild(engine, self._key, copy_rows)
        self.progress = Progress("watchdog")
        self.fresh = Fresh(clock, 60, "turn of the recorder")
        health.add("recorder", self.fresh)
        self._settings = settings
        self._identity = claim_identity("recorder", settings)
        self._consumer = self._connect()

    def start(self) -> None:
        """Join the group; reading begins where the store says."""
        self._search.begin()
        self._join()

    def turn(self) -> int:
        """Record one batch; return how many records it had."""
        first = self._consumer.poll(0 if self._fill_search() else _WAIT_S)
        self.fresh.succeeded()
        self.progress.count_turn()
        if first is None:
            return 0
        records: list[Raw] = []
        began = self._clock.monotonic()
        for record in (first, *self._consumer.consume(_BATCH - 1, 0.02)):
            error = record.error()
            if error is None:
                place = record.topic(), record.partition()
                records.append((*place, record.offset(), record.value()))
            elif is_name_taken(error):
                self._rename()
                return 0
            elif is_fatal(error):
                raise KafkaException(error)
            elif error.code() != KafkaError._PARTITION_EOF:
                log.warning("consume.error", error=error.str())
        if not records:
            return 0
        try:
            written = store(self._engine, records, self._key)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("recorder.back", why=str(error).splitlines()[0])
            self.progress.wait_for("the store")
            self._rewind({(topic, partition) for topic, partition, _, _ in records})
            return 0
        for rows in written:
            self._count(rows, began)
        return len(records)

    def stop(self) -> None:
        """Leave the group."""
        leave_group(self._consumer)
        self._identity.release()

    def _connect(self) -> Consumer:
        return Consumer(
            rdkafka(
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
            [t.name for t in INPUTS],
            on_assign=self._assigned,
            on_revoke=self._revoked,
            on_lost=self._revoked,
        )

    def _rename(self) -> None:
        """Go on under a random name: another process has joined under this one."""
        log.error("identity.taken", name=self._identity.name, remedy=REMEDY)
        self._consumer.close()
        self._identity.release()
        self._identity = random_identity("recorder")
        self._consumer = self._connect()
        self._join()

    def _fill_search(self) -> bool:
        """Index some messages of an old store; return True while more are ready now."""
        try:
            return self._search.pending and self._search.step()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("search.later", why=str(error).splitlines()[0])
            return False

    def _rewind(self, places: set[tuple[str, int]]) -> None:
        """Read on from where the store is, for partitions still ours."""
        held = {(p.topic, p.partition) for p in self._consumer.assignment()}
        for part in self._places([TopicPartition(t, p) for t, p in places & held]):
            self._consumer.seek(part)

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = self._places(partitions)
        consumer.assign(places)
        for part in places:
            self.progress.note_position(part.topic, part.partition, part.offset)
        log.info("partitions.assigned", count=len(partitions))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.progress.drop_positions([(p.topic, p.partition) for p in partitions])

    def _places(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        with self._engine.connect() as connection:
            found = connection.execute(
                text("SELECT topic, partition, next_offset FROM positions")
            ).all()
        at = {(topic, partition): offset for topic, partition, offset in found}
        return [
            TopicPartition(p.topic, p.partition, at.get((p.topic, p.partition), OFFSET_BEGINNING))
            for p in partitions
        ]

    def _count(self, rows: Rows, began: float) -> None:
        by_topic: defaultdict[str, int] = defaultdict(int)
        for (topic, _), number in rows.records.items():
            by_topic[topic] += number
        for topic, number in by_topic.items():
            metrics.count("santral_records_recorded_total", number, topic=topic)
        metrics.observe(
            "santral_batch_duration_seconds", self._clock.monotonic() - began, stage="recorder"
        )
        # For whoever watches the group's lag; the store's own positions are what counts.
        offsets = [TopicPartition(t, p, o) for (t, p), o in rows.next.items()]
        for (topic, partition), offset in rows.next.items():
            self.progress.note_position(topic, partition, offset)
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            log.warning("recorder.commit", error=str(error))
