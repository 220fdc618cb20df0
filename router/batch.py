"""One batch: decide its records and produce all that follows, inside the open transaction.

Before: loop.py read records and opened a transaction. After: the caller commits, and only then
takes over the states in `Batch`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from router.decision.analysis import TextAnalysis
from router.decision.decide import RoutingResult, decide_message
from router.decision.policy import Policy
from router.models.model import AT_ONCE
from router.record_decision import STEP, FaultRuns, RecordResult, analyse_batch, decide_record
from router.state import Conversations
from router.transaction import Transactions
from runtime import metrics, trace
from runtime.archive.protocol import Archive
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.health.progress import Partition
from runtime.log import get
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.dead_letter import DeadLetter, Origin
from schemas.errors import Rejected
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import KINDS, Outcome
from schemas.state.conversation import ConversationState

log = get(__name__)

SOURCE = b"santral/router"
BATCH_S = 5
"""A batch ends with the record at hand then: the broker does not wait for ever."""
_DECISION_TYPE = topics.DECISIONS.ce_type.encode()
_WORK_TYPE = topics.queue("any").ce_type.encode()
_DEAD_TYPE = topics.DEAD.ce_type.encode()


class Record(Protocol):
    """A record of Kafka, as confluent-kafka gives it."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> envelope.Headers | None: ...


Decoded = tuple[Record, Message | Outcome | None, Rejected | None]
"""A record, its content, and why it can't be taken."""


@dataclass
class Batch:
    """The output of one batch that is not in Kafka: states, counts and readings."""

    now: datetime
    time: bytes = b""
    changed: dict[tuple[int, str], bytes | None] = field(default_factory=dict)
    fresh: dict[tuple[int, str], ConversationState] = field(default_factory=dict)
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeats: int = 0
    readings: dict[int, TextAnalysis | None] = field(default_factory=dict)
    shadows: dict[int, TextAnalysis | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.time = self.now.isoformat().encode()


@dataclass
class Policies:
    """What decides: the live policy and, if there is one, the candidate beside it."""

    live: Policy
    shadow: Policy | None

    def take_incidents(self, incidents: tuple[Incident, ...]) -> bool:
        """Decide with these open incidents from now on; return whether they are others."""
        before = {i.id for i in self.live.incidents}
        self.live = replace(self.live, incidents=incidents)
        if self.shadow is not None:
            self.shadow = replace(self.shadow, incidents=incidents)
        return {i.id for i in incidents} != before


class Decider:
    """Decides records and writes what follows from them."""

    def __init__(
        self,
        policies: Policies,
        states: Conversations,
        transactions: Transactions,
        archive: Archive,
        clock: Clock,
        faults: FaultRuns,
    ) -> None:
        self._policies, self._states, self._transactions = policies, states, transactions
        self._archive, self._clock, self._faults = archive, clock, faults
        self.poison: Counter[Partition] = Counter()

    def decide(self, records: list[Record], batch: Batch, began: float) -> int:
        """Decide and write records until the batch has had its time; return how many."""
        done = 0
        for first in range(0, len(records), AT_ONCE):
            part = [(r, *_decode(r)) for r in records[first : first + AT_ONCE]]
            self._read(part, batch)
            for decoded in part:
                self._decide_one(decoded, batch)
                done += 1
                if self._clock.monotonic() - began > BATCH_S:
                    return done
        return done

    def write_states(self, batch: Batch) -> None:
        """Produce each changed state once, with its last value."""
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

    def _read(self, part: list[Decoded], batch: Batch) -> None:
        """Read the messages of a part at once; a bug there is found one by one."""
        messages = [content for _, content, _ in part if isinstance(content, Message)]
        keys = list(map(id, messages))
        live, shadow = self._policies.live, self._policies.shadow
        batch.readings = dict(zip(keys, analyse_batch(messages, live), strict=True))
        if shadow is not None:
            batch.shadows = dict(zip(keys, analyse_batch(messages, shadow), strict=True))

    def _decide_one(self, decoded: Decoded, batch: Batch) -> None:
        """Decide one record and produce what follows from it.

        Only a record that does not decode becomes a dead letter and counts as poison. A record that
        meets a fault of ours goes to triage, and the line moves on.
        """
        record, content, error = decoded
        place = (record.topic(), record.partition())
        if error is not None or content is None:
            self._bury(record, content, error or Rejected("record.misplaced"), batch)
            self.poison[place] += 1
            return
        self.poison[place] = 0
        if isinstance(content, Outcome) and content.kind not in KINDS:
            metrics.count("santral_words_unknown_total", topic=record.topic())
        read = batch.readings.get(id(content))
        state = self._state_of(batch, record.partition(), content.conversation)
        try:
            result = decide_record(content, state, self._policies.live, batch.now, read)
        except Rejected as refusal:
            self._bury(record, content, refusal, batch)
            self._faults.note(place, faulted=True)
            return
        self._faults.note(place, faulted=result.faulted)
        self._put(result, record, batch)
        if isinstance(content, Message) and not result.faulted:
            self._compare(content, result, batch)

    def _state_of(
        self, batch: Batch, partition: int, conversation: str
    ) -> Callable[[], ConversationState | None]:
        """Return what looks a conversation's state up, with the changes of this batch."""

        def look_up() -> ConversationState | None:
            changed = batch.fresh.get((partition, conversation))
            return changed if changed is not None else self._states.get(partition, conversation)

        return look_up

    def _compare(self, message: Message, result: RecordResult, batch: Batch) -> None:
        """Count how the candidate decides a message; whatever it does, the line moves on."""
        shadow = self._policies.shadow
        if shadow is None:
            return
        assert isinstance(result.transition, RoutingResult)
        read, mine = batch.shadows.get(id(message)), result.transition.decision
        try:
            other = decide_message(message, result.before, shadow, batch.now, read).decision
            comparison = "same" if mine.priority == other.priority else "other_priority"
            if mine.department != other.department:
                comparison = "other_department"
        except Exception:
            log.exception("router.shadow_bug", id=message.id)
            comparison = "failed"
        metrics.count("santral_shadow_decisions_total", result=comparison)

    def _put(self, result: RecordResult, record: Record, batch: Batch) -> None:
        """Write what was decided, and note the state it leaves."""
        made = result.transition
        if isinstance(made, ConversationState):
            _note_state(made, record.partition(), batch)
        elif made is not None and made.decision.action == "repeat":
            batch.repeats += 1
        elif made is not None:
            self._write(made, result, record, batch)
            batch.decided[made.decision.department, made.decision.action] += 1

    def _write(
        self, decided: RoutingResult, result: RecordResult, record: Record, batch: Batch
    ) -> None:
        decision = decided.decision
        span = trace.child(envelope.traceparent_of(record.headers()))
        key = decision.conversation.encode()
        identifier = topics.DECISIONS.id_of(decision)
        head = envelope.headers_from(_DECISION_TYPE, identifier, SOURCE, batch.time, span)
        self._transactions.produce(
            topics.DECISIONS.name, result.decision, key, head, record.partition()
        )
        if result.item is not None:
            head = envelope.headers_from(_WORK_TYPE, identifier, SOURCE, batch.time, span)
            self._transactions.produce(
                topics.queue_topic(decision.department), result.item, key, head
            )
        if decided.state is not None:
            _note_state(decided.state, record.partition(), batch)

    def _bury(
        self, record: Record, content: Message | Outcome | None, error: Rejected, batch: Batch
    ) -> None:
        """Write a dead letter with the record's bytes in the archive."""
        raw = self._archive.put(record.value() or b"")
        origin = Origin(
            topic=record.topic(),
            partition=record.partition(),
            offset=record.offset(),
            key=(record.key() or b"").decode("utf-8", "replace")[:200],
        )
        place = f"{origin.topic}/{origin.partition}/{origin.offset}"
        message = content if isinstance(content, Message) else None
        letter = DeadLetter(
            id=derived_id("dead", place),
            stage="router",
            source=message.source if message else f"kafka:{origin.topic}",
            message=message.id if message else None,
            code=error.code,
            text=error.text,
            origin=origin,
            raw=raw,
            at=batch.now,
        )
        head = envelope.headers_from(
            _DEAD_TYPE, topics.DEAD.id_of(letter), SOURCE, batch.time, None
        )
        self._transactions.produce(
            topics.DEAD.name, envelope.encode(letter), letter.source.encode(), head
        )
        metrics.count("santral_messages_rejected_total", channel="kafka", code=error.code)
        log.warning("record.buried", at=place, code=error.code)


def _note_state(state: ConversationState, partition: int, batch: Batch) -> None:
    place = (partition, state.conversation)
    batch.fresh[place] = state
    batch.changed[place] = b""


def _decode(record: Record) -> tuple[Message | Outcome | None, Rejected | None]:
    """Return a record's content, and why it can't be taken."""
    struct: type[Message] | type[Outcome]
    struct = Message if record.topic() == topics.MESSAGES.name else Outcome
    content: Message | Outcome | None = None
    try:
        content = envelope.decode(struct, record.value())
        if (record.key() or b"").decode("utf-8", "replace") != content.conversation:
            raise Rejected("record.misplaced")
    except Rejected as error:
        return content, error
    return content, None
