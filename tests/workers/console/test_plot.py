"""The charts of the pages."""

import re

from workers.console.plot import minute_bars, percent_columns, span_bars


def test_a_label_at_the_right_edge_ends_inside_the_chart() -> None:
    chart = minute_bars([(minute, 1) for minute in range(1, 61)], "Messages")
    assert '<text x="1200" y="134" text-anchor="end">01:00</text>' in chart
    labels = re.findall(r'<text x="([0-9.]+)" y="134">', chart)
    assert all(float(x) <= 1120 for x in labels)


def test_a_chart_has_a_description_for_screen_readers() -> None:
    chart = span_bars([(0, 2), (60, 3)], 60, 0.5, "Customers <now>")
    assert 'aria-label="Customers &lt;now&gt;: 5, max 3, ~0.5"' in chart


def test_a_chart_without_counts_has_no_bars() -> None:
    assert "<rect" not in minute_bars([(1, 0), (2, 0)], "Messages")


def test_a_column_is_never_higher_than_the_chart() -> None:
    heights = re.findall(r'height="([0-9.]+)"', percent_columns([("a", 250.0)], "Confidence"))
    assert heights == ["96.0"]
