"""The report of a backtest: what a candidate would change, and which side people agree with.

`before` is the live side and `after` the candidate. `santral backtest` prints the report as JSON.
"""

from schemas.base import Record, Time


class Placement(Record, frozen=True, kw_only=True):
    """The department, the urgency and the reasons of one side's decision."""

    department: str
    action: str
    priority: int
    confidence: float
    reasons: tuple[str, ...]


class ChangedMessage(Record, frozen=True, kw_only=True):
    """A message that the two sides decide differently.

    `text` is its beginning with personal numbers masked, and `people` the department where people
    left it, None if unknown.
    """

    message: str
    channel: str
    received_at: Time
    text: str
    before: Placement
    after: Placement
    people: str | None = None


class DepartmentMove(Record, frozen=True, kw_only=True):
    """The number of messages that would go to `after` instead of `before`."""

    before: str
    after: str
    count: int


class DepartmentScores(Record, frozen=True, kw_only=True):
    """The precision and recall of a department, by people's corrections.

    `lines` counts the messages that people left in it. Precision and recall are from 0 to 1, and
    None without a case.
    """

    department: str
    lines: int
    precision_before: float | None
    precision_after: float | None
    recall_before: float | None
    recall_after: float | None


class HourlyLoad(Record, frozen=True, kw_only=True):
    """The new items of a department in an hour of the day (0 to 23, local), over all days."""

    department: str
    hour: int
    before: int
    after: int


class RuleFirings(Record, frozen=True, kw_only=True):
    """The number of messages on which a rule fired; a rule with 0 may be dead."""

    rule: str
    before: int
    after: int


class Agreement(Record, frozen=True, kw_only=True):
    """The share of first decisions where people left the message, with its 95 % interval."""

    before: float
    before_low: float
    before_high: float
    after: float
    after_low: float
    after_high: float
    messages: int


class BacktestReport(Record, frozen=True, kw_only=True):
    """Everything that a candidate would change.

    `changed_share` is of `messages`. The times are microseconds a message, amortised, on one core.
    """

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
    moves: tuple[DepartmentMove, ...]
    examples: tuple[ChangedMessage, ...]
    judged: Agreement | None
    departments: tuple[DepartmentScores, ...]
    load: tuple[HourlyLoad, ...]
    rules: tuple[RuleFirings, ...]
    microseconds_before: float
    microseconds_after: float
