"""Recorded traffic decided again, by what is live and by a candidate, with their states. Pure.

Before: workers/store/recorded_traffic.py reads messages and people's outcomes in the order of time.
After: `santral backtest` shows what would change. Both sides see the same messages and outcomes;
each keeps conversations of its own, so that a follow-up goes where its own side sent the first.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from router.decision.analysis import TextAnalysis, analyse, classified_text
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide_message
from router.decision.policy import Policy
from router.models.language import detect_language
from router.training.scores import wilson_interval
from schemas.base import Record, Time
from schemas.decision import PERSONAL, TRIAGE, Decision
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from schemas.text.masking import mask_personal_numbers

AT_ONCE = 1000
EXAMPLES = 50
_SHOWN = 160  # characters of a message in an example

Tell = Callable[[int], None]


class Place(Record, frozen=True, kw_only=True):
    """Where a side sends a message, how urgent it finds it, and why."""

    department: str
    action: str
    priority: int
    confidence: float
    reasons: tuple[str, ...]


class Example(Record, frozen=True, kw_only=True):
    """A message that would be decided otherwise; `text` is its beginning, personal numbers masked;
    `people` is the department where people left it, where that is known."""

    message: str
    channel: str
    received_at: Time
    text: str
    before: Place
    after: Place
    people: str | None = None


class Moved(Record, frozen=True, kw_only=True):
    """So many messages would go from one department to another."""

    before: str
    after: str
    count: int


class OfDepartment(Record, frozen=True, kw_only=True):
    """A department by people's corrections: `lines` of them are its own; precision and recall (0
    to 1, null without a case) of what is live and of the candidate."""

    department: str
    lines: int
    precision_before: float | None
    precision_after: float | None
    recall_before: float | None
    recall_after: float | None


class Load(Record, frozen=True, kw_only=True):
    """New items of a department in an hour of the day (0 to 23, local time), over all days."""

    department: str
    hour: int
    before: int
    after: int


class Fired(Record, frozen=True, kw_only=True):
    """How many messages a rule fired on; 0 is a rule that may be dead."""

    rule: str
    before: int
    after: int


class Judged(Record, frozen=True, kw_only=True):
    """How often the first decision was where people left the message: share, 95 % interval."""

    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    messages: int


class Report(Record, frozen=True, kw_only=True):
    """What a candidate would change. Shares are of `messages`; times are microseconds a message,
    amortised, on one core."""

    since: Time | None
    messages: int
    first: Time | None
    last: Time | None
    before: str
    after: str
    as_recorded: int
    changed: int
    changed_share: float
    department_changed: int
    triage_before: int
    triage_after: int
    raised: int
    lowered: int
    moves: tuple[Moved, ...]
    examples: tuple[Example, ...]
    judged: Judged | None
    departments: tuple[OfDepartment, ...]
    load: tuple[Load, ...]
    rules: tuple[Fired, ...]
    microseconds_before: float
    microseconds_after: float


@dataclass
class _Side:
    """One side of the comparison: its policy, its conversations, what it found."""

    policy: Policy
    states: dict[str, ConversationState] = field(default_factory=dict)
    seconds: float = 0.0
    right: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    load: Counter[tuple[str, int]] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    triage: int = 0

    def read(self, batch: list[Message]) -> list[TextAnalysis]:
        began = time.perf_counter()
        made = analyse(batch, self.policy)
        self.seconds += time.perf_counter() - began
        return made

    def decide(self, message: Message, read: TextAnalysis, known: Incident | None) -> Decision:
        began = time.perf_counter()
        state = self.states.get(message.conversation)
        by = replace(self.policy, incidents=(known,)) if known else self.policy
        made = decide_message(message, state, by, message.received_at, read)
        if made.state is not None:
            self.states[message.conversation] = made.state
        self.seconds += time.perf_counter() - began
        return made.decision

    def people(self, outcome: Outcome) -> None:
        made = apply_outcome(
            outcome, self.states.get(outcome.conversation), self.policy.departments, outcome.at
        )
        state = made.state if isinstance(made, RoutingResult) else made
        if state is not None:
            self.states[outcome.conversation] = state

    def name(self) -> str:
        """What its rules and models are called."""
        return " ".join((self.policy.pack.version, *(m.name for m in self.policy.models)))


def replay(
    events: Iterable[Message | Outcome],
    live: Policy,
    candidate: Policy,
    *,
    since: datetime | None = None,
    people: Mapping[str, str] | None = None,
    recorded: Mapping[str, str] | None = None,
    incidents: Mapping[str, Incident] | None = None,
    zone: tzinfo = UTC,
    tell: Tell = lambda _count: None,
) -> Report:
    """Return what would change. Events before `since` only make the states.

    `people` says by message where people left it, `recorded` where it was sent then, `incidents`
    which open incident it was known to be part of.
    """
    before, after = _Side(live), _Side(candidate)
    people, recorded = people or {}, recorded or {}
    changed, examples = Counter[str](), list[Example]()
    moves: Counter[tuple[str, str]] = Counter()
    truth: Counter[str] = Counter()
    times: list[datetime] = []
    count = 0
    detect_language("?")  # its model is read from its file now, and on neither side's time
    for part in _parts(events):
        batch = [e for e in part if isinstance(e, Message)]
        reads = zip(before.read(batch), after.read(batch), strict=True)
        for event in part:
            if isinstance(event, Outcome):
                before.people(event)
                after.people(event)
                continue
            one_read, other_read = next(reads)
            known = incidents.get(event.id) if incidents else None
            told = before.decide(event, one_read, known)
            would = after.decide(event, other_read, known)
            if (since and event.received_at < since) or told.action == "repeat":
                continue
            count += 1
            times = [times[0] if times else event.received_at, event.received_at]
            changed["as recorded"] += recorded.get(event.id) == told.department
            _loads(event, told, would, before, after, zone)
            if event.id in people and told.action in ("queue", "triage"):
                _judge(people[event.id], told, would, before, after, truth)
            kinds = _differences(told, would)
            changed.update(kinds)
            if kinds:
                changed["any"] += 1
                moves[told.department, would.department] += told.department != would.department
                if len(examples) < EXAMPLES or ("department" in kinds and _spare(examples)):
                    examples.append(_example(event, told, would, people.get(event.id)))
        tell(count)
    return Report(
        since=since,
        messages=count,
        first=times[0] if times else None,
        last=times[-1] if times else None,
        before=before.name(),
        after=after.name(),
        as_recorded=changed["as recorded"],
        changed=changed["any"],
        changed_share=changed["any"] / count if count else 0.0,
        department_changed=changed["department"],
        triage_before=before.triage,
        triage_after=after.triage,
        raised=changed["raised"],
        lowered=changed["lowered"],
        moves=tuple(Moved(before=b, after=a, count=n) for (b, a), n in moves.most_common() if n),
        examples=tuple(examples[:EXAMPLES]),
        judged=_judged(before, after, truth),
        departments=tuple(_departments(before, after, truth)),
        load=tuple(
            Load(department=d, hour=h, before=before.load[d, h], after=after.load[d, h])
            for d, h in sorted({*before.load, *after.load})
        ),
        rules=tuple(
            Fired(rule=r, before=before.fired[r], after=after.fired[r])
            for r in dict.fromkeys(x.id for s in (before, after) for x in s.policy.pack.rules)
        ),
        microseconds_before=before.seconds / max(1, count) * 1e6,
        microseconds_after=after.seconds / max(1, count) * 1e6,
    )


def _parts(events: Iterable[Message | Outcome]) -> Iterator[list[Message | Outcome]]:
    part: list[Message | Outcome] = []
    for event in events:
        part.append(event)
        if len(part) == AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _differences(told: Decision, would: Decision) -> list[str]:
    kinds = []
    if told.department != would.department:
        kinds.append("department")
    if (told.action == "triage") != (would.action == "triage"):
        kinds.append("triage")
    if told.priority != would.priority:
        kinds.append("raised" if would.priority > told.priority else "lowered")
    return kinds


def _loads(
    message: Message, told: Decision, would: Decision, before: _Side, after: _Side, zone: tzinfo
) -> None:
    hour = message.received_at.astimezone(zone).hour
    for side, decision in ((before, told), (after, would)):
        if decision.action in ("queue", "triage"):
            side.load[decision.department, hour] += 1
        side.triage += decision.action == "triage"
        side.fired.update({r.id for r in decision.reasons if r.kind == "rule"})


def _judge(
    truth: str, told: Decision, would: Decision, before: _Side, after: _Side, seen: Counter[str]
) -> None:
    seen[truth] += 1
    for side, decision in ((before, told), (after, would)):
        side.said[decision.department] += 1
        side.right[truth] += decision.department == truth


def _judged(before: _Side, after: _Side, truth: Counter[str]) -> Judged | None:
    count = truth.total()
    if not count:
        return None
    one_share, other = before.right.total() / count, after.right.total() / count
    low, high = wilson_interval(one_share, count)
    other_low, other_high = wilson_interval(other, count)
    return Judged(
        before=one_share,
        before_low=low,
        before_high=high,
        after=other,
        after_low=other_low,
        after_high=other_high,
        messages=count,
    )


def _departments(before: _Side, after: _Side, truth: Counter[str]) -> Iterator[OfDepartment]:
    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    for name in sorted({*truth, *before.said, *after.said} - {TRIAGE}):
        yield OfDepartment(
            department=name,
            lines=truth[name],
            precision_before=share(before.right[name], before.said[name]),
            precision_after=share(after.right[name], after.said[name]),
            recall_before=share(before.right[name], truth[name]),
            recall_after=share(after.right[name], truth[name]),
        )


def _spare(examples: list[Example]) -> bool:
    """Make room for a changed department: changed priorities are common and tell the least."""
    for at, held in enumerate(examples):
        if held.before.department == held.after.department:
            del examples[at]
            return True
    return False


def _example(message: Message, told: Decision, would: Decision, people: str | None) -> Example:
    text = classified_text(message)
    for found in reversed([e for e in told.entities if e.kind in PERSONAL]):
        text = text[: found.start] + found.value + text[found.end :]
    text = mask_personal_numbers(text)
    return Example(
        message=message.id,
        channel=message.channel,
        received_at=message.received_at,
        text=" ".join(text.split())[:_SHOWN],
        before=_place(told),
        after=_place(would),
        people=people,
    )


def _place(decision: Decision) -> Place:
    return Place(
        department=decision.department,
        action=decision.action,
        priority=decision.priority,
        confidence=decision.confidence,
        reasons=tuple(r.id for r in decision.reasons),
    )
