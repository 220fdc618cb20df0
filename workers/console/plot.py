"""Draws bar charts as SVG, readable without colours, each with a sentence for screen readers. Pure.

The labels are escaped, so that a chart goes into a page as it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

_WIDTH, _HEIGHT, _BASE_Y = 1200, 140, 118
_BAR_HEIGHT = 96
"""The height of the highest bar, in the chart's units."""
_BAR_SHARE = 0.8
"""The share of a step that its bar fills."""
_NARROW_WIDTH = 560
"""The width of a chart beside another one."""
_MIN_COLUMNS = 12
"""Fewer columns than this stay slim."""
_LABEL_MINUTES = 15
_LABEL_WIDTH = 40
"""A label that begins nearer to the right edge ends at it instead."""
_DAY_S = 86_400


def minute_bars(minutes: Sequence[tuple[int, int]], title: str) -> str:
    """Return a chart of counts per minute; `minutes` are minutes since 1970 in UTC."""
    top = max([count for _, count in minutes] or [0])
    scale = _BAR_HEIGHT / top if top else 0
    step = _WIDTH / max(1, len(minutes))
    total = sum(count for _, count in minutes)
    pieces = _opening(_WIDTH, f"{title}: {total}, max {top}")
    for index, (minute, count) in enumerate(minutes):
        x = index * step
        if count:
            pieces.append(_bar(x, count * scale, step, f"{_clock(minute)} · {count}"))
        if minute % _LABEL_MINUTES == 0:
            pieces.append(_time_label(x, _clock(minute)))
    if top:
        pieces.append(f'<text x="2" y="14">{top}</text>')
    return "".join([*pieces, "</svg>"])


def span_bars(values: Sequence[tuple[int, int]], seconds: int, usual: float, title: str) -> str:
    """Return a chart of counts per span, with a line at the usual count.

    `values` are the beginnings of the spans in seconds since 1970 in UTC, and their counts; a span
    lasts `seconds`.
    """
    top = max(usual, *(float(count) for _, count in values), 1.0)
    scale, step = _BAR_HEIGHT / top, _WIDTH / max(1, len(values))
    total, highest = sum(count for _, count in values), max([c for _, c in values] or [0])
    time_format = "%d.%m %H:%M" if len(values) * seconds > _DAY_S else "%H:%M"
    label_every = max(1, len(values) // 8)
    pieces = _opening(_WIDTH, f"{title}: {total}, max {highest}, ~{usual:.1f}")
    for index, (begin, count) in enumerate(values):
        x, time = index * step, datetime.fromtimestamp(begin, UTC).strftime(time_format)
        if count:
            pieces.append(_bar(x, count * scale, step, f"{time} · {count}"))
        if index % label_every == 0:
            pieces.append(_time_label(x, time))
    y = _BASE_Y - usual * scale
    pieces.append(f'<line class="usual" x1="0" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>')
    pieces.append(f'<text x="2" y="14">{top:.0f}</text></svg>')
    return "".join(pieces)


def percent_columns(values: Sequence[tuple[str, float]], title: str) -> str:
    """Return a chart of named values from 0 to 100."""
    description = ", ".join(f"{name} {value:.0f}" for name, value in values)
    step = _NARROW_WIDTH / max(_MIN_COLUMNS, len(values))
    pieces = _opening(_NARROW_WIDTH, f"{title}: {description}")
    for index, (name, value) in enumerate(values):
        height = min(100.0, max(0.0, value)) * _BAR_HEIGHT / 100
        x = index * step + step * 0.1
        pieces.append(
            f'<rect class="bar" x="{x:.1f}" y="{_BASE_Y - height:.1f}" '
            f'width="{step * _BAR_SHARE:.1f}" height="{height:.1f}"/>'
            f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{escape(name)}</text>'
            f'<text x="{x:.1f}" y="{_BASE_Y - height - 4:.1f}">{value:.0f}</text>'
        )
    return "".join([*pieces, "</svg>"])


def _opening(width: int, description: str) -> list[str]:
    """Return the beginning of a chart, with its description for screen readers and its axis."""
    return [
        f'<svg class="plot" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="'
        + escape(description)
        + '">',
        f'<line class="axis" x1="0" y1="{_BASE_Y}" x2="{width}" y2="{_BASE_Y}"/>',
    ]


def _bar(x: float, height: float, step: float, title: str) -> str:
    return (
        f'<rect class="bar" x="{x:.1f}" y="{_BASE_Y - height:.1f}" '
        f'width="{step * _BAR_SHARE:.1f}" height="{height:.1f}"><title>{title}</title></rect>'
    )


def _time_label(x: float, time: str) -> str:
    """Return a time below the axis, which never leaves the chart at its right edge."""
    if x > _WIDTH - _LABEL_WIDTH * (1 + len(time) // 8):
        return f'<text x="{_WIDTH}" y="{_HEIGHT - 6}" text-anchor="end">{time}</text>'
    return f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{time}</text>'


def _clock(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
