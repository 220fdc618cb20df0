"""Samples -> rows, medians and ratios. Pure.

A ratio compares two programs within one round, because the machine changes between two rounds.
"""

from collections.abc import Mapping, Sequence
from statistics import median

import msgspec

Row = Mapping[str, float]
"""The figures of one program in one round by their columns."""

Round = Mapping[str, Row]
"""The rows of one round by the names of the programs."""

RATE = "messages/s"
MAIN, PROCESS, BROKER, TOTAL = "main µs", "process µs", "broker µs", "total µs"
"""CPU microseconds a message: of the main thread, of its process, of the broker, of both."""

_MICRO = 1e6


class Sample(msgspec.Struct, frozen=True):
    """The messages that a program has finished by a time, and the CPU seconds used until then.

    `main_s` is the program's main thread, a part of `process_s`.
    """

    time_s: float
    messages: int
    main_s: float
    process_s: float
    broker_s: float


class Ratio(msgspec.Struct, frozen=True):
    """The median of the ratios of some rounds, the lowest and the highest of them."""

    median: float
    low: float
    high: float
    rounds: int


def cost_row(first: Sample, last: Sample) -> dict[str, float]:
    """Return the rate and the CPU time a message between two samples."""
    messages = last.messages - first.messages
    if messages <= 0:
        raise ValueError("no message was finished between the samples")
    process_us = (last.process_s - first.process_s) / messages * _MICRO
    broker_us = (last.broker_s - first.broker_s) / messages * _MICRO
    return {
        RATE: messages / (last.time_s - first.time_s),
        MAIN: (last.main_s - first.main_s) / messages * _MICRO,
        PROCESS: process_us,
        BROKER: broker_us,
        TOTAL: process_us + broker_us,
    }


def variants(rounds: Sequence[Round]) -> list[str]:
    """Return the names of the programs in the order in which the rounds first list them."""
    return list(dict.fromkeys(name for rows in rounds for name in rows))


def median_row(rounds: Sequence[Round], variant: str) -> dict[str, float]:
    """Return the median of each column over the rounds that have the program."""
    rows = [rows[variant] for rows in rounds if variant in rows]
    return {column: median(row[column] for row in rows) for column in rows[0]}


def find_ratio(rounds: Sequence[Round], variant: str, reference: str, column: str) -> Ratio | None:
    """Return the ratio of a program's column to that of the reference in the same round.

    None means that no round has both.
    """
    ratios = [
        rows[variant][column] / rows[reference][column]
        for rows in rounds
        if variant in rows and rows.get(reference, {}).get(column)
    ]
    if not ratios:
        return None
    return Ratio(median(ratios), min(ratios), max(ratios), len(ratios))
