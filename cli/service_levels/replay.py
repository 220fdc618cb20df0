"""The steps of clocks from a file of records, for `santral sla replay`.

It reads lines of `{"topic", "at", "value"}` in any order, and folds those of each conversation in
the order of their times.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from runtime.settings.service_levels.build import ServiceLevels
from schemas.base import Record, Time
from schemas.decision import Decision
from schemas.errors import ConfigError, Problem
from schemas.service_levels.case_event import (
    CaseEvent,
    TimedOutcome,
    decision_event,
    outcome_event,
)
from schemas.service_levels.clock import ClockEvent
from schemas.service_levels.clock_fold import ConversationClocks
from schemas.service_levels.versions import policy_version
from schemas.topics import DECISIONS, OUTCOMES


class RecordLine(Record, frozen=True, kw_only=True):
    """A record of Kafka: its topic, its time and its value. Other topics are passed over."""

    topic: str
    at: Time
    value: msgspec.Raw


@dataclass(frozen=True)
class _BrandEvent:
    brand: str
    event: CaseEvent


def replay_clocks(
    lines: Iterable[bytes], service_levels: ServiceLevels, now: datetime
) -> list[ClockEvent]:
    """Return every step of every clock until `now`, in the order of times and ids.

    It raises ConfigError for a line that it can't read.
    """
    clocks: dict[str, ConversationClocks] = {}
    steps: list[ClockEvent] = []
    for each in _events_in_order(lines, now):
        conversation = clocks.get(each.event.conversation)
        if conversation is None:
            version = policy_version(
                each.brand, now, service_levels.calendars, service_levels.levels
            )
            conversation = ConversationClocks(each.event.conversation, version)
            clocks[each.event.conversation] = conversation
        steps += conversation.apply(each.event)
    for conversation in clocks.values():
        steps += conversation.advance(now)
    return sorted(steps, key=lambda step: (step.at, step.id))


def _events_in_order(lines: Iterable[bytes], now: datetime) -> Iterator[_BrandEvent]:
    """Yield each event once; a message comes before what people do at the same instant."""
    events: dict[str, _BrandEvent] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read = _read_event(msgspec.json.decode(line, type=RecordLine))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError([Problem(f"line {number}: {error}")]) from error
        if read is not None and read.event.at <= now:
            events.setdefault(read.event.id, read)
    yield from sorted(
        events.values(),
        key=lambda each: (each.event.at, each.event.kind != "spoken", each.event.id),
    )


def _read_event(record: RecordLine) -> _BrandEvent | None:
    if record.topic == DECISIONS.name:
        decision = msgspec.json.decode(record.value, type=Decision)
        event, brand = decision_event(decision, record.at), decision.brand
    elif record.topic == OUTCOMES.name:
        outcome = msgspec.json.decode(record.value, type=TimedOutcome)
        event, brand = outcome_event(outcome, record.at), outcome.brand
    else:
        return None
    return None if event is None else _BrandEvent(brand, event)
