"""Decides recorded traffic again, with the live policy and with a candidate, and compares them.

workers/store/recorded_traffic.py reads the messages and people's outcomes in the order of time.
Both sides get the same ones. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from router.backtest.policy_side import PolicySide
from router.backtest.report import (
    Agreement,
    BacktestReport,
    ChangedMessage,
    DepartmentMove,
    DepartmentScores,
    HourlyLoad,
    Placement,
    RuleFirings,
)
from router.decision.analysis import classified_text
from router.decision.policy import Policy
from router.models.language import detect_language
from router.training.scores import wilson_interval
from schemas.decision import PERSONAL, TRIAGE, Decision
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.text.masking import mask_personal_numbers

TrafficRecord = Message | Outcome

MAX_BATCH = 1000
"""Events of a batch, whose messages are analysed together, which is faster than one by one."""

MAX_EXAMPLES = 50
_MAX_EXAMPLE_CHARS = 160


@dataclass(frozen=True)
class RecordedFacts:
    """The store's knowledge of the messages, each by message id.

    `people` is the department where people left it, `recorded` the one of its first decision, and
    `incidents` the incident that it belonged to, as the router knew it then.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, str] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)


@dataclass
class _Comparison:
    """The two sides and the counts of their differences, after the messages so far."""

    before: PolicySide
    after: PolicySide
    facts: RecordedFacts
    zone: tzinfo
    messages: int = 0
    first: datetime | None = None
    last: datetime | None = None
    as_recorded: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    """Messages that people checked, by the department where they left them."""

    examples: list[ChangedMessage] = field(default_factory=list)

    def compare(self, message: Message, before: Decision, after: Decision) -> None:
        """Count the decisions of both sides on a message."""
        self.messages += 1
        self.first = self.first or message.received_at
        self.last = message.received_at
        self.as_recorded += self.facts.recorded.get(message.id) == before.department
        hour = message.received_at.astimezone(self.zone).hour
        self.before.count(before, hour)
        self.after.count(after, hour)
        people = self.facts.people.get(message.id)
        if people is not None and before.action in ("queue", "triage"):
            self.checked[people] += 1
            self.before.judge(before, people)
            self.after.judge(after, people)
        differences = _differences(before, after)
        self.changes.update(differences)
        if differences:
            self.changes["any"] += 1
            self.moves[before.department, after.department] += "department" in differences
            if len(self.examples) < MAX_EXAMPLES or (
                "department" in differences and self._make_room()
            ):
                self.examples.append(_example(message, before, after, people))

    def _make_room(self) -> bool:
        """Remove an example with an unchanged department, the least interesting kind, if any."""
        for index, example in enumerate(self.examples):
            if example.before.department == example.after.department:
                del self.examples[index]
                return True
        return False

    def report(self, since: datetime | None) -> BacktestReport:
        """Return the report of the messages so far."""
        before, after, count = self.before, self.after, self.messages
        return BacktestReport(
            since=since,
            messages=count,
            first=self.first,
            last=self.last,
            before=before.name(),
            after=after.name(),
            as_recorded=self.as_recorded,
            changed=self.changes["any"],
            changed_share=self.changes["any"] / count if count else 0.0,
            department_changed=self.changes["department"],
            triage_before=before.triage,
            triage_after=after.triage,
            raised=self.changes["raised"],
            lowered=self.changes["lowered"],
            moves=tuple(
                DepartmentMove(before=source, after=target, count=moved)
                for (source, target), moved in self.moves.most_common()
                if moved
            ),
            examples=tuple(self.examples[:MAX_EXAMPLES]),
            judged=_agreement(before, after, self.checked.total()),
            departments=tuple(_department_scores(before, after, self.checked)),
            load=tuple(_hourly_loads(before, after)),
            rules=tuple(_rule_firings(before, after)),
            microseconds_before=before.seconds / max(1, count) * 1e6,
            microseconds_after=after.seconds / max(1, count) * 1e6,
        )


def replay(
    events: Iterable[TrafficRecord],
    live: Policy,
    candidate: Policy,
    facts: RecordedFacts = RecordedFacts(),
    *,
    since: datetime | None = None,
    zone: tzinfo = UTC,
    update: Callable[[int], None] = lambda _count: None,
) -> BacktestReport:
    """Return what the candidate would change.

    Events before `since` only build the conversations. `zone` is that of the hours in the report.
    `update` receives the number of compared messages after each batch.
    """
    comparison = _Comparison(PolicySide(live), PolicySide(candidate), facts, zone)
    before, after = comparison.before, comparison.after
    detect_language("?")  # load the language model now, so that neither side's timing includes it
    for batch in _batches(events):
        messages = [event for event in batch if isinstance(event, Message)]
        analyses = zip(before.analyse(messages), after.analyse(messages), strict=True)
        for event in batch:
            if isinstance(event, Outcome):
                before.apply(event)
                after.apply(event)
                continue
            analysis_before, analysis_after = next(analyses)
            incident = facts.incidents.get(event.id)
            decision_before = before.decide(event, analysis_before, incident)
            decision_after = after.decide(event, analysis_after, incident)
            if since and event.received_at < since:
                continue
            if decision_before.action != "repeat":
                comparison.compare(event, decision_before, decision_after)
        update(comparison.messages)
    return comparison.report(since)


def _batches(events: Iterable[TrafficRecord]) -> Iterator[list[TrafficRecord]]:
    batch: list[TrafficRecord] = []
    for event in events:
        batch.append(event)
        if len(batch) == MAX_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _differences(before: Decision, after: Decision) -> list[str]:
    """Return the names of what differs: department, triage, raised or lowered priority."""
    differences = []
    if before.department != after.department:
        differences.append("department")
    if (before.action == "triage") != (after.action == "triage"):
        differences.append("triage")
    if before.priority != after.priority:
        differences.append("raised" if after.priority > before.priority else "lowered")
    return differences


def _agreement(before: PolicySide, after: PolicySide, checked: int) -> Agreement | None:
    if not checked:
        return None
    share_before = before.right.total() / checked
    share_after = after.right.total() / checked
    before_low, before_high = wilson_interval(share_before, checked)
    after_low, after_high = wilson_interval(share_after, checked)
    return Agreement(
        before=share_before,
        before_low=before_low,
        before_high=before_high,
        after=share_after,
        after_low=after_low,
        after_high=after_high,
        messages=checked,
    )


def _department_scores(
    before: PolicySide, after: PolicySide, checked: Counter[str]
) -> Iterator[DepartmentScores]:
    for name in sorted({*checked, *before.judged, *after.judged} - {TRIAGE}):
        yield DepartmentScores(
            department=name,
            lines=checked[name],
            precision_before=_share(before.right[name], before.judged[name]),
            precision_after=_share(after.right[name], after.judged[name]),
            recall_before=_share(before.right[name], checked[name]),
            recall_after=_share(after.right[name], checked[name]),
        )


def _share(count: int, total: int) -> float | None:
    return count / total if total else None


def _hourly_loads(before: PolicySide, after: PolicySide) -> Iterator[HourlyLoad]:
    for department, hour in sorted({*before.load, *after.load}):
        yield HourlyLoad(
            department=department,
            hour=hour,
            before=before.load[department, hour],
            after=after.load[department, hour],
        )


def _rule_firings(before: PolicySide, after: PolicySide) -> Iterator[RuleFirings]:
    rules = dict.fromkeys(r.id for side in (before, after) for r in side.policy.pack.rules)
    for rule in rules:
        yield RuleFirings(rule=rule, before=before.firings[rule], after=after.firings[rule])


def _example(
    message: Message, before: Decision, after: Decision, people: str | None
) -> ChangedMessage:
    text = classified_text(message)
    for entity in reversed([e for e in before.entities if e.kind in PERSONAL]):
        text = text[: entity.start] + entity.value + text[entity.end :]
    text = mask_personal_numbers(text)
    return ChangedMessage(
        message=message.id,
        channel=message.channel,
        received_at=message.received_at,
        text=" ".join(text.split())[:_MAX_EXAMPLE_CHARS],
        before=_placement(before),
        after=_placement(after),
        people=people,
    )


def _placement(decision: Decision) -> Placement:
    return Placement(
        department=decision.department,
        action=decision.action,
        priority=decision.priority,
        confidence=decision.confidence,
        reasons=tuple(r.id for r in decision.reasons),
    )
