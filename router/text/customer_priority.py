"""Customers' standing: who is to be served first, as the brand says. A table of handles, once read.

Before: [router] standing names a CSV file: handle (mail address, phone in E.164, customer number),
standing (a word for people), points (-50 to 50). After: decision/decide.py adds the points and says
why. Only what the source itself names a sender by counts: anybody can write a number into a text.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from schemas.errors import ConfigError, Problem
from schemas.message import Party

_COLUMNS = ("handle", "standing", "points")
_MOST = 50


@dataclass(frozen=True)
class Standing:
    """Standing and points by handle; `version` is the beginning of the file's sha256."""

    version: str
    by_handle: dict[str, tuple[str, int]]

    def of(self, sender: Party) -> tuple[str, int] | None:
        """Return the standing of a sender and its points; None for everybody else."""
        for handle in sender.handles:
            found = self.by_handle.get(handle.value.casefold())
            if found is not None:
                return found
        return None


NOBODY = Standing("", {})


def load(path: Path) -> Standing:
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
    problems: list[Problem] = []
    found = dict(_rows(path, text, problems))
    if problems:
        raise ConfigError(problems)
    return Standing(sha256(raw).hexdigest()[:12], found)


def _rows(path: Path, text: str, problems: list[Problem]) -> Iterable[tuple[str, tuple[str, int]]]:
    head = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",")
    names = tuple(n.strip().lower() for n in rows.fieldnames or ())
    if names != _COLUMNS:
        problems.append(Problem(f"{path}: the first line is to be {','.join(_COLUMNS)}."))
        return
    rows.fieldnames = names
    for number, row in enumerate(rows, 2):
        handle, standing = (row["handle"] or "").strip(), (row["standing"] or "").strip()
        try:
            points = int(row["points"] or "")
        except ValueError:
            points = _MOST + 1
        if not handle or not standing or abs(points) > _MOST:
            problems.append(
                Problem(f"{path}: line {number}: write a handle, a word and -{_MOST} to {_MOST}.")
            )
            continue
        yield handle.casefold(), (standing, points)
