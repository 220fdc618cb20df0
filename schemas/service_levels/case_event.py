"""CaseEvent, what moves the clocks of a conversation, read from decisions and outcomes. Pure.

A decision or an outcome that moves no clock gives no event, and so does a word that a newer
program writes.
"""

from datetime import UTC
from typing import Literal

import msgspec

from schemas.base import Id, Record, Time
from schemas.decision import Decision
from schemas.outcome import MOVES, Outcome, is_persons_answer
from schemas.service_levels.levels import MessageTraits

CaseEventKind = Literal[
    "spoken",
    "claimed",
    "released",
    "answered",
    "undeliverable",
    "waiting",
    "woken",
    "moved",
    "resolved",
    "reopened",
]

_SPOKEN = frozenset({"queue", "triage", "append"})
_SILENT_FLAGS = frozenset({"spam", "imported", "closing"})
_INTERNAL = "internal"
_EVENT_REASON = "event"
_SAME_KIND: dict[str, CaseEventKind] = {
    "claimed": "claimed",
    "released": "released",
    "expired": "released",
    "undeliverable": "undeliverable",
    "waiting": "waiting",
    "woken": "woken",
    "resolved": "resolved",
    "reopened": "reopened",
}


class Wait(Record, frozen=True, kw_only=True):
    """Whom or what an item waits for, and until when at most."""

    reason: str = msgspec.field(name="for")
    until: Time | None = None


class TimedOutcome(Outcome, frozen=True, kw_only=True):
    """An Outcome with the field that only clocks read, a wait."""

    wait: Wait | None = None


class CaseEvent(Record, frozen=True, kw_only=True):
    """Something that happened in a conversation. `id` is that of its outcome or decision.

    `messages` are those that it covers, `traits` those of a spoken message, and `department` the
    one of the work, or the new one after a move.
    """

    id: Id
    kind: CaseEventKind
    at: Time
    conversation: Id
    department: str
    messages: tuple[Id, ...] = ()
    traits: MessageTraits | None = None
    reply: Id | None = None
    wait: Wait | None = None


def decision_event(decision: Decision, when: Time, standing: str = "") -> CaseEvent | None:
    """Return the event of a message that a person wrote to us, None for any other decision."""
    is_event = any(reason.id == _EVENT_REASON for reason in decision.reasons)
    is_silent = not _SILENT_FLAGS.isdisjoint(decision.flags) or decision.channel == _INTERNAL
    if decision.action not in _SPOKEN or is_event or is_silent:
        return None
    return CaseEvent(
        id=f"{decision.message};{decision.hops}",
        kind="spoken",
        at=when.astimezone(UTC),
        conversation=decision.conversation,
        department=decision.department,
        messages=(decision.message,),
        traits=MessageTraits(
            brand=decision.brand,
            department=decision.department,
            channel=decision.channel,
            intent=decision.intent,
            severity=decision.severity,
            priority=decision.priority,
            standing=standing,
        ),
    )


def outcome_event(outcome: TimedOutcome, when: Time) -> CaseEvent | None:
    """Return the event of an outcome, None for one that moves no clock.

    Only a person's answer is one: acknowledgements, holding texts and bots never stop a clock.
    """
    kind = _SAME_KIND.get(outcome.kind)
    department: str = outcome.department
    if is_persons_answer(outcome):
        kind = "answered"
    elif outcome.kind in MOVES and outcome.to is not None:
        kind, department = "moved", outcome.to
    if kind is None:
        return None
    return CaseEvent(
        id=outcome.id,
        kind=kind,
        at=when.astimezone(UTC),
        conversation=outcome.conversation,
        department=department,
        messages=outcome.messages,
        reply=outcome.reply,
        wait=_in_utc(outcome.wait),
    )


def _in_utc(wait: Wait | None) -> Wait | None:
    if wait is None or wait.until is None:
        return wait
    return msgspec.structs.replace(wait, until=wait.until.astimezone(UTC))
