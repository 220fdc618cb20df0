"""The report of a long training to its caller. Pure data."""

from collections.abc import Callable

ReportProgress = Callable[[str, int, int], None]
"""Takes the name of a step, the count of its parts that are done, and of all its parts."""


def ignore_progress(_step: str, _done: int, _all: int) -> None:
    """Report nothing."""
