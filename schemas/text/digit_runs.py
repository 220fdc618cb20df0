"""Runs of digits in a text, with the separators that people put between them. Pure.

personal_numbers.py and the router look for numbers in the runs. A number begins and ends with a
group. Each run is read once, so that the cost is linear in the text.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SEPARATORS = (
    r"\s\u00ad\u200b-\u200f\u2060\ufeff"  # spaces of every width, soft hyphen, zero width
    r".\u00b7\u2022\u2024\u2027\u2219\uff0e"  # dots
    r"\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d"  # hyphens, dashes, minus
    r"_/\\\u2044\u2215\uff0f()"
)
"""The separators between the groups of a number, as a character class of a pattern."""

GAP = rf"(?:[{SEPARATORS}]{{0,4}}|[ \t]{{0,4}}\r?\n[ \t>]{{0,8}})"
"""A pattern for the space between two characters of one number, also across quoted lines."""

_RUN = re.compile(rf"\d(?:{GAP}\d)*")
_GROUP = re.compile(r"\d+")


class DigitRun(NamedTuple):
    """Groups of digits in a text with only separators between them.

    `digits` are all of them in ASCII. Group `i` is `digits[offsets[i]:offsets[i + 1]]` and begins
    at `starts[i]` of the text.
    """

    text: str
    digits: str
    offsets: list[int]
    starts: list[int]

    def end(self, group: int) -> int:
        """Return where a group ends in the text."""
        return self.starts[group] + self.offsets[group + 1] - self.offsets[group]

    def sizes(self, first: int, last: int) -> list[int]:
        """Return how many digits each group from `first` to before `last` has."""
        return [self.offsets[i + 1] - self.offsets[i] for i in range(first, last)]

    def gaps(self, first: int, last: int) -> list[str]:
        """Return the separators between the groups from `first` to before `last`."""
        return [self.text[self.end(i) : self.starts[i + 1]] for i in range(first, last - 1)]

    def windows(self, first: int, lengths: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield (group behind, digits) of what begins with a group and has one of these lengths,
        in their order; nothing amid digits that stand one by one."""
        start = self.offsets[first]
        if first and start - self.offsets[first - 1] == self.offsets[first + 1] - start == 1:
            return
        for length in lengths:
            last = first + 1
            while last < len(self.offsets) and self.offsets[last] < start + length:
                last += 1
            if last < len(self.offsets) and self.offsets[last] == start + length:
                yield last, self.digits[start : start + length]


def digit_runs(text: str, least: int) -> Iterator[DigitRun]:
    """Yield the runs of a text that have `least` digits or more."""
    for match in _RUN.finditer(text):
        if match.end() - match.start() < least:
            continue
        starts, offsets, pieces = [], [0], []
        for group in _GROUP.finditer(text, *match.span()):
            starts.append(group.start())
            pieces.append(group[0])
            offsets.append(offsets[-1] + len(group[0]))
        if offsets[-1] >= least:
            yield DigitRun(text, _ascii("".join(pieces)), offsets, starts)


def _ascii(digits: str) -> str:
    """Return digits of any script as ASCII."""
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)
