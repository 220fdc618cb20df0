"""Clock, the time of one promise in one conversation, and ClockEvent, a step of it. Pure.

A clock consists of segments, each counted by the calendar that ruled it. clock_fold.py makes them
of what happened.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from schemas.base import Id, Record, Time, derived_id
from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.levels import ClockKind, WarnTime

ClockState = Literal["running", "paused", "met", "breached", "cancelled"]
Step = Literal[
    "started",
    "paused",
    "resumed",
    "rebased",
    "warned",
    "breached",
    "met",
    "cancelled",
    "revived",
    "corrected",
]


class Segment(Record, frozen=True, kw_only=True):
    """A time in which a clock ran or was paused; the last one of an open clock has no end."""

    start: Time = msgspec.field(name="from")
    end: Time | None = msgspec.field(name="to", default=None)
    calendar: str
    state: Literal["running", "paused"] = "running"
    why: str = ""


class Clock(Record, frozen=True, kw_only=True):
    """The time of one promise: what it is for, its segments, and until when it lasts.

    `message` began it. `target_s` and `due` are None where nothing is promised, so that the clock
    only measures. `number` counts the clocks of a kind within a cycle, which is the time from a
    customer's first message until the matter is resolved for good.
    """

    id: Id
    kind: ClockKind
    conversation: Id
    cycle: int
    number: int
    message: Id
    department: str
    policy: Id
    level: str
    segments: tuple[Segment, ...]
    target_s: int | None = None
    due: Time | None = None
    state: ClockState = "running"
    ended_at: Time | None = None
    warned: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the clock has not ended; one that is breached runs on until its end."""
        return self.ended_at is None

    @property
    def is_paused(self) -> bool:
        """Whether its last segment is a pause."""
        return self.segments[-1].state == "paused"

    @property
    def calendar(self) -> str:
        """The name of the calendar that rules its last segment."""
        return self.segments[-1].calendar

    @property
    def started_at(self) -> datetime:
        """The beginning of the first segment."""
        return self.segments[0].start


class ClockEvent(Record, frozen=True, kw_only=True):
    """One step of a clock. Its id is derived from the clock, the step and its number.

    `left_s` is negative after the due time. `cause` is the outcome, decision or policy behind it.
    """

    id: Id
    clock: Id
    conversation: Id
    kind: ClockKind
    department: str
    what: Step
    at: Time
    due: Time | None = None
    elapsed_s: int = 0
    left_s: int | None = None
    cause: Id | None = None
    policy: Id
    text_tr: str = ""
    text_en: str = ""


def elapsed(clock: Clock, calendars: Mapping[str, WorkCalendar], until: datetime) -> timedelta:
    """Return the working time of a clock until an instant, each segment by its own calendar."""
    total = timedelta(0)
    for segment in clock.segments:
        end = until if segment.end is None else min(segment.end, until)
        if segment.state == "running" and end > segment.start:
            total += calendars[segment.calendar].between(segment.start, end)
    return total


def with_due(clock: Clock, calendars: Mapping[str, WorkCalendar]) -> Clock:
    """Return a running clock with the due time that its last segment leads to."""
    return msgspec.structs.replace(clock, due=instant_of(clock, calendars, clock.target_s))


def instant_of(
    clock: Clock, calendars: Mapping[str, WorkCalendar], seconds: int | None
) -> datetime | None:
    """Return when a running clock reaches so many seconds, not before its last segment.

    It returns None for a paused clock, and for a calendar that does not open for so long.
    """
    last = clock.segments[-1]
    if seconds is None or last.state == "paused":
        return None
    left = timedelta(seconds=seconds) - elapsed(clock, calendars, last.start)
    return calendars[last.calendar].add(last.start, max(left, timedelta(0)))


def warning_seconds(clock: Clock, warn: tuple[WarnTime, ...]) -> tuple[int, ...]:
    """Return the elapsed seconds at which a clock warns, in order, without impossible ones."""
    if clock.target_s is None:
        return ()
    times = {
        clock.target_s * each.percent // 100
        if each.percent is not None
        else clock.target_s - (each.left_s or 0)
        for each in warn
    }
    return tuple(sorted(seconds for seconds in times if 0 < seconds < clock.target_s))


def continued(clock: Clock, segment: Segment, calendars: Mapping[str, WorkCalendar]) -> Clock:
    """Return the clock with its last segment ended where a new one starts."""
    last = msgspec.structs.replace(clock.segments[-1], end=segment.start)
    after = msgspec.structs.replace(clock, segments=(*clock.segments[:-1], last, segment))
    if segment.state == "paused":
        return msgspec.structs.replace(after, due=None)
    return with_due(after, calendars)


def ended(clock: Clock, state: ClockState, when: datetime) -> Clock:
    """Return the clock after its end; a breach stays one."""
    last = msgspec.structs.replace(clock.segments[-1], end=when)
    return msgspec.structs.replace(
        clock,
        segments=(*clock.segments[:-1], last),
        state="breached" if clock.state == "breached" else state,
        ended_at=when,
    )


def revived(clock: Clock) -> Clock:
    """Return an ended clock as if nothing ended it."""
    last = msgspec.structs.replace(clock.segments[-1], end=None)
    state: ClockState = "breached" if clock.state == "breached" else "running"
    return msgspec.structs.replace(
        clock, segments=(*clock.segments[:-1], last), state=state, ended_at=None
    )


def reopened(clock: Clock, when: datetime, calendars: Mapping[str, WorkCalendar]) -> Clock:
    """Return an ended clock that continues from an instant; the time since its end is left out."""
    segment = Segment(start=when, calendar=clock.calendar, why="reopened")
    state: ClockState = "breached" if clock.state == "breached" else "running"
    again = msgspec.structs.replace(
        clock, segments=(*clock.segments, segment), state=state, ended_at=None
    )
    return with_due(again, calendars)


def clock_step(
    clock: Clock,
    what: Step,
    when: datetime,
    calendars: Mapping[str, WorkCalendar],
    cause: str | None,
) -> tuple[Clock, ClockEvent]:
    """Return the clock with a step added, and the event that tells of it."""
    number = clock.steps.count(what) + 1
    spent = round(elapsed(clock, calendars, when).total_seconds())
    event = ClockEvent(
        id=derived_id("clock_event", clock.id, what, str(number)),
        clock=clock.id,
        conversation=clock.conversation,
        kind=clock.kind,
        department=clock.department,
        what=what,
        at=when,
        due=clock.due,
        elapsed_s=spent,
        left_s=None if clock.target_s is None else clock.target_s - spent,
        cause=cause,
        policy=clock.policy,
        text_tr=f"{_KIND_TEXTS[clock.kind][0]} {_STEP_TEXTS[what][0]}",
        text_en=f"{_KIND_TEXTS[clock.kind][1]} {_STEP_TEXTS[what][1]}",
    )
    return msgspec.structs.replace(clock, steps=(*clock.steps, what)), event


_KIND_TEXTS: dict[ClockKind, tuple[str, str]] = {
    "first_response": ("İlk yanıt süresi", "The time for a first answer"),
    "next_response": ("Sonraki yanıt süresi", "The time for the next answer"),
    "resolution": ("Çözüm süresi", "The time for a resolution"),
    "pickup": ("Üstlenme süresi", "The time until somebody claims the item"),
    "stay": ("Bölümde geçen süre", "The time in the department"),
}
_STEP_TEXTS: dict[Step, tuple[str, str]] = {
    "started": ("başladı", "starts"),
    "paused": ("durduruldu", "is paused"),
    "resumed": ("yeniden işliyor", "runs again"),
    "rebased": ("yeniden hesaplandı", "is computed again"),
    "warned": ("dolmak üzere", "is almost over"),
    "breached": ("aşıldı", "is over"),
    "met": ("tamamlandı", "has ended"),
    "cancelled": ("iptal edildi", "is cancelled"),
    "revived": (
        "yanıt ulaşmadığı için yeniden işliyor",
        "runs on, since the answer did not arrive",
    ),
    "corrected": ("düzeltildi", "is corrected"),
}
