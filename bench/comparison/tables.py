"""Rounds -> Markdown tables: each round, the medians, and the ratios. Pure."""

from collections.abc import Sequence

from bench.comparison.figures import Ratio, Round, find_ratio, median_row, variants

Cells = Sequence[str]
"""The cells of one row of a table."""


def format_report(
    rounds: Sequence[Round], columns: Sequence[str], references: Sequence[str]
) -> str:
    """Return all tables; `columns` are those to compare with each of the references."""
    parts = ["Each round", rounds_table(rounds), f"Medians of {len(rounds)}", medians_table(rounds)]
    for reference in references:
        parts += [
            f"Ratios to {reference} within a round: median (lowest to highest)",
            ratios_table(rounds, columns, reference),
        ]
    return "\n\n".join(parts)


def rounds_table(rounds: Sequence[Round]) -> str:
    """Return a table with a row for each program in each round."""
    columns = _columns(rounds)
    return format_table(
        ["round", "program", *columns],
        [
            [str(number), variant, *(format_number(row[column]) for column in columns)]
            for number, rows in enumerate(rounds, 1)
            for variant, row in rows.items()
        ],
    )


def medians_table(rounds: Sequence[Round]) -> str:
    """Return a table with the median of each column for each program."""
    columns = _columns(rounds)
    rows = [(variant, median_row(rounds, variant)) for variant in variants(rounds)]
    return format_table(
        ["program", *columns],
        [[variant, *(format_number(row[column]) for column in columns)] for variant, row in rows],
    )


def ratios_table(rounds: Sequence[Round], columns: Sequence[str], reference: str) -> str:
    """Return a table with the ratios of each other program to the reference."""
    return format_table(
        ["program", *columns, "rounds"],
        [
            _ratio_cells(variant, [find_ratio(rounds, variant, reference, c) for c in columns])
            for variant in variants(rounds)
            if variant != reference
        ],
    )


def format_table(header: Cells, rows: Sequence[Cells]) -> str:
    """Return a Markdown table whose columns also line up as plain text."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))} |"
        for cells in (header, rule, *rows)
    )


def format_number(value: float) -> str:
    """Return a number with about three digits, and with commas from a thousand on."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio_cells(variant: str, ratios: Sequence[Ratio | None]) -> list[str]:
    cells = ["–" if result is None else _ratio_cell(result) for result in ratios]
    return [
        variant,
        *cells,
        str(max((result.rounds for result in ratios if result is not None), default=0)),
    ]


def _ratio_cell(ratio: Ratio) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _columns(rounds: Sequence[Round]) -> list[str]:
    return list(dict.fromkeys(column for rows in rounds for row in rows.values() for column in row))
