"""TableReader, which turns the texts of one table into values and collects the mistakes.

A parser raises ValueError with a sentence; the reader adds the table and the key to it.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from schemas.errors import Problem

P = ParamSpec("P")
T = TypeVar("T")


class TableReader:
    """The reader of one table of the settings file; `problems` has the mistakes so far."""

    def __init__(self, table: str) -> None:
        self._table = table
        self.problems: list[Problem] = []

    def read(self, key: str, parse: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what `parse` makes of the value of a key, or None after a mistake."""
        try:
            return parse(*args, **kwargs)
        except ValueError as error:
            self.add(key, str(error))
            return None

    def add(self, key: str, text: str) -> None:
        """Record a mistake at a key; `text` has no full stop at its end."""
        end = "" if text.endswith("?") else "."
        self.problems.append(Problem(f"[{self._table}] {key}: {text}{end}"))
