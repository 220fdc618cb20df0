"""A conversation whose clocks a test moves, with times of 30 November 2026, a Monday, in Istanbul."""

from datetime import datetime

import msgspec

from schemas.service_levels.calendar import WorkCalendar
from schemas.service_levels.case_event import CaseEvent, CaseEventKind, Wait
from schemas.service_levels.clock import ClockEvent
from schemas.service_levels.clock_fold import ConversationClocks
from schemas.service_levels.levels import MessageTraits, ServiceLevel
from schemas.service_levels.versions import PolicyVersion, policy_version
from tests.support.work_hours import calendar, every_day, office_week

HOUR = 3600
OFFICE = calendar(office_week())
ALWAYS = calendar(every_day("00:00-24:00"))
LEVEL = ServiceLevel(name="default", calendar="office", first_response_s=4 * HOUR)
TRAITS = MessageTraits(brand="acme", department="billing", channel="email", intent="complaint")


def moment(text: str) -> datetime:
    """Return an instant: `HH:MM` or `HH:MM:SS` of the Monday, or `D HH:MM` of December."""
    day, _, time = text.rpartition(" ")
    date = f"2026-12-{int(day):02}" if day else "2026-11-30"
    return datetime.fromisoformat(f"{date}T{time}+03:00")


def version(*levels: ServiceLevel, office: WorkCalendar = OFFICE) -> PolicyVersion:
    """Return a policy version with the calendars `office` and `always`."""
    calendars = {
        name: msgspec.structs.replace(work, name=name)
        for name, work in (("office", office), ("always", ALWAYS))
    }
    return policy_version("acme", moment("00:00"), calendars, levels)


class Case:
    """One conversation; `steps` has what its clocks did."""

    def __init__(self, *levels: ServiceLevel) -> None:
        self.clocks = ConversationClocks("conversation", version(*(levels or (LEVEL,))))
        self.events: list[ClockEvent] = []
        self._count = 0

    def say(self, time: str, message: str, **traits: object) -> None:
        """Let the customer write a message."""
        own = msgspec.convert({**msgspec.to_builtins(TRAITS), **traits}, MessageTraits)
        self._apply("spoken", time, message, traits=own)

    def answer(self, time: str, *messages: str, reply: str = "r1") -> None:
        """Let a person answer."""
        self._apply("answered", time, *messages, reply=reply)

    def wait(self, time: str, reason: str, until: str | None = None) -> None:
        """Let the item wait for somebody."""
        end = moment(until) if until is not None else None
        self._apply("waiting", time, wait=Wait(reason=reason, until=end))

    def move(self, time: str, department: str) -> None:
        """Let a person move the item to another department."""
        self._apply("moved", time, department=department)

    def happen(
        self, kind: CaseEventKind, time: str, *messages: str, reply: str | None = None
    ) -> None:
        """Let something else happen."""
        self._apply(kind, time, *messages, reply=reply)

    def until(self, time: str) -> "Case":
        """Let the time pass."""
        self.events += self.clocks.advance(moment(time))
        return self

    def steps(self, *kinds: str) -> list[tuple[str, str, str]]:
        """Return kind, step and local time of all steps, or of those of some kinds."""
        return [
            (event.kind, event.what, _local(event.at))
            for event in self.events
            if not kinds or event.kind in kinds
        ]

    def due(self, kind: str) -> str:
        """Return the local due time in the last step of a kind of clock."""
        last = [event for event in self.events if event.kind == kind][-1]
        return "" if last.due is None else _local(last.due)

    def _apply(
        self,
        kind: CaseEventKind,
        time: str,
        *messages: str,
        traits: MessageTraits | None = None,
        department: str = "billing",
        reply: str | None = None,
        wait: Wait | None = None,
    ) -> None:
        self._count += 1
        event = CaseEvent(
            id=f"e{self._count}",
            kind=kind,
            at=moment(time),
            conversation="conversation",
            department=department,
            messages=messages,
            traits=traits,
            reply=reply,
            wait=wait,
        )
        self.events += self.clocks.apply(event)


def _local(instant: datetime) -> str:
    local = instant.astimezone(moment("00:00").tzinfo)
    day = "" if local.month == 11 else f"{local.day} "
    return f"{day}{local:%H:%M}" if not local.second else f"{day}{local:%H:%M:%S}"
