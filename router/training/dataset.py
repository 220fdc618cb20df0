"""Lines to learn from and to judge by: texts with labels, and texts without.

Before: `santral train` and `evaluate` read JSON lines. After: train.py, evaluation.py. A line that
is none is named with what to give; nothing is passed by in silence but a missing label.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from router.training.distillation import MOST
from schemas.base import Record
from schemas.errors import ConfigError, Problem


class Line(Record, frozen=True, kw_only=True):
    """A line to learn from; without `label` it is passed by."""

    text: str
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts with their labels, `data` their sha256, `unlabelled` lines that were passed by."""

    texts: list[str]
    labels: list[str]
    data: str
    unlabelled: int = 0


def read(lines: Iterable[bytes]) -> Labelled:
    """Return the lines; raise ConfigError that names every line that is none (at most 20)."""
    every, data = _decoded(lines, "line", '{"text": …, "label": …}')
    named = [(x.text, label) for x in every if (label := (x.label or "").strip())]
    return Labelled(
        texts=[t for t, _ in named],
        labels=[x for _, x in named],
        data=data,
        unlabelled=len(every) - len(named),
    )


def _decoded(lines: Iterable[bytes], what: str, shape: str) -> tuple[list[Line], str]:
    """Return the lines and their sha256; raise ConfigError that names every line that is none (at
    most 20)."""
    made: list[Line] = []
    problems: list[Problem] = []
    digest = sha256()
    decoder = msgspec.json.Decoder(Line)
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        digest.update(raw.strip() + b"\n")
        try:
            made.append(decoder.decode(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(Problem(f"{what} {number}: {error}. Give {shape}."))
            if len(problems) == 20:
                break
    if problems:
        raise ConfigError(problems)
    return made, digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Unlabelled:
    """Texts without a label, no two the same, `data` the sha256 of the lines they are from."""

    texts: list[str]
    data: str


def texts(lines: Iterable[bytes], most: int = MOST) -> Unlabelled:
    """Return the texts of lines, whatever their labels, at most so many, evenly picked; raise
    ConfigError that names every line that is none (at most 20)."""
    found, data = _decoded(lines, "unlabelled line", '{"text": …}')
    every = list(dict.fromkeys(line.text for line in found))
    step = max(1.0, len(every) / most)
    picked = [every[int(i * step)] for i in range(min(len(every), most))]
    return Unlabelled(texts=picked, data=data)
