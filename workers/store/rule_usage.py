"""How the rules and models do: what fires, where people overrule it, what drifts from week to week.

Before: the recorder wrote decisions and outcomes. After: the Rules page. Only reads.
"""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, text

from schemas.base import Record

DAYS = 28
WEEKS = 12
_MOST = 50_000
"""Decisions looked at, the newest: a page must not read a year."""

_FIRST = """
SELECT d.message, d.department, d.action, d.language, d.confidence, d.decided_ms, d.body
FROM decisions d
WHERE d.decided_ms >= :since AND d.hops = 0 AND d.action IN ('queue', 'triage')
ORDER BY d.decided_ms DESC LIMIT :most
"""
_MOVED = """
SELECT d.message, d.department FROM decisions d
WHERE d.decided_ms >= :since AND d.hops > 0
  AND d.hops = (SELECT max(x.hops) FROM decisions x WHERE x.message = d.message)
"""


class _Reason(Record, frozen=True, kw_only=True):
    kind: str
    id: str
    text_tr: str = ""
    text_en: str = ""


class _Body(Record, frozen=True, kw_only=True):
    reasons: tuple[_Reason, ...] = ()


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
    """First decisions of one week: how many, the share of triage, the mean confidence of the
    others, and the share of each language."""

    begins: str
    count: int = 0
    triage: int = 0
    confidence: float = 0.0
    languages: Counter[str] = field(default_factory=Counter)

    def share(self, part: float) -> float:
        """Return a part of the week's decisions."""
        return part / self.count if self.count else 0.0

    @property
    def sure(self) -> float:
        """The mean confidence of what went to a department."""
        placed = self.count - self.triage
        return self.confidence / placed if placed else 0.0


@dataclass(kw_only=True)
class Tuning:
    """What the Rules page shows: rules by how often they fire, moves between departments (from,
    to, how many), and weeks, the oldest first."""

    decisions: int
    moved: int
    rules: list[RuleUse]
    moves: list[tuple[str, str, int]]
    weeks: list[Week]


def tuning(connection: Connection, now: float | None = None) -> Tuning:
    """Return how rules and models did lately."""
    at = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    recent = int((at - timedelta(days=DAYS)).timestamp() * 1000)
    since = int((at - timedelta(weeks=WEEKS)).timestamp() * 1000)
    decoder = msgspec.json.Decoder(_Body)
    moved = {
        str(message): str(department)
        for message, department in connection.execute(text(_MOVED), {"since": recent})
    }
    rules: dict[str, RuleUse] = {}
    moves: Counter[tuple[str, str]] = Counter()
    weeks: defaultdict[str, Week] = defaultdict(lambda: Week(begins=""))
    decisions = people = 0
    found = connection.execute(text(_FIRST), {"since": since, "most": _MOST})
    for message, department, action, language, confidence, decided_ms, body in found:
        _count_week(weeks, int(decided_ms), action, language, confidence)
        if decided_ms < recent:
            continue
        decisions += 1
        overruled = message in moved and moved[message] != department
        if overruled:
            people += 1
            moves[department, moved[message]] += 1
        for reason in decoder.decode(body).reasons:
            if reason.kind != "rule":
                continue
            use = rules.get(reason.id)
            if use is None:
                use = rules[reason.id] = RuleUse(
                    id=reason.id, text_tr=reason.text_tr, text_en=reason.text_en
                )
            use.fired += 1
            use.overruled += overruled
    return Tuning(
        decisions=decisions,
        moved=people,
        rules=sorted(rules.values(), key=lambda r: (-r.fired, r.id)),
        moves=[(a, b, n) for (a, b), n in moves.most_common()],
        weeks=[weeks[k] for k in sorted(weeks)],
    )


def _count_week(
    weeks: defaultdict[str, Week], at_ms: int, action: str, language: str, confidence: float
) -> None:
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date()
    begins = (day - timedelta(days=day.weekday())).isoformat()
    week = weeks[begins]
    week.begins = begins
    week.count += 1
    week.languages[language] += 1
    if action == "triage":
        week.triage += 1
    else:
        week.confidence += confidence
