"""The report of a backtest as one HTML file in Turkish or English, with figures and examples.

The page needs no other file, so that people can send it to one another.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from itertools import groupby
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.base import Record
from workers.console.texts import Texts

_FOLDER = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader([_FOLDER / "templates", _FOLDER / "static"]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_BAR_HEIGHT = 40
_NO_LOAD = (0, 0)


class _DepartmentBars(Record, frozen=True, kw_only=True):
    """A department's items before and after, and the heights of its bars by hour."""

    department: str
    before: int
    after: int
    bars: tuple[tuple[int, float, float], ...]


class _HourLoad(Record, frozen=True, kw_only=True):
    """A department's new items in one hour of the day."""

    department: str
    hour: int
    before: int
    after: int


class _Placement(Record, frozen=True, kw_only=True):
    """The decision of one side."""

    department: str
    priority: int
    confidence: float
    reasons: tuple[str, ...]


class _Example(Record, frozen=True, kw_only=True):
    """A message that the two sides decide differently."""

    channel: str
    received_at: datetime
    text: str
    before: _Placement
    after: _Placement
    people: str | None = None

    def move(self) -> tuple[str, str]:
        """Return the departments before and after."""
        return self.before.department, self.after.department


class _Period(Record, frozen=True, kw_only=True):
    """The times of the first and the last message, None without a message."""

    first: datetime | None = None
    last: datetime | None = None


def page(report: bytes, texts: Texts, departments: Mapping[str, str], zone: tzinfo) -> str:
    """Return the page of a report (the JSON of router.backtest.report.BacktestReport).

    `departments` are the titles in the language of `texts`, and `zone` is that of the report's
    hours.
    """
    values = msgspec.json.decode(report)
    loads = msgspec.convert(values["load"], tuple[_HourLoad, ...])
    examples = msgspec.convert(values["examples"], tuple[_Example, ...])
    return _TEMPLATES.get_template("backtest.html").render(
        r=values,
        period=msgspec.convert(values, _Period),
        bars=_all_bars(loads),
        examples=_group_by_move(examples),
        t=texts,
        departments=departments,
        zone=zone,
    )


def _group_by_move(
    examples: Sequence[_Example],
) -> list[tuple[tuple[str, str], list[_Example]]]:
    """Return the examples of each move, those to another department and the most frequent first."""
    moves = [
        (move, list(group))
        for move, group in groupby(sorted(examples, key=_Example.move), key=_Example.move)
    ]
    moves.sort(key=lambda entry: (entry[0][0] == entry[0][1], -len(entry[1])))
    return moves


def _all_bars(loads: Sequence[_HourLoad]) -> list[_DepartmentBars]:
    """Return the bars of each department, all on one scale."""
    top = max((max(load.before, load.after) for load in loads), default=1) or 1
    departments = sorted({load.department for load in loads})
    return [
        _department_bars(name, [load for load in loads if load.department == name], top)
        for name in departments
    ]


def _department_bars(department: str, loads: Sequence[_HourLoad], top: int) -> _DepartmentBars:
    by_hour = {load.hour: (load.before, load.after) for load in loads}
    counts = [(hour, *by_hour.get(hour, _NO_LOAD)) for hour in range(24)]
    return _DepartmentBars(
        department=department,
        before=sum(load.before for load in loads),
        after=sum(load.after for load in loads),
        bars=tuple(
            (hour, _BAR_HEIGHT * before / top, _BAR_HEIGHT * after / top)
            for hour, before, after in counts
        ),
    )
