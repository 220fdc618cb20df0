"""Decides and encodes one record, and survives every fault in our code; only an outage raises.

A result is complete before batch.py produces any of it, so the router never writes half of a
decision.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from router.decision.analysis import TextAnalysis, analyse
from router.decision.apply_outcome import apply_outcome, is_superseded
from router.decision.decide import RoutingResult, decide_message
from router.decision.fault_decision import FLAG, triage_message, triage_move
from router.decision.policy import Policy
from runtime import log as logs
from runtime import metrics
from runtime.health.faults import is_outage, report_fault
from runtime.health.progress import Partition
from schemas import envelope
from schemas.base import Record
from schemas.decision import EncodedWorkItem
from schemas.errors import Rejected
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState

log = logs.get(__name__)

STEP = "router"
"""The router in `santral_bugs_caught_total`."""

Transition = RoutingResult | ConversationState | None
"""The effect of a record: a decision with its next state, only a next state, or nothing."""


class RecordResult(Record, frozen=True):
    """The effect of a record, with the encoded decision and work item.

    `before` is the conversation's state until then. `faulted` says that a fault of ours prevented
    the proper decision.
    """

    transition: Transition
    before: ConversationState | None = None
    decision: bytes = b""
    item: bytes | None = None
    faulted: bool = False


class FaultRuns:
    """Counts faults in a row in each partition.

    `limit` of them raise an alarm, but stop nothing, since triage has every message.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._runs: Counter[Partition] = Counter()

    def note(self, partition: Partition, *, faulted: bool) -> None:
        """Count a record of a partition; log the alarm once for each run of faults."""
        if not faulted:
            self._runs.pop(partition, None)
            return
        self._runs[partition] += 1
        if self._runs[partition] == self._limit:
            log.error("router.faults", topic=partition[0], partition=partition[1], bad=self._limit)


def decide_record(
    record: Message | Outcome,
    load_state: Callable[[], ConversationState | None],
    policy: Policy,
    now: datetime,
    analysis: TextAnalysis | None = None,
    encoded: bytes | None = None,
) -> RecordResult:
    """Decide a record; raise Rejected(router.bug) only when not even triage can take it.

    `load_state` returns the conversation's state. Its Unavailable passes through. `encoded` is the
    record as Kafka has it, whose bytes the work item takes over.
    """
    try:
        state = load_state()
    except Exception as error:
        if is_outage(error):
            raise
        report_fault(log, STEP, error, id=record.id)
        return _decide_by_triage(record, None, policy, now)
    try:
        transition = _transition(record, state, policy, now, analysis)
        return _encode(transition, state, record, encoded)
    except Exception as error:  # noqa: BLE001 - report_fault logs it
        report_fault(log, STEP, error, id=record.id)
        return _decide_by_triage(record, state, policy, now)


def analyse_batch(batch: Sequence[Message], policy: Policy) -> list[TextAnalysis | None]:
    """Return the analysis of each message of a batch.

    A fault of ours in one of them gives None for all of the batch, so that each is analysed alone.
    """
    try:
        return list(analyse(batch, policy))
    except Exception:
        log.exception("router.read_bug", messages=len(batch))
        return [None] * len(batch)


def _transition(
    record: Message | Outcome,
    state: ConversationState | None,
    policy: Policy,
    now: datetime,
    analysis: TextAnalysis | None,
) -> Transition:
    if isinstance(record, Message):
        return decide_message(record, state, policy, now, analysis)
    if state is not None and is_superseded(record, state):
        log.warning("outcome.superseded", id=record.id, kind=record.kind)
        metrics.count("santral_outcomes_superseded_total", kind=record.kind)
        return None
    transition = apply_outcome(record, state, policy.departments, now)
    if record.kind == "undeliverable" and isinstance(transition, RoutingResult):
        department = transition.decision.department
        log.info("answer.returned", reply=record.reply, department=department)
        metrics.count("santral_answers_returned_total", department=department)
    return transition


def _decide_by_triage(
    record: Message | Outcome, state: ConversationState | None, policy: Policy, now: datetime
) -> RecordResult:
    """Return the result of a record whose proper decision met a fault, or raise Rejected."""
    try:
        if isinstance(record, Message):
            transition: Transition = triage_message(record, state, policy, now)
        else:
            transition = triage_move(record, state, now)
        return msgspec.structs.replace(_encode(transition, state), faulted=True)
    except Exception as error:
        report_fault(log, STEP, error, id=record.id)
        raise Rejected(FLAG) from error


def _encode(
    transition: Transition,
    before: ConversationState | None,
    record: Message | Outcome | None = None,
    encoded: bytes | None = None,
) -> RecordResult:
    """Return a result with its records; `encoded` is the JSON of `record`, if the caller has it."""
    if not isinstance(transition, RoutingResult) or transition.decision.action == "repeat":
        return RecordResult(transition, before)
    decision, item = envelope.encode(transition.decision), transition.item
    if item is None:
        return RecordResult(transition, before, decision)
    if encoded is None or item.message is not record:
        return RecordResult(transition, before, decision, envelope.encode(item))
    message = msgspec.Raw(encoded)
    joined = EncodedWorkItem(message=message, decision=msgspec.Raw(decision), due=item.due)
    return RecordResult(transition, before, decision, envelope.encode(joined))
