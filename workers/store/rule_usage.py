"""How often rules fire and people overrule them, and how confidence and languages drift by week."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, text

from schemas.base import Record

DAYS = 28
WEEKS = 12
_MAX_DECISIONS = 50_000
"""The newest decisions that a page reads; a year of them would take too long."""

_FIRST_DECISIONS = """
SELECT d.message, d.department, d.action, d.language, d.confidence, d.decided_ms, d.body
FROM decisions d
WHERE d.decided_ms >= :since AND d.hops = 0 AND d.action IN ('queue', 'triage')
ORDER BY d.decided_ms DESC LIMIT :n
"""
_MOVED_MESSAGES = """
SELECT d.message, d.department FROM decisions d
WHERE d.decided_ms >= :since AND d.hops > 0
  AND d.hops = (SELECT max(x.hops) FROM decisions x WHERE x.message = d.message)
"""


class _Reason(Record, frozen=True, kw_only=True):
    kind: str
    id: str
    text_tr: str = ""
    text_en: str = ""


class _DecisionBody(Record, frozen=True, kw_only=True):
    reasons: tuple[_Reason, ...] = ()


_body = msgspec.json.Decoder(_DecisionBody)


class _FirstDecision(NamedTuple):
    """A row of `_FIRST_DECISIONS`; `decided_ms` are milliseconds since 1970."""

    message: str
    department: str
    action: str
    language: str
    confidence: float
    decided_ms: int
    body: str


@dataclass(kw_only=True)
class RuleUse:
    """How often a rule fired on a first decision, and how often people moved that message."""

    id: str
    text_tr: str
    text_en: str
    fired: int = 0
    overruled: int = 0


@dataclass(kw_only=True)
class Week:
    """The first decisions of one week: their number, those to triage, the languages.

    `confidence` is the sum over the decisions that chose a department.
    """

    begins: str
    count: int = 0
    triage: int = 0
    confidence: float = 0.0
    languages: Counter[str] = field(default_factory=Counter)

    def share(self, number: float) -> float:
        """Return a number as a share of the week's decisions."""
        return number / self.count if self.count else 0.0

    @property
    def mean_confidence(self) -> float:
        """The mean confidence of the decisions that chose a department."""
        placed = self.count - self.triage
        return self.confidence / placed if placed else 0.0


@dataclass(kw_only=True)
class RuleUsage:
    """The figures of the page Rules.

    `rules` come by how often they fire, `moves` are (from, to, number), and `weeks` begin with the
    oldest.
    """

    decisions: int
    moved: int
    rules: list[RuleUse]
    moves: list[tuple[str, str, int]]
    weeks: list[Week]


def read_usage(connection: Connection, now: float | None = None) -> RuleUsage:
    """Return the figures of the last weeks; `now` is in seconds since 1970."""
    today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    recent_ms = _milliseconds(today - timedelta(days=DAYS))
    since_ms = _milliseconds(today - timedelta(weeks=WEEKS))
    moved = connection.execute(text(_MOVED_MESSAGES), {"since": recent_ms})
    tally = _Tally(recent_ms, {str(message): str(department) for message, department in moved})
    rows = connection.execute(text(_FIRST_DECISIONS), {"since": since_ms, "n": _MAX_DECISIONS})
    for row in rows:
        tally.count(_FirstDecision(*row))
    return tally.usage()


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class _Tally:
    """Counts decisions one by one, since all of their bodies together would fill the memory."""

    def __init__(self, recent_ms: int, moved: Mapping[str, str]) -> None:
        self._recent_ms, self._moved = recent_ms, moved
        self._rules: dict[str, RuleUse] = {}
        self._moves: Counter[tuple[str, str]] = Counter()
        self._weeks: dict[str, Week] = {}
        self._decisions = 0

    def count(self, decision: _FirstDecision) -> None:
        """Count one decision: its week always, its rules if it is recent."""
        self._count_week(decision)
        if decision.decided_ms < self._recent_ms:
            return
        self._decisions += 1
        department = self._moved.get(decision.message, decision.department)
        is_overruled = department != decision.department
        if is_overruled:
            self._moves[decision.department, department] += 1
        for reason in _body.decode(decision.body).reasons:
            if reason.kind == "rule":
                self._count_rule(reason, is_overruled=is_overruled)

    def _count_rule(self, reason: _Reason, *, is_overruled: bool) -> None:
        use = self._rules.get(reason.id)
        if use is None:
            use = RuleUse(id=reason.id, text_tr=reason.text_tr, text_en=reason.text_en)
            self._rules[reason.id] = use
        use.fired += 1
        use.overruled += is_overruled

    def _count_week(self, decision: _FirstDecision) -> None:
        day = datetime.fromtimestamp(decision.decided_ms / 1000, UTC).date()
        begins = (day - timedelta(days=day.weekday())).isoformat()
        week = self._weeks.setdefault(begins, Week(begins=begins))
        week.count += 1
        week.languages[decision.language] += 1
        if decision.action == "triage":
            week.triage += 1
        else:
            week.confidence += decision.confidence

    def usage(self) -> RuleUsage:
        """Return the figures: rules and moves by frequency, weeks from the oldest on."""
        moves = self._moves.most_common()
        return RuleUsage(
            decisions=self._decisions,
            moved=self._moves.total(),
            rules=sorted(self._rules.values(), key=lambda use: (-use.fired, use.id)),
            moves=[(origin, target, number) for (origin, target), number in moves],
            weeks=[self._weeks[begins] for begins in sorted(self._weeks)],
        )
