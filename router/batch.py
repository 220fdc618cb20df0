"""One batch: decide its records and produce the results inside the open transaction.

loop.py opens the transaction and commits it. Only then does it take over the states in `Batch`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from router.dead_letters import KafkaRecord, decode_key, write_dead_letter
from router.decision.analysis import TextAnalysis
from router.decision.decide import RoutingResult, decide_message
from router.decision.policy import Policy
from router.models.model import BATCH_TEXTS
from router.record_decision import STEP, FaultRuns, RecordResult, analyse_batch, decide_record
from router.state import ConversationKey, Conversations
from router.transaction import Transactions
from runtime import metrics, trace
from runtime.archive.protocol import Archive
from runtime.clock import Clock
from runtime.health.faults import report_fault
from runtime.health.progress import Partition
from runtime.log import get
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState

log = get(__name__)

SOURCE = b"santral/router"
MAX_BATCH_S = 5
"""A batch ends after the record at hand then, well before the broker ends its transaction."""

_DECISION_TYPE = topics.DECISIONS.ce_type.encode()
_WORK_TYPE = topics.queue("any").ce_type.encode()
_DEAD_TYPE = topics.DEAD.ce_type.encode()

DecodedRecord = tuple[KafkaRecord, Message | Outcome | None, Rejected | None]
"""A record, its content, and the error of one that does not decode."""


@dataclass
class Batch:
    """The results of one batch until its commit.

    `encoded_states` has the value of each state that `states` has. The analyses are those of the
    messages that are decided at the moment, by the identity of the object.
    """

    now: datetime
    time: bytes = b""
    states: dict[ConversationKey, ConversationState] = field(default_factory=dict)
    encoded_states: dict[ConversationKey, bytes | None] = field(default_factory=dict)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    repeats: int = 0
    analyses: dict[int, TextAnalysis | None] = field(default_factory=dict)
    shadow_analyses: dict[int, TextAnalysis | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.time = self.now.isoformat().encode()

    def set_state(self, state: ConversationState, partition: int) -> None:
        """Set the state that the next record of the conversation meets."""
        self.states[partition, state.conversation] = state


@dataclass
class Policies:
    """The live policy and, if the settings name one, the shadow policy beside it."""

    live: Policy
    shadow: Policy | None

    def set_incidents(self, incidents: tuple[Incident, ...]) -> bool:
        """Decide with these open incidents from now on; return whether they are others."""
        before = {incident.id for incident in self.live.incidents}
        self.live = replace(self.live, incidents=incidents)
        if self.shadow is not None:
            self.shadow = replace(self.shadow, incidents=incidents)
        return {incident.id for incident in incidents} != before


class Decider:
    """Decides records and produces their results."""

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

    def decide(self, records: Sequence[KafkaRecord], batch: Batch, began_s: float) -> int:
        """Decide records until MAX_BATCH_S after the batch began; return their number."""
        done = 0
        for first in range(0, len(records), BATCH_TEXTS):
            decoded = [
                (record, *_decode(record)) for record in records[first : first + BATCH_TEXTS]
            ]
            self._analyse(decoded, batch)
            for decoded_record in decoded:
                self._process(decoded_record, batch)
                done += 1
                if self._clock.monotonic() - began_s > MAX_BATCH_S:
                    return done
        return done

    def write_states(self, batch: Batch) -> None:
        """Produce the last value of each changed state."""
        for key, state in batch.states.items():
            try:
                value = envelope.encode(state)
            except Exception as error:  # noqa: BLE001 - report_fault logs it
                # The conversation continues from its state before the batch.
                report_fault(log, STEP, error, conversation=state.conversation)
                continue
            batch.encoded_states[key] = value
            self._transactions.produce(
                topics.CONVERSATIONS.name, value, state.conversation.encode(), None, key[0]
            )

    def _analyse(self, decoded: Sequence[DecodedRecord], batch: Batch) -> None:
        """Analyse the messages together, which is quicker than one by one."""
        messages = [content for _, content, _ in decoded if isinstance(content, Message)]
        keys = list(map(id, messages))
        live, shadow = self._policies.live, self._policies.shadow
        batch.analyses = dict(zip(keys, analyse_batch(messages, live), strict=True))
        if shadow is not None:
            batch.shadow_analyses = dict(zip(keys, analyse_batch(messages, shadow), strict=True))

    def _process(self, decoded: DecodedRecord, batch: Batch) -> None:
        """Decide one record and produce its results.

        Only a record that does not decode becomes a dead letter and counts as poison. A record that
        meets a fault of ours goes to triage, and the router continues with the next record.
        """
        record, content, error = decoded
        partition = (record.topic(), record.partition())
        if error is not None or content is None:
            self._refuse(record, content, error or Rejected("record.misplaced"), batch)
            self.poison[partition] += 1
            return
        self.poison.pop(partition, None)
        if isinstance(content, Message):
            is_known(topics.MESSAGES, content)
        else:
            is_known(topics.OUTCOMES, content)
        analysis = batch.analyses.get(id(content))
        load_state = self._state_loader(batch, (record.partition(), content.conversation))
        try:
            result = decide_record(
                content, load_state, self._policies.live, batch.now, analysis, record.value()
            )
        except Rejected as refusal:
            self._refuse(record, content, refusal, batch)
            self._faults.note(partition, faulted=True)
            return
        self._faults.note(partition, faulted=result.faulted)
        self._emit(result, record, batch)
        if isinstance(content, Message) and not result.faulted:
            self._count_shadow(content, result, batch)

    def _state_loader(
        self, batch: Batch, key: ConversationKey
    ) -> Callable[[], ConversationState | None]:
        """Return a function that loads a conversation's state with the changes of this batch."""

        def load_state() -> ConversationState | None:
            changed = batch.states.get(key)
            return changed if changed is not None else self._states.get(*key)

        return load_state

    def _count_shadow(self, message: Message, result: RecordResult, batch: Batch) -> None:
        """Count the shadow policy's decision. Its failures never affect the live one."""
        shadow = self._policies.shadow
        if shadow is None:
            return
        assert isinstance(result.transition, RoutingResult)
        analysis = batch.shadow_analyses.get(id(message))
        live_decision = result.transition.decision
        try:
            shadow_decision = decide_message(
                message, result.before, shadow, batch.now, analysis
            ).decision
            comparison = "same"
            if live_decision.priority != shadow_decision.priority:
                comparison = "other_priority"
            if live_decision.department != shadow_decision.department:
                comparison = "other_department"
        except Exception:
            log.exception("router.shadow_bug", id=message.id)
            comparison = "failed"
        metrics.count("santral_shadow_decisions_total", result=comparison)

    def _emit(self, result: RecordResult, record: KafkaRecord, batch: Batch) -> None:
        """Produce the result of a record, and set the state after it."""
        transition = result.transition
        if isinstance(transition, ConversationState):
            batch.set_state(transition, record.partition())
        elif transition is not None and transition.decision.action == "repeat":
            batch.repeats += 1
        elif transition is not None:
            self._produce(transition, result, record, batch)
            decision = transition.decision
            batch.decisions[decision.department, decision.action] += 1

    def _produce(
        self, routing: RoutingResult, result: RecordResult, record: KafkaRecord, batch: Batch
    ) -> None:
        decision = routing.decision
        span = trace.child(envelope.traceparent_of(record.headers()))
        key = decision.conversation.encode()
        identifier = topics.DECISIONS.id_of(decision)
        headers = envelope.headers_from(_DECISION_TYPE, identifier, SOURCE, batch.time, span)
        self._transactions.produce(
            topics.DECISIONS.name, result.decision, key, headers, record.partition()
        )
        if result.item is not None:
            headers = envelope.with_type(headers, _WORK_TYPE)
            self._transactions.produce(
                topics.queue_topic(decision.department), result.item, key, headers
            )
        if routing.state is not None:
            batch.set_state(routing.state, record.partition())

    def _refuse(
        self,
        record: KafkaRecord,
        content: Message | Outcome | None,
        refusal: Rejected,
        batch: Batch,
    ) -> None:
        """Produce a dead letter."""
        letter = write_dead_letter(record, content, refusal, self._archive, batch.now)
        headers = envelope.headers_from(
            _DEAD_TYPE, topics.DEAD.id_of(letter), SOURCE, batch.time, None
        )
        self._transactions.produce(
            topics.DEAD.name, envelope.encode(letter), letter.source.encode(), headers
        )
        metrics.count("santral_messages_rejected_total", channel="kafka", code=refusal.code)
        position = f"{record.topic()}/{record.partition()}/{record.offset()}"
        log.warning("record.buried", at=position, code=refusal.code)


def _decode(record: KafkaRecord) -> tuple[Message | Outcome | None, Rejected | None]:
    """Return a record's content, and the error of one that does not decode or has a wrong key."""
    struct: type[Message] | type[Outcome]
    struct = Message if record.topic() == topics.MESSAGES.name else Outcome
    content: Message | Outcome | None = None
    try:
        content = envelope.decode(struct, record.value())
        if decode_key(record) != content.conversation:
            raise Rejected("record.misplaced")
    except Rejected as error:
        return content, error
    return content, None
