"""Decides and encodes one record, and survives every fault in our code; only an outage raises.

Before: run.py decoded a record of messages.v1 or outcomes.v1. After: run.py produces the values.
A result here is complete, so that run.py never writes half of a decision.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from router.decision.decide import Decided, apply, is_superseded, one, readings
from router.decision.fault_decision import FLAG, triage_message, triage_move
from router.decision.policy import Policy, Read
from runtime import log as logs
from runtime import metrics
from runtime.health.faults import guard
from schemas import envelope
from schemas.errors import Rejected
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState

log = logs.get(__name__)

STEP = "router"
"""The router in `santral_bugs_caught_total`."""

Look = Callable[[], ConversationState | None]
Made = Decided | ConversationState | None


class Result(msgspec.Struct, frozen=True):
    """The result of a record: a decision with its records' values, a new state, or nothing.

    `before` is the conversation's state until then. `faulted` says that a fault of ours prevented
    the proper decision.
    """

    made: Made
    before: ConversationState | None = None
    decision: bytes = b""
    item: bytes | None = None
    faulted: bool = False


class FaultRuns:
    """Counts faults in a row in each partition. `limit` of them raise an alarm, but stop nothing,
    since triage has every message."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._runs: Counter[tuple[str, int]] = Counter()

    def note(self, partition: tuple[str, int], *, faulted: bool) -> None:
        """Count a record of a partition; log the alarm once for each run of faults."""
        self._runs[partition] = self._runs[partition] + 1 if faulted else 0
        if self._runs[partition] == self._limit:
            log.error("router.faults", topic=partition[0], partition=partition[1], bad=self._limit)


def decide_record(
    record: Message | Outcome, look: Look, policy: Policy, now: datetime, read: Read | None = None
) -> Result:
    """Decide a record; raise Rejected(router.bug) only when not even triage can have it.

    `look` returns the conversation's state. Its Unavailable passes through.
    """
    state: ConversationState | None = None
    with guard(log, STEP, id=record.id) as reading:
        state = look()
    if not reading.failed:
        with guard(log, STEP, passes=(), id=record.id):
            if isinstance(record, Message):
                return _encoded(one(record, state, policy, now, read), state)
            if state is not None and is_superseded(record, state):
                log.warning("outcome.superseded", id=record.id, kind=record.kind)
                metrics.count("santral_outcomes_superseded_total", kind=record.kind)
                return Result(None, state)
            return _encoded(apply(record, state, policy, now), state)
    with guard(log, STEP, passes=(), id=record.id):
        result = _encoded(_faulted(record, state, policy, now), state)
        return msgspec.structs.replace(result, faulted=True)
    raise Rejected(FLAG)


def read_together(batch: Sequence[Message], policy: Policy) -> list[Read | None]:
    """Return the reading of each message of a batch.

    A fault of ours in one of them gives None for all of the batch: each is then read alone.
    """
    try:
        return list(readings(batch, policy))
    except Exception:
        log.exception("router.read_bug", messages=len(batch))
        return [None] * len(batch)


def _faulted(
    record: Message | Outcome, state: ConversationState | None, policy: Policy, now: datetime
) -> Decided | None:
    if isinstance(record, Message):
        decision, after, item = triage_message(record, state, policy, now)
        return Decided(decision=decision, state=after, item=item)
    moved = triage_move(record, state, policy, now)
    return None if moved is None else Decided(decision=moved[0], state=moved[1], item=moved[2])


def _encoded(made: Made, before: ConversationState | None) -> Result:
    if not isinstance(made, Decided) or made.decision.action == "repeat":
        return Result(made, before)
    item = None if made.item is None else envelope.encode(made.item)
    return Result(made, before, envelope.encode(made.decision), item)
