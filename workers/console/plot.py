"""Bars as an SVG picture, readable without colours, with a sentence for who can't see it. Pure.

Before: pages.py has the counts. After: the pages Flow, Rules and Incident.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

_WIDTH, _HEIGHT, _BASE = 1200, 140, 118
_NARROW, _SLOTS = 560, 12  # a picture beside another one; few values stay slim


def bars(minutes: Sequence[tuple[int, int]], title: str) -> str:
    """Return the picture of counts per minute; `minutes` are minutes since 1970 in UTC."""
    top = max([count for _, count in minutes] or [0])
    scale = 96 / top if top else 0
    step = _WIDTH / max(1, len(minutes))
    total = sum(count for _, count in minutes)
    label = f"{title}: {total}, max {top}"
    parts = _begun(_WIDTH, label)
    for at, (minute, count) in enumerate(minutes):
        height = count * scale
        x = at * step
        if count:
            parts.append(_bar(x, height, step, f"{_clock(minute)} · {count}"))
        if minute % 15 == 0:
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{_clock(minute)}</text>')
    if top:
        parts.append(f'<text x="2" y="14">{top}</text>')
    parts.append("</svg>")
    return "".join(parts)


def spans(values: Sequence[tuple[int, int]], seconds: int, usual: float, title: str) -> str:
    """Return the picture of counts in spans of so many seconds, with a line at what is usual;
    `values` are beginnings in seconds since 1970 in UTC, and counts."""
    top = max(usual, *(float(count) for _, count in values), 1.0)
    scale, step = 96 / top, _WIDTH / max(1, len(values))
    total = sum(count for _, count in values)
    label = f"{title}: {total}, max {max([c for _, c in values] or [0])}, ~{usual:.1f}"
    day = "%d.%m %H:%M" if len(values) * seconds > 86_400 else "%H:%M"
    parts = _begun(_WIDTH, label)
    for at, (begin, count) in enumerate(values):
        x, height = at * step, count * scale
        when = datetime.fromtimestamp(begin, UTC).strftime(day)
        if count:
            parts.append(_bar(x, height, step, f"{when} · {count}"))
        if at % max(1, len(values) // 8) == 0:
            parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}">{when}</text>')
    y = _BASE - usual * scale
    parts.append(f'<line class="usual" x1="0" y1="{y:.1f}" x2="{_WIDTH}" y2="{y:.1f}"/>')
    parts.append(f'<text x="2" y="14">{top:.0f}</text></svg>')
    return "".join(parts)


def columns(values: Sequence[tuple[str, float]], title: str) -> str:
    """Return the picture of named values from 0 to 100."""
    told = ", ".join(f"{name} {value:.0f}" for name, value in values)
    step = _NARROW / max(_SLOTS, len(values))
    parts = _begun(_NARROW, f"{title}: {told}")
    for at, (name, value) in enumerate(values):
        height = min(100.0, max(0.0, value)) * 0.96
        x = at * step
        parts.append(
            f'<rect class="bar" x="{x + step * 0.1:.1f}" y="{_BASE - height:.1f}" '
            f'width="{step * 0.8:.1f}" height="{height:.1f}"/>'
            f'<text x="{x + step * 0.1:.1f}" y="{_HEIGHT - 6}">{escape(name)}</text>'
            f'<text x="{x + step * 0.1:.1f}" y="{_BASE - height - 4:.1f}">{value:.0f}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def _begun(width: int, label: str) -> list[str]:
    """Return the beginning of a picture: what it tells who can't see it, and its lower line."""
    return [
        f'<svg class="plot" viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="'
        + escape(label)
        + '">',
        f'<line class="axis" x1="0" y1="{_BASE}" x2="{width}" y2="{_BASE}"/>',
    ]


def _bar(x: float, height: float, step: float, title: str) -> str:
    return (
        f'<rect class="bar" x="{x:.1f}" y="{_BASE - height:.1f}" width="{step * 0.8:.1f}" '
        f'height="{height:.1f}"><title>{title}</title></rect>'
    )


def _clock(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%H:%M")
