"""Priority points for customers that a brand serves first, from a table of handles.

[router] standing names a CSV file with a handle (mail address, phone in E.164, customer number), a
standing (a word for people) and points from -50 to 50. Only a handle that the source itself names
counts, because anybody can write a number into a text.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from schemas.errors import ConfigError, Problem
from schemas.message import Party

_COLUMNS = ("handle", "standing", "points")
_MAX_POINTS = 50


@dataclass(frozen=True)
class CustomerPriorities:
    """Standing and points by handle; `version` is the beginning of the file's sha256."""

    version: str
    by_handle: dict[str, tuple[str, int]]

    def find(self, sender: Party) -> tuple[str, int] | None:
        """Return the standing and the points of a sender, None without a line in the table."""
        for handle in sender.handles:
            line = self.by_handle.get(handle.value.casefold())
            if line is not None:
                return line
        return None


NO_PRIORITIES = CustomerPriorities("", {})


def load_customer_priorities(path: Path) -> CustomerPriorities:
    """Read the table; raise ConfigError with every mistake in it."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            [Problem(f"{path}: {error.strerror}. Set `standing` in [router].")]
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(f"{path}: not UTF-8: {error}. Save it as UTF-8.")]) from error
    lines = list(_lines(path, text))
    problems = [line for line in lines if isinstance(line, Problem)]
    if problems:
        raise ConfigError(problems)
    by_handle = {line[0]: line[1:] for line in lines if not isinstance(line, Problem)}
    return CustomerPriorities(sha256(raw).hexdigest()[:12], by_handle)


def _lines(path: Path, text: str) -> Iterator[tuple[str, str, int] | Problem]:
    """Yield handle, standing and points of each line, or its problem."""
    first_line = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in first_line else ",")
    names = tuple(name.strip().lower() for name in rows.fieldnames or ())
    if names != _COLUMNS:
        yield Problem(f"{path}: the first line must be {','.join(_COLUMNS)}.")
        return
    rows.fieldnames = names
    for number, row in enumerate(rows, 2):
        handle, standing = (row["handle"] or "").strip(), (row["standing"] or "").strip()
        points = _points(row["points"] or "")
        if not handle or not standing or points is None:
            yield Problem(
                f"{path}: line {number}: write a handle, a word and "
                f"points from -{_MAX_POINTS} to {_MAX_POINTS}."
            )
        else:
            yield handle.casefold(), standing, points


def _points(text: str) -> int | None:
    """Return the points, None for other text."""
    try:
        points = int(text)
    except ValueError:
        return None
    return points if abs(points) <= _MAX_POINTS else None
