"""Runs programs by turns, round after round."""

import os
import sys
from collections.abc import Callable, Sequence

from bench.comparison.figures import Round, Row
from bench.comparison.tables import format_number

LOAD = "load"
"""The load average of the last minute at the end of a run, in which other processes show."""

MeasureVariant = Callable[[str], Row | None]
"""Measures a program by its name; None leaves it out of the round."""


def turns(names: Sequence[str], number: int) -> tuple[str, ...]:
    """Return the order of the programs in a round; each round begins with the next program."""
    first = number % len(names)
    return (*names[first:], *names[:first])


def run_rounds(count: int, names: Sequence[str], measure: MeasureVariant) -> list[Round]:
    """Return the rows of each round, and print each row to stderr as it comes."""
    rounds: list[Round] = []
    for number in range(count):
        rows: dict[str, Row] = {}
        for name in turns(names, number):
            measured = measure(name)
            if measured is not None:
                row = rows[name] = {**measured, LOAD: os.getloadavg()[0]}
                figures = ", ".join(f"{format_number(row[column])} {column}" for column in row)
                print(f"round {number + 1}: {name}: {figures}", file=sys.stderr, flush=True)
        rounds.append({name: rows[name] for name in names if name in rows})
    return rounds
