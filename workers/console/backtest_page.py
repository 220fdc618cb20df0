"""The report of a backtest as one HTML file without other files: figures, charts, examples."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from schemas.base import Record

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
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


def page(report: bytes) -> str:
    """Return the page of a report (the JSON of router.backtest.report.BacktestReport)."""
    values = msgspec.json.decode(report)
    loads = msgspec.convert(values["load"], tuple[_HourLoad, ...])
    return _TEMPLATES.get_template("backtest.html").render(r=values, bars=_all_bars(loads))


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
