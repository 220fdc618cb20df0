"""ConversationClocks, which folds what happens in one conversation into steps of its clocks. Pure.

A breach is a function of these events and of the time until which they are complete, never the
observation of a program that happened to look. Events come in the order of their times.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from schemas.base import derived_id
from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.case_event import CaseEvent
from schemas.service_levels.clock import (
    Clock,
    ClockEvent,
    ClockState,
    Segment,
    Step,
    clock_step,
    continued,
    ended,
    instant_of,
    reopened,
    revived,
    warning_seconds,
    with_due,
)
from schemas.service_levels.levels import (
    ClockKind,
    MessageTraits,
    ServiceLevel,
    choose_service_level,
)
from schemas.service_levels.versions import PolicyVersion

_RESPONSES: tuple[ClockKind, ...] = ("first_response", "next_response")
_BY_DEPARTMENT: tuple[ClockKind, ...] = ("first_response", "next_response", "resolution")
"""The kinds that keep their elapsed time when an item moves to another department."""


class ConversationClocks:
    """The clocks of one conversation.

    `advance` gives the warnings and breaches until a time, and `apply` the steps that an event
    causes. A clock keeps the policy version that ruled when it started.
    """

    def __init__(self, conversation: str, version: PolicyVersion) -> None:
        self.conversation = conversation
        self.version = version
        self._versions = {version.id: version}
        self._clocks: list[Clock] = []
        self._traits: MessageTraits | None = None
        self._messages: set[str] = set()
        self._uncovered: dict[str, datetime] = {}
        self._unanswered: dict[str, datetime] = {}
        self._answers: dict[str, datetime] = {}
        self._cycle = 1
        self._resolved_at: datetime | None = None
        self._wait_until: datetime | None = None

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """Every clock so far, in the order of their starts."""
        return tuple(self._clocks)

    def use_version(self, version: PolicyVersion) -> None:
        """Let clocks that start from now on have another policy version."""
        self.version = version
        self._versions[version.id] = version

    def advance(self, until: datetime, *, inclusive: bool = True) -> Iterator[ClockEvent]:
        """Yield the warnings, the breaches and the ends of waits up to an instant, in order."""
        while True:
            moment = min(self._moments(), default=None)
            if moment is None or moment > until or (moment == until and not inclusive):
                return
            if self._wait_until == moment:
                self._wait_until = None
                yield from self._resume("waited", moment, None)
            yield from self._alarms(moment)

    def apply(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """Yield the steps until an event, and those that it causes."""
        yield from self.advance(event.at, inclusive=False)
        match event.kind:
            case "spoken":
                yield from self._hear(event)
            case "answered":
                yield from self._answer(event)
            case "undeliverable":
                yield from self._revive(event)
            case "waiting":
                yield from self._wait(event)
            case "woken":
                yield from self._wake(event.at, event.id)
            case "claimed":
                yield from self._end_all(("pickup",), "met", event)
            case "released":
                yield from self._start("pickup", event.at, event)
            case "moved":
                yield from self._move(event)
            case "resolved":
                yield from self._resolve(event)
            case "reopened":
                yield from self._reopen(event)

    # Events.

    def _hear(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """A customer writes: a first or next response runs, and all that waited for it."""
        (message,) = event.messages
        if message in self._messages or event.traits is None:
            return  # a moved message has another decision, but its customer wrote it once
        self._messages.add(message)
        self._traits = event.traits
        if self._resolved_at is not None:
            yield from self._reopen(event)
        else:
            yield from self._wake(event.at, event.id)
        self._uncovered[message] = self._unanswered[message] = event.at
        if not self._open(*_RESPONSES):
            is_first = not self._of_cycle("first_response")
            kind: ClockKind = "first_response" if is_first else "next_response"
            yield from self._start(kind, event.at, event)
        if not self._of_cycle("resolution"):
            yield from self._start("resolution", event.at, event)
        if not self._open("stay"):
            yield from self._start("pickup", event.at, event)
            yield from self._start("stay", event.at, event)

    def _answer(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """A person answers, which ends each response that began before."""
        self._answers[event.reply or event.id] = event.at
        self._unanswered.clear()
        self._cover(event)
        yield from self._end_all(_RESPONSES, "met", event)

    def _revive(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """An answer did not arrive, so that the responses that it ended run on."""
        answered_at = self._answers.pop(event.reply or "", None)
        if answered_at is None:
            return
        for clock in self._of_cycle(*_RESPONSES):
            is_answered = any(each >= clock.started_at for each in self._answers.values())
            level = self._level(clock)
            keeps = level is not None and level.late_answer == "delivered"
            if clock.ended_at == answered_at and keeps and not is_answered:
                yield self._step(revived(clock), "revived", event.at, event.id)
        yield from self._alarms(event.at)

    def _wait(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """The item waits for somebody else: the time for its resolution is paused."""
        self._cover(event)
        reason = event.wait.reason if event.wait is not None else "customer"
        self._wait_until = event.wait.until if event.wait is not None else None
        for clock in self._open("resolution"):
            level = self._level(clock)
            if level is None or reason not in level.pause_on or clock.is_paused:
                continue
            segment = Segment(start=event.at, calendar=clock.calendar, state="paused", why=reason)
            paused = continued(clock, segment, self._calendars(clock))
            if clock.state != "breached":
                paused = msgspec.structs.replace(paused, state="paused")
            yield self._step(paused, "paused", event.at, event.id)

    def _wake(self, when: datetime, cause: str) -> Iterator[ClockEvent]:
        self._wait_until = None
        yield from self._resume("woken", when, cause)

    def _move(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """The item goes to another department: what is left is its target less what has passed."""
        if self._traits is None:
            return
        self._traits = msgspec.structs.replace(self._traits, department=event.department)
        yield from self._end_all(("pickup",), "cancelled", event)
        yield from self._end_all(("stay",), "met", event)
        for clock in self._open(*_BY_DEPARTMENT):
            yield from self._rebase(clock, event)
        yield from self._start("pickup", event.at, event)
        yield from self._start("stay", event.at, event)

    def _resolve(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """The messages that a resolution covers are done, and with the last one the matter."""
        covered = event.messages or (*self._uncovered, *self._unanswered)
        for message in covered:
            self._uncovered.pop(message, None)
            self._unanswered.pop(message, None)
        for clock in self._open(*_RESPONSES):
            if clock.message in covered or not self._uncovered:
                yield self._step(
                    ended(clock, "cancelled", event.at), "cancelled", event.at, event.id
                )
        if self._uncovered:
            if self._unanswered and not self._open(*_RESPONSES):
                message, since = next(iter(self._unanswered.items()))
                yield from self._start("next_response", since, event, message)
            return
        self._resolved_at = event.at
        self._wait_until = None
        self._unanswered.clear()
        yield from self._end_all(("resolution", "stay"), "met", event)
        yield from self._end_all(("pickup",), "cancelled", event)

    def _reopen(self, event: CaseEvent) -> Iterator[ClockEvent]:
        """A resolved matter is open again: its cycle continues, or after long a new one begins."""
        if self._resolved_at is None:
            return
        resolved_at, self._resolved_at = self._resolved_at, None
        if event.at - resolved_at > self._reopen_within():
            self._cycle += 1
            if event.kind == "reopened":
                yield from self._start("resolution", event.at, event)
            return
        for clock in self._of_cycle("resolution"):
            again = reopened(clock, event.at, self._calendars(clock))
            yield self._step(again, "resumed", event.at, event.id)

    def _reopen_within(self) -> timedelta:
        """Return the time in which a message continues the cycle, by the level of its clocks."""
        kinds: tuple[ClockKind, ...] = ("resolution", *_RESPONSES)
        levels = [self._level(clock) for clock in self._of_cycle(*kinds)]
        return timedelta(
            seconds=max((x.reopen_within_s for x in levels if x is not None), default=0)
        )

    # Steps of clocks.

    def _start(
        self, kind: ClockKind, when: datetime, event: CaseEvent, message: str = ""
    ) -> Iterator[ClockEvent]:
        """Start a clock, unless one of its kind is open or nothing is promised of that kind."""
        if self._traits is None or self._open(kind):
            return
        level = choose_service_level(self.version.service_levels, self._traits)
        target_s = level.promise_s(kind) if level is not None else None
        if level is None or (target_s is None and kind != "stay"):
            return
        number = len(self._of_cycle(kind)) + 1
        message = message or (event.messages[0] if event.messages else "")
        clock = Clock(
            id=derived_id("clock", self.conversation, kind, str(self._cycle), str(number)),
            kind=kind,
            conversation=self.conversation,
            cycle=self._cycle,
            number=number,
            message=message or event.id,
            department=self._traits.department,
            policy=self.version.id,
            level=level.name,
            segments=(Segment(start=when, calendar=level.calendar),),
            target_s=target_s,
        )
        self._clocks.append(clock)
        yield self._step(with_due(clock, self._calendars(clock)), "started", when, event.id)

    def _rebase(self, clock: Clock, event: CaseEvent) -> Iterator[ClockEvent]:
        assert self._traits is not None
        levels = self._versions[clock.policy].service_levels
        level = choose_service_level(levels, self._traits)
        target_s = level.promise_s(clock.kind) if level is not None else None
        if level is None or target_s is None:
            yield self._step(ended(clock, "cancelled", event.at), "cancelled", event.at, event.id)
            return
        segment = msgspec.structs.replace(
            clock.segments[-1], start=event.at, calendar=level.calendar, why="moved"
        )
        moved = msgspec.structs.replace(
            clock, target_s=target_s, level=level.name, department=self._traits.department
        )
        after = continued(moved, segment, self._calendars(clock))
        yield self._step(after, "rebased", event.at, event.id)

    def _resume(self, why: str, when: datetime, cause: str | None) -> Iterator[ClockEvent]:
        for clock in self._open("resolution"):
            if clock.is_paused:
                segment = Segment(start=when, calendar=clock.calendar, why=why)
                after = continued(clock, segment, self._calendars(clock))
                if clock.state != "breached":
                    after = msgspec.structs.replace(after, state="running")
                yield self._step(after, "resumed", when, cause)

    def _end_all(
        self, kinds: tuple[ClockKind, ...], state: ClockState, event: CaseEvent
    ) -> Iterator[ClockEvent]:
        what: Step = "cancelled" if state == "cancelled" else "met"
        for clock in self._open(*kinds):
            yield self._step(ended(clock, state, event.at), what, event.at, event.id)

    def _alarms(self, until: datetime) -> Iterator[ClockEvent]:
        """Yield the alarms whose instants have come; one that comes late has the time `until`.

        A clock that is over gives no warning any more.
        """
        alarms = [alarm for alarm in self._alarm_moments() if alarm[0] <= until]
        for _, clock, what, seconds in sorted(alarms, key=lambda alarm: alarm[0]):
            is_over = clock.due is not None and clock.due <= until
            current = next(each for each in self._clocks if each.id == clock.id)
            if what == "breached":
                after = msgspec.structs.replace(current, state="breached")
                yield self._step(after, what, until, None)
            elif not is_over:
                after = msgspec.structs.replace(current, warned=(*current.warned, seconds))
                yield self._step(after, what, until, None)

    def _moments(self) -> Iterator[datetime]:
        if self._wait_until is not None:
            yield self._wait_until
        yield from (alarm[0] for alarm in self._alarm_moments())

    def _alarm_moments(self) -> Iterator[tuple[datetime, Clock, Step, int]]:
        """Yield the instants of all warnings and breaches that are still to come."""
        for clock in self._clocks:
            if not clock.is_open or clock.state != "running" or clock.due is None:
                continue
            level = self._level(clock)
            for seconds in warning_seconds(clock, level.warn if level is not None else ()):
                moment = instant_of(clock, self._calendars(clock), seconds)
                if moment is not None and moment < clock.due and seconds not in clock.warned:
                    yield moment, clock, "warned", seconds
            yield clock.due, clock, "breached", clock.target_s or 0

    def _step(self, clock: Clock, what: Step, when: datetime, cause: str | None) -> ClockEvent:
        """Keep a clock after a step, and return the event of it."""
        after, event = clock_step(clock, what, when, self._calendars(clock), cause)
        index = next(number for number, each in enumerate(self._clocks) if each.id == clock.id)
        self._clocks[index] = after
        return event

    # Clocks.

    def _open(self, *kinds: ClockKind) -> list[Clock]:
        return [clock for clock in self._of_cycle(*kinds) if clock.is_open]

    def _of_cycle(self, *kinds: ClockKind) -> list[Clock]:
        return [c for c in self._clocks if c.kind in kinds and c.cycle == self._cycle]

    def _level(self, clock: Clock) -> ServiceLevel | None:
        levels = self._versions[clock.policy].service_levels
        return next((level for level in levels if level.name == clock.level), None)

    def _calendars(self, clock: Clock) -> Mapping[str, WorkCalendar]:
        return {work.name: work for work in self._versions[clock.policy].calendars}

    def _cover(self, event: CaseEvent) -> None:
        for message in event.messages:
            self._uncovered.pop(message, None)
