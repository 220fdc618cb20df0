"""`santral router`: read a batch, decide it, write all of it and the offsets in one transaction.

Before: messages.v1, outcomes.v1. After: queues, decisions.v1, conversations.v1, dead.v1; a
read_committed reader sees all of a batch or nothing. An abortable error aborts and reads again, a
fatal one ends the process: its supervisor starts it anew, under a new transactional id.

The loop is synchronous, on confluent-kafka: docs/decisions/0001-router-loop.md has the figures.
"""

import gc
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from router import model_file, rules, standing
from router.decide import Decided, one
from router.deciding import STEP, FaultRuns, Result, decide_record, read_together
from router.entities import Pattern
from router.model import AT_ONCE
from router.open_incidents import OpenIncidents
from router.policy import Policy, Read
from router.state import Conversations
from router.transaction import Transactions
from runtime import log as logs
from runtime import metrics, trace
from runtime.archive import Archive, open_archive
from runtime.backlog import Backlog
from runtime.bus import rdkafka
from runtime.clock import Clock, SystemClock
from runtime.faults import guard
from runtime.health import Fresh, Health, serve
from runtime.progress import Progress
from runtime.settings import Settings
from runtime.watchdog import Watchdog
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.conversation import ConversationState, expired
from schemas.dead import DeadLetter, Origin
from schemas.decision import Decision, WorkItem
from schemas.errors import ConfigError, Problem, Rejected
from schemas.message import Message
from schemas.outcome import KINDS, Outcome

log = logs.get(__name__)

GROUP = "santral-router"
SOURCE = b"santral/router"
_INPUTS = (topics.MESSAGES.name, topics.OUTCOMES.name)
_GAP_S = 0.003
_FILL_S = 0.02
_BUSY = 64  # records in a batch from which on there is a backlog
_WAIT_S = 0.5  # one poll at rest; a record ends it at once
_BATCH_S = 5  # a batch ends with the record at hand then: the broker does not wait for ever
_SWEEP = timedelta(hours=1)
_SWEEP_BATCH = 5000
_TYPES = {
    kind: envelope.type_of(kind).encode()
    for kind in (WorkItem, Decision, ConversationState, DeadLetter)
}


def pack_of(settings: Settings) -> rules.Pack:
    """Return the rules of the settings; raise ConfigError for a broken pack."""
    folder = Path(settings.router.pack) if settings.router.pack else rules.PACKS / "default"
    return rules.load(folder)


def policy(settings: Settings, models: Iterable[Path] = ()) -> Policy:
    """Return what decisions are made by, with these models or those of the settings; raise
    ConfigError for a broken pack or model."""
    files = tuple(models) or tuple(map(Path, settings.router.models))
    found = tuple(map(model_file.load, files))
    tasks = [m.head.task for m in found]
    if len(tasks) != len(set(tasks)):
        raise ConfigError([Problem(f"two models of one task: {', '.join(sorted(tasks))}")])
    return Policy(
        pack=pack_of(settings), threshold=settings.router.threshold,
        departments=dict(settings.departments), models=found, patterns=_patterns(settings),
        points=(settings.watch.points, settings.watch.points_confirmed),
        standing=standing.load(Path(settings.router.standing)) if settings.router.standing
        else standing.NOBODY,
    )  # fmt: skip


def candidate(settings: Settings) -> Policy | None:
    """Return the policy of [router.shadow], None without one."""
    told = settings.router.shadow
    if not told.pack and not told.models:
        return None
    return live(trying(settings, told.pack, told.models))


def trying(settings: Settings, pack: str = "", models: tuple[str, ...] = ()) -> Settings:
    """Return the settings with another pack, or other models, where they are named."""
    told = settings.router
    router = msgspec.structs.replace(told, pack=pack or told.pack, models=models or told.models)
    return msgspec.structs.replace(settings, router=router)


def _patterns(settings: Settings) -> tuple[Pattern, ...]:
    """Return the brand's own patterns; raise ConfigError that names each that is none."""
    made: list[Pattern] = []
    problems: list[Problem] = []
    for kind, told in settings.router.patterns.items():
        try:
            made.append((kind, re.compile(told)))
        except re.error as error:
            problems.append(Problem(f"[router] patterns.{kind}: {told!r}: {error}"))
    if problems:
        raise ConfigError(problems)
    return tuple(made)


def live(settings: Settings) -> Policy:
    """Return the policy of the settings; a model must name departments that there are."""
    made = policy(settings)
    problems = [
        Problem(f"model {m.name}: {label!r} is no department. Add [departments.{label}], or train "
                "without it.")
        for m in made.models if m.head.task == "department"
        for label in m.head.labels
        if label not in made.departments and label != m.head.outside
    ]  # fmt: skip
    if problems:
        raise ConfigError(problems)
    return made


@dataclass
class Batch:
    """What one batch will write, and the states it leaves."""

    changed: dict[tuple[int, str], bytes | None] = field(default_factory=dict)
    fresh: dict[tuple[int, str], ConversationState] = field(default_factory=dict)
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeats: int = 0
    time: bytes = b""
    readings: dict[int, Read | None] = field(default_factory=dict)
    shadows: dict[int, Read | None] = field(default_factory=dict)


class Router:
    """The loop, its clients and what it holds."""

    def __init__(
        self, settings: Settings, policy: Policy, clock: Clock, archive: Archive, health: Health
    ) -> None:
        self._settings, self._policy, self._clock = settings, policy, clock
        self._shadow = candidate(settings)
        self._archive = archive
        self._states = Conversations()
        self._poison: Counter[tuple[str, int]] = Counter()
        self._faults = FaultRuns(settings.router.poison_in_a_row)
        self._paused: set[tuple[str, int]] = set()
        self._swept_at = clock.now()
        self._transactions = Transactions(settings.kafka, clock)
        self._incidents = OpenIncidents(settings.kafka, clock)
        self._busy = False
        self.progress = Progress("watchdog")
        self.fresh = Fresh(clock, 60, "turn of the loop")
        health.add("loop", self.fresh)
        health.add("poison", self._poisoned)
        self._consumer = Consumer(
            rdkafka(
                settings.kafka,
                **{
                    "group.id": GROUP, "client.id": f"santral-router-{os.getpid()}",
                    "enable.auto.commit": False, "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest", "isolation.level": "read_committed",
                    "partition.assignment.strategy": "range", "session.timeout.ms": 10_000,
                    "heartbeat.interval.ms": 2_000, "fetch.wait.max.ms": 10,
                    "queued.max.messages.kbytes": 32 * 1024, "fetch.error.backoff.ms": 50,
                    "max.partition.fetch.bytes": 1024 * 1024, "fetch.max.bytes": 8 * 1024 * 1024,
                },
            )
        )  # fmt: skip

    def start(self) -> None:
        """Join the group; partitions come with the first turns of the loop."""
        self._incidents.start()
        self._know()
        self._transactions.start()
        self._consumer.subscribe(
            list(_INPUTS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def watch(self, stopping: threading.Event) -> None:
        """Let a thread see to it that no transaction stays open."""
        self._transactions.watch(stopping)

    def turn(self) -> int:
        """One turn of the loop: a batch from reading to commit; return its size."""
        first = self._consumer.poll(_WAIT_S)
        self.fresh.succeeded()
        self.progress.count_turn()
        self._sweep()
        if self._incidents.look():
            self._know()
        if first is None:
            self._busy = False
            return 0
        # The broker still writes the last transaction's markers: what comes meanwhile joins.
        rest = _GAP_S - (self._clock.monotonic() - self._transactions.ended_at)
        if rest > 0:
            time.sleep(rest)
        # With a backlog a short wait fills the batch; at rest what is there goes at once.
        wait = _FILL_S if self._busy else 0
        records = [first, *self._consumer.consume(self._settings.router.batch - 1, wait)]
        self._busy = len(records) >= _BUSY
        good = [r for r in records if self._usable(r)]
        if not good:
            return 0
        began = self._clock.monotonic()
        batch = Batch()
        try:
            self._transactions.begin(self._consumer, _places(_ends(good)))
            done = self._decide(good, batch, began)
            left = _firsts(good[done:])
            if left:
                self._transactions.offsets(self._consumer, _places(_ends(good[:done]) | left))
            self._finish(batch)
        except KafkaException as error:
            self._transactions.abort(error)
            self._seek(_firsts(good))
            return 0
        if left:
            log.warning("batch.slow", records=done, seconds=_BATCH_S)
            self._seek(left)
        self._states.commit(batch.changed)
        for (topic, partition), offset in (_ends(good[:done]) | left).items():
            self.progress.note_position(topic, partition, offset)
        self._count(batch, began)
        return done

    def stop(self) -> None:
        """Leave the group; the batch in hand was finished by the turn before."""
        self._consumer.close()
        self._incidents.stop()
        self._transactions.flush()

    def _know(self) -> None:
        """Decide with the incidents that are open now."""
        before = {i.id for i in self._policy.incidents}
        self._policy = replace(self._policy, incidents=self._incidents.now)
        if self._shadow is not None:
            self._shadow = replace(self._shadow, incidents=self._incidents.now)
        now = {i.id for i in self._incidents.now}
        if now != before:
            log.info("incidents.open", count=len(now))

    def _usable(self, record: Any) -> bool:
        error = record.error()
        if error is None:
            return (record.topic(), record.partition()) not in self._paused
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            log.warning("consume.error", error=error.str())
        return False

    def _decide(self, records: list[Any], batch: Batch, began: float) -> int:
        """Decide and write records until the batch has had its time; return how many."""
        now = self._clock.now()
        batch.time = now.isoformat().encode()
        done = 0
        for at in range(0, len(records), AT_ONCE):
            part = [(r, *_decoded(r)) for r in records[at : at + AT_ONCE]]
            self._read(part, batch)
            for record, decoded, error in part:
                self._one(record, decoded, error, batch, now)
                done += 1
                if self._clock.monotonic() - began > _BATCH_S:
                    return done
        return done

    def _read(self, part: list[tuple[Any, Message | Outcome | None, Rejected | None]],
              batch: Batch) -> None:  # fmt: skip
        """Read the messages of a part at once; a bug there is found one by one."""
        found = [d for _, d, _ in part if isinstance(d, Message)]
        places = list(map(id, found))
        batch.readings = dict(zip(places, read_together(found, self._policy), strict=True))
        if self._shadow is not None:
            batch.shadows = dict(zip(places, read_together(found, self._shadow), strict=True))

    def _one(
        self, record: Any, decoded: Message | Outcome | None, error: Rejected | None,
        batch: Batch, now: datetime,
    ) -> None:  # fmt: skip
        """Decide one record and produce what follows from it.

        Only a record that does not decode becomes a dead letter and counts as poison. A record that
        meets a fault of ours goes to triage, and the line moves on.
        """
        place = (record.topic(), record.partition())
        partition = record.partition()
        if error is not None or decoded is None:
            self._bury(record, decoded, error or Rejected("record.misplaced"), now)
            self._poison[place] += 1
            return
        self._poison[place] = 0
        if isinstance(decoded, Outcome) and decoded.kind not in KINDS:
            metrics.count("santral_words_unknown_total", topic=record.topic())

        def look() -> ConversationState | None:
            found = batch.fresh.get((partition, decoded.conversation))
            return found if found is not None else self._states.get(partition, decoded.conversation)

        read = batch.readings.get(id(decoded))
        try:
            result = decide_record(decoded, look, self._policy, now, read)
        except Rejected as refusal:
            self._bury(record, decoded, refusal, now)
            self._faults.note(place, faulted=True)
            return
        self._faults.note(place, faulted=result.faulted)
        self._put(result, partition, batch, envelope.traceparent_of(record.headers()))
        if self._shadow is not None and isinstance(decoded, Message) and not result.faulted:
            self._beside(decoded, result, batch, now)

    def _beside(self, message: Message, result: Result, batch: Batch, now: datetime) -> None:
        """Count what the candidate makes of a message; whatever it does, the line moves on."""
        assert self._shadow is not None
        assert isinstance(result.made, Decided)
        read, mine = batch.shadows.get(id(message)), result.made.decision
        try:
            other = one(message, result.before, self._shadow, now, read).decision
            comparison = "same" if mine.priority == other.priority else "other_priority"
            if mine.department != other.department:
                comparison = "other_department"
        except Exception:
            log.exception("router.shadow_bug", id=message.id)
            comparison = "failed"
        metrics.count("santral_shadow_decisions_total", result=comparison)

    def _put(self, result: Result, partition: int, batch: Batch, parent: str | None) -> None:
        """Write what was decided, and note the state it leaves."""
        made = result.made
        if isinstance(made, ConversationState):
            self._keep(made, partition, batch)
        elif made is not None and made.decision.action == "repeat":
            batch.repeats += 1
        elif made is not None:
            self._write(made, result, partition, batch, parent)
            batch.decided[made.decision.department, made.decision.action] += 1

    def _write(
        self, decided: Decided, result: Result, partition: int, batch: Batch, parent: str | None
    ) -> None:
        decision = decided.decision
        span = trace.child(parent)
        key = decision.conversation.encode()
        identifier = f"{decision.message};{decision.hops}"
        head = envelope.headers_from(_TYPES[Decision], identifier, SOURCE, batch.time, span)
        self._transactions.produce(topics.DECISIONS.name, result.decision, key, head, partition)
        if result.item is not None:
            head = envelope.headers_from(_TYPES[WorkItem], identifier, SOURCE, batch.time, span)
            self._transactions.produce(
                topics.queue_topic(decision.department), result.item, key, head
            )
        if decided.state is not None:
            self._keep(decided.state, partition, batch)

    def _keep(self, state: ConversationState, partition: int, batch: Batch) -> None:
        """Note a state; it is produced once a batch, with its last value."""
        place = (partition, state.conversation)
        batch.fresh[place] = state
        batch.changed[place] = b""

    def _bury(
        self, record: Any, decoded: Message | Outcome | None, error: Rejected, now: datetime
    ) -> None:
        """Write a dead letter with the record's bytes in the archive."""
        raw = self._archive.put(record.value() or b"")
        origin = Origin(
            topic=record.topic(), partition=record.partition(), offset=record.offset(),
            position=(record.key() or b"").decode("utf-8", "replace")[:200],
        )  # fmt: skip
        place = f"{origin.topic}/{origin.partition}/{origin.offset}"
        message = decoded if isinstance(decoded, Message) else None
        source = message.source if message else f"kafka:{origin.topic}"
        letter = DeadLetter(
            id=derived_id("dead", place), stage="router", source=source,
            message=message.id if message else None,
            code=error.code, text=error.text, origin=origin, raw=raw, at=now,
        )  # fmt: skip
        time_ = now.isoformat().encode()
        head = envelope.headers_from(_TYPES[DeadLetter], letter.id, SOURCE, time_, None)
        self._transactions.produce(
            topics.DEAD.name, envelope.encode(letter), letter.source.encode(), head
        )
        metrics.count("santral_messages_rejected_total", channel="kafka", code=error.code)
        log.warning("record.buried", at=place, code=error.code)

    def _finish(self, batch: Batch) -> None:
        """Produce the states, then commit everything."""
        for place, state in batch.fresh.items():
            value = b""
            with guard(log, STEP, passes=(), conversation=state.conversation):
                value = envelope.encode(state)
            if not value:
                # The conversation continues from its state before the batch.
                del batch.changed[place]
                continue
            batch.changed[place] = value
            self._transactions.produce(
                topics.CONVERSATIONS.name, value, state.conversation.encode(), None, place[0]
            )
        self._transactions.commit()

    def _seek(self, places: dict[tuple[str, int], int]) -> None:
        """Go back to where partitions still ours are to be read on."""
        held = {(p.topic, p.partition) for p in self._consumer.assignment()}
        for (topic, partition), offset in places.items():
            if (topic, partition) in held:
                self._consumer.seek(TopicPartition(topic, partition, offset))

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Fetch the committed offsets, then restore the states, only then consume."""
        committed = consumer.committed(partitions, 60)
        numbers = sorted({p.partition for p in partitions})
        self._states.restore(self._settings.kafka, numbers, self.progress.count_turn)
        consumer.assign(committed)
        for part in committed:
            self.progress.note_position(part.topic, part.partition, part.offset)
        metrics.gauge("santral_conversations_held", self._states.count())
        log.info("partitions.assigned", count=len(partitions))

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._states.drop([p.partition for p in partitions])
        self._paused -= {(p.topic, p.partition) for p in partitions}
        self.progress.drop_positions([(p.topic, p.partition) for p in partitions])

    def _count(self, batch: Batch, began: float) -> None:
        for (department, action), number in batch.decided.items():
            metrics.count(
                "santral_decisions_made_total", number, department=department, action=action
            )
        if batch.repeats:
            metrics.count("santral_repeats_dropped_total", batch.repeats)
        metrics.observe(
            "santral_batch_duration_seconds", self._clock.monotonic() - began, stage="router"
        )
        metrics.gauge("santral_conversations_held", self._states.count())
        limit = self._settings.router.poison_in_a_row
        for place, number in self._poison.items():
            if number >= limit and place not in self._paused:
                # A flood of what can't be decoded is a broken writer, not bad luck: stop here.
                self._consumer.pause([TopicPartition(*place)])
                self._paused.add(place)
                self.progress.drop_positions([place])
                log.error("partition.stopped", topic=place[0], partition=place[1], bad=number)

    def _poisoned(self) -> str | None:
        if not self._paused:
            return None
        places = ", ".join(f"{t}/{p}" for t, p in sorted(self._paused))
        return f"{places}: stopped after too many undecodable records; mend the writer, restart"

    def _sweep(self) -> None:
        """At rest, once an hour: forget conversations nothing happened in for so long."""
        now = self._clock.now()
        if now - self._swept_at < _SWEEP:
            return
        self._swept_at = now
        after = self._settings.router.forget_after
        for partition in self._states.owned():
            old = [k for k, v in self._states.items(partition) if _is_expired(v, now, after)]
            for at in range(0, len(old), _SWEEP_BATCH):
                self._forget(partition, old[at : at + _SWEEP_BATCH])

    def _forget(self, partition: int, conversations: list[str]) -> None:
        # The offsets change nothing, but a process that lost the partition is fenced by them.
        held = [p for p in self._consumer.assignment() if p.partition == partition]
        places = [p for p in self._consumer.position(held) if p.offset >= 0]
        self.progress.count_turn()
        self._transactions.begin(self._consumer, places)
        for key in conversations:
            self._transactions.produce(
                topics.CONVERSATIONS.name, None, key.encode(), None, partition
            )
        self._transactions.commit()
        self._states.commit({(partition, key): None for key in conversations})
        log.info("state.forgotten", partition=partition, conversations=len(conversations))


def _decoded(record: Any) -> tuple[Message | Outcome | None, Rejected | None]:
    """Return what a record holds, and why it can't be taken."""
    struct: type[Message] | type[Outcome]
    struct = Message if record.topic() == topics.MESSAGES.name else Outcome
    decoded: Message | Outcome | None = None
    try:
        decoded = envelope.decode(struct, record.value())
        if (record.key() or b"").decode("utf-8", "replace") != decoded.conversation:
            raise Rejected("record.misplaced")
    except Rejected as error:
        return decoded, error
    return decoded, None


def _is_expired(value: bytes, now: datetime, after: timedelta) -> bool:
    """Say whether to forget a state; a state that does not decode is useless too."""
    with guard(log, STEP):
        return expired(msgspec.json.decode(value, type=ConversationState), now, after)
    return True


def _ends(records: list[Any]) -> dict[tuple[str, int], int]:
    """Return the offset behind the last record of each partition."""
    return {(r.topic(), r.partition()): r.offset() + 1 for r in records}


def _firsts(records: list[Any]) -> dict[tuple[str, int], int]:
    """Return the offset of the first record of each partition."""
    return {(r.topic(), r.partition()): r.offset() for r in reversed(records)}


def _places(offsets: dict[tuple[str, int], int]) -> list[TopicPartition]:
    return [TopicPartition(t, p, o) for (t, p), o in offsets.items()]


def start(settings: Settings) -> None:
    """Run the stage until SIGTERM or SIGINT."""
    logs.configure("router", settings.log_level)
    clock, health, stopping = SystemClock(), Health("router"), threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    archive = open_archive(settings, uploads=True)
    router = Router(settings, live(settings), clock, archive, health)
    ops = serve(health, settings.ops)
    look = Backlog(settings.kafka, settings.ops.stall)
    watchdog = Watchdog(health, router.progress, settings.ops, clock, look)
    # What is loaded stays: the collector need not go through it again with every batch.
    gc.collect()
    gc.freeze()
    router.start()
    router.watch(stopping)
    watchdog.start()
    log.info("stage.started", ops_port=ops.server_port)
    while not stopping.is_set():
        router.turn()
    watchdog.stop()
    router.stop()
    archive.close()
    log.info("stage.stopped")
