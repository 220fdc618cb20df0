"""The report of a backtest as one HTML file that needs nothing else: figures, bars, examples.

Before: router/backtest/replay.py's report, as JSON. After: a person decides whether the candidate
goes live.
"""

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


class _Bars(Record, frozen=True, kw_only=True):
    """The load of a department: 24 pairs of bar heights, of 40 at most."""

    department: str
    before: int
    after: int
    bars: tuple[tuple[int, float, float], ...]


class _Load(Record, frozen=True, kw_only=True):
    department: str
    hour: int
    before: int
    after: int


def page(report: bytes) -> str:
    """Return the page of a report (the JSON of router.backtest.replay.Report)."""
    told = msgspec.json.decode(report)
    bars = _bars(msgspec.convert(told["load"], tuple[_Load, ...]))
    return _TEMPLATES.get_template("backtest.html").render(r=told, bars=bars)


def _bars(load: tuple[_Load, ...]) -> list[_Bars]:
    most = max((max(x.before, x.after) for x in load), default=1) or 1
    made = []
    for department in sorted({x.department for x in load}):
        held = {x.hour: x for x in load if x.department == department}
        made.append(
            _Bars(
                department=department,
                before=sum(x.before for x in held.values()),
                after=sum(x.after for x in held.values()),
                bars=tuple(
                    (
                        h,
                        40 * held[h].before / most if h in held else 0.0,
                        40 * held[h].after / most if h in held else 0.0,
                    )
                    for h in range(24)
                ),
            )
        )
    return made
