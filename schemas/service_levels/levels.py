"""ServiceLevel, the promises for some messages, and the choice of the first that matches. Pure."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from schemas.base import Record
from schemas.decision import Priority

ClockKind = Literal["first_response", "next_response", "resolution", "pickup", "stay"]
PauseReason = Literal["customer", "third_party"]
Seconds = Annotated[int, Meta(ge=1, description="Seconds of working time.")]


class WarnTime(Record, frozen=True, kw_only=True):
    """The time of a warning: after a share of the promised time, or when so much of it is left.

    One of the two is set.
    """

    percent: Annotated[int, Meta(ge=1, le=99)] | None = None
    left_s: Seconds | None = None


class AlarmAction(Record, frozen=True, kw_only=True):
    """An act of ours at an alarm: a notice, points of priority, or an escalation.

    `target` is a name of `[notify]`, the points, or a department. `after_s` is the working time
    between the alarm and the action.
    """

    kind: Literal["notify", "points", "escalate"]
    target: str
    after_s: Annotated[int, Meta(ge=0)] = 0


class MessageTraits(Record, frozen=True, kw_only=True):
    """The traits of a message by which its service level is chosen."""

    brand: str
    department: str
    channel: str
    intent: str
    severity: Annotated[int, Meta(ge=0, le=2)] = 0
    priority: Priority = 0
    standing: str = ""


class ServiceLevel(Record, frozen=True, kw_only=True):
    """The promises for the messages that it matches, counted in the hours of a calendar.

    Empty names match every message. `severity` and `priority` are the lowest ones that match. A
    promise that is None is not made.
    """

    name: str
    brands: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    standings: tuple[str, ...] = ()
    severity: Annotated[int, Meta(ge=0, le=2)] = 0
    priority: Priority = 0
    calendar: str
    first_response_s: Seconds | None = None
    next_response_s: Seconds | None = None
    resolution_s: Seconds | None = None
    pickup_s: Seconds | None = None
    pause_on: tuple[PauseReason, ...] = ("customer", "third_party")
    warn: tuple[WarnTime, ...] = ()
    reopen_within_s: Annotated[int, Meta(ge=0, description="Seconds by the clock.")] = 7 * 86_400
    late_answer: Literal["delivered", "sent"] = "delivered"
    incident: Literal["run", "pause"] = "run"
    on_warn: tuple[AlarmAction, ...] = ()
    on_breach: tuple[AlarmAction, ...] = ()

    @property
    def targets_s(self) -> tuple[int, ...]:
        """The promised times in seconds, without those that are not made."""
        promises = (self.first_response_s, self.next_response_s, self.resolution_s, self.pickup_s)
        return tuple(seconds for seconds in promises if seconds is not None)

    def promise_s(self, kind: ClockKind) -> int | None:
        """Return the promised seconds of a kind of clock, None where nothing is promised."""
        promises: dict[ClockKind, int | None] = {
            "first_response": self.first_response_s,
            "next_response": self.next_response_s,
            "resolution": self.resolution_s,
            "pickup": self.pickup_s,
        }
        return promises.get(kind)

    def matches(self, traits: MessageTraits) -> bool:
        """Return whether the service level is for a message with these traits."""
        return (
            _accepts(self.brands, traits.brand)
            and _accepts(self.departments, traits.department)
            and _accepts(self.channels, traits.channel)
            and _accepts(self.intents, traits.intent)
            and _accepts(self.standings, traits.standing)
            and traits.severity >= self.severity
            and traits.priority >= self.priority
        )


def choose_service_level(
    levels: Iterable[ServiceLevel], traits: MessageTraits
) -> ServiceLevel | None:
    """Return the first service level that matches, None without one."""
    return next((level for level in levels if level.matches(traits)), None)


def shadowing_levels(levels: Sequence[ServiceLevel], index: int) -> tuple[ServiceLevel, ...]:
    """Return the earlier service levels that together take every message of the level at `index`.

    It returns nothing if some message can get the level. For each trait, the values that the level
    accepts are grouped by the earlier levels that accept them, too. A message is a choice of one
    group for each trait. It gets the level if no earlier level is in all of its groups.
    """
    level = levels[index]
    choices = {
        frozenset(
            earlier
            for earlier in range(index)
            if levels[earlier].severity <= level.severity
            and levels[earlier].priority <= level.priority
        )
    }
    for names in zip(*map(_names, levels[: index + 1]), strict=True):
        groups = _accepting_levels(names[:-1], names[-1])
        choices = _smallest({choice & group for choice in choices for group in groups})
    if frozenset() in choices:
        return ()
    return tuple(levels[earlier] for earlier in sorted(frozenset().union(*choices)))


def _names(level: ServiceLevel) -> tuple[tuple[str, ...], ...]:
    return (level.brands, level.departments, level.channels, level.intents, level.standings)


def _accepting_levels(
    earlier: Sequence[tuple[str, ...]], names: tuple[str, ...]
) -> set[frozenset[int]]:
    """Return, for each value that `names` accepts, the numbers of the earlier ones that accept it.

    Without names every value is possible. The empty one represents those that no earlier level
    names.
    """
    values = names or ("", *(name for others in earlier for name in others))
    return {
        frozenset(number for number, others in enumerate(earlier) if _accepts(others, value))
        for value in values
    }


def _smallest(sets: set[frozenset[int]]) -> set[frozenset[int]]:
    """Return the sets that contain no other one: only they can become empty first."""
    return {chosen for chosen in sets if not any(other < chosen for other in sets)}


def _accepts(names: tuple[str, ...], value: str) -> bool:
    return not names or value in names
