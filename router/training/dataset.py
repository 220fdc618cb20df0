"""The lines of a training or an evaluation: texts with labels, and texts without.

A line that can't be read is a mistake, which the error names. A line without a label is only
counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from schemas.base import Record
from schemas.errors import ConfigError, Problem

MAX_UNLABELLED_LINES = 5000
"""A teacher labels at most this many lines; it takes half a minute to five minutes for them."""

_MAX_PROBLEMS = 20
"""A file of another format is wrong in every line, and this number of lines shows it."""


class TrainingLine(Record, frozen=True, kw_only=True):
    """A text, and its label unless nobody labelled it."""

    text: str
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class LabelledLines:
    """Texts with their labels.

    `data` is the sha256 of all lines, and `unlabelled` the number of those without a label.
    """

    texts: list[str]
    labels: list[str]
    data: str
    unlabelled: int = 0


@dataclass(frozen=True, kw_only=True)
class UnlabelledLines:
    """Different texts without a label, and the sha256 of the lines that they are from."""

    texts: list[str]
    data: str


def read_labelled(lines: Iterable[bytes]) -> LabelledLines:
    """Return the lines that have a label.

    Raises ConfigError, which names the first 20 lines that can't be read.
    """
    decoded, data = _decode_lines(lines, "line", '{"text": …, "label": …}')
    labelled = [(line.text, label) for line in decoded if (label := (line.label or "").strip())]
    return LabelledLines(
        texts=[text for text, _ in labelled],
        labels=[label for _, label in labelled],
        data=data,
        unlabelled=len(decoded) - len(labelled),
    )


def read_unlabelled(lines: Iterable[bytes], limit: int = MAX_UNLABELLED_LINES) -> UnlabelledLines:
    """Return the texts of lines, whatever their labels; above `limit`, evenly picked ones.

    Raises ConfigError, which names the first 20 lines that can't be read.
    """
    decoded, data = _decode_lines(lines, "unlabelled line", '{"text": …}')
    texts = list(dict.fromkeys(line.text for line in decoded))
    step = max(1.0, len(texts) / limit)
    picked = [texts[int(i * step)] for i in range(min(len(texts), limit))]
    return UnlabelledLines(texts=picked, data=data)


def _decode_lines(
    lines: Iterable[bytes], kind: str, example: str
) -> tuple[list[TrainingLine], str]:
    """Return the lines and their sha256."""
    decoded: list[TrainingLine] = []
    problems: list[Problem] = []
    digest = sha256()
    decoder = msgspec.json.Decoder(TrainingLine)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        digest.update(line.strip() + b"\n")
        try:
            decoded.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(Problem(f"{kind} {number}: {error}. Give {example}."))
            if len(problems) == _MAX_PROBLEMS:
                break
    if problems:
        raise ConfigError(problems)
    return decoded, digest.hexdigest()
