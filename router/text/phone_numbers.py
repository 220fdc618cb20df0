"""Telephone numbers in a text, as people write them -> E.164, with their spans. Pure.

A Turkish number needs its form, with or without country code and trunk zero; a foreign number needs
its plus. entities.py has removed the personal numbers from the text.
Source: ITU-T E.164, and BTK's numbering plan, from which the list of area codes was written for
this project (mobile numbers begin with 5).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from schemas.text.digit_runs import DigitRun, digit_runs

_AREAS = (
    "2(?:12|16|2[2468]|3[126]|4[268]|5[268]|6[246]|7[2468]|8[2468])"
    "|3(?:12|18|2[24678]|3[28]|4[2568]|5[2468]|6[2468]|7[02468]|8[024678]|92)"
    "|4(?:12|14|16|2[24678]|3[2468]|4[26]|5[2468]|6[246]|7[2468]|8[2468])"
)
_TURKISH = re.compile(rf"((?:00)?90)?(0)?(5\d{{9}}|(?:{_AREAS})\d{{7}}|8[05]0\d{{7}})")
_TURKISH_LENGTHS = (15, 14, 13, 12, 11, 10)  # 00 90 0 and ten digits; ten digits
_NATIONAL_DIGITS = 10
_AREA_DIGITS = 3  # an operator's or area code, which people keep together
_MIN_DIGITS, _MAX_DIGITS = 8, 13  # a longer foreign number is two numbers
_ZERO_COUNTRIES = ("39", "378")  # in Italy and San Marino, callers from abroad dial the zero too
_MAX_LINE_BREAKS = 1  # within one number; more of them are a list


class PhoneNumber(NamedTuple):
    """A number in E.164 and its span."""

    value: str
    start: int
    end: int


def find_phones(text: str) -> Iterator[PhoneNumber]:
    """Yield the telephone numbers of a text in order."""
    for run in digit_runs(text, _MIN_DIGITS):
        group = behind = 0
        while group < len(run.starts):
            match = None
            if group == behind or not _continues_number(run, group):
                match = _turkish(run, group) or _abroad(run, group)
            if match is None:
                group += 1
                continue
            phone, behind = match
            group = behind
            yield phone


def _continues_number(run: DigitRun, group: int) -> bool:
    """Say whether a group continues a longer number, such as the order "2024-0532-1112233"."""
    gap = run.gaps(group - 1, group + 1)[0]
    return gap in ("-", ".", "_")


def _turkish(run: DigitRun, group: int) -> tuple[PhoneNumber, int] | None:
    """Return the Turkish number that begins with a group, and the group behind it."""
    plus = _plus_before(run, group)
    start = run.starts[group]
    if plus is None and start and run.text[start - 1].isalnum():
        return None
    for behind, digits in run.windows(group, _TURKISH_LENGTHS):
        match = _TURKISH.fullmatch(digits)
        if match is None or not _is_laid_out(run, group, behind):
            continue
        country, trunk, number = match.groups()
        if (plus is not None and country != "90") or (number[0] != "5" and not (country or trunk)):
            continue
        return PhoneNumber(
            f"+90{number}", start if plus is None else plus, run.end(behind - 1)
        ), behind
    return None


def _is_laid_out(run: DigitRun, first: int, behind: int) -> bool:
    """Say whether people write such groups.

    They keep the code together and write two digits or more after it, or they write digit by digit.
    """
    sizes = run.sizes(first, behind)
    if len(sizes) > 1 and max(sizes) == 1:
        return True
    total = sum(sizes)
    cuts = [run.offsets[i] - run.offsets[first] for i in range(first + 1, behind)]
    inside = [cut - (total - _NATIONAL_DIGITS) for cut in cuts if cut > total - _NATIONAL_DIGITS]
    steps = [
        b - a
        for a, b in zip(
            [*inside, _NATIONAL_DIGITS][:-1], [*inside, _NATIONAL_DIGITS][1:], strict=True
        )
    ]
    broken = run.text[run.starts[first] : run.end(behind - 1)].count("\n")
    return (
        (not inside or inside[0] >= _AREA_DIGITS)
        and min(steps, default=2) > 1
        and broken <= _MAX_LINE_BREAKS
    )


def _abroad(run: DigitRun, group: int) -> tuple[PhoneNumber, int] | None:
    """Return the number with a plus that begins with a group, and the group behind it."""
    plus = _plus_before(run, group)
    if plus is None or run.digits[run.offsets[group]] == "0":
        return None
    behind = group + 1
    while behind < len(run.starts) and "\n" not in run.gaps(behind - 1, behind + 1)[0]:
        if run.offsets[behind + 1] - run.offsets[group] > _MAX_DIGITS:
            break
        behind += 1
    digits = _without_trunk(run, group, behind)
    if digits.startswith("90") or not _MIN_DIGITS <= len(digits) <= _MAX_DIGITS:
        return None
    return PhoneNumber(f"+{digits}", plus, run.end(behind - 1)), behind


def _without_trunk(run: DigitRun, first: int, behind: int) -> str:
    """Return a number's digits without the zero after the country code, as in "+44 (0) 20 …"."""
    country = run.digits[run.offsets[first] : run.offsets[first + 1]]
    rest = run.digits[run.offsets[first + 1] : run.offsets[behind]]
    if len(country) <= _AREA_DIGITS and country not in _ZERO_COUNTRIES:
        rest = rest.removeprefix("0")
    return country + rest


def _plus_before(run: DigitRun, group: int) -> int | None:
    """Return the offset of a plus right before a group, or None without a plus."""
    before = run.text[max(0, run.starts[group] - 3) : run.starts[group]].rstrip(" (\xa0")
    if not before.endswith(("+", "\uff0b")):
        return None
    return max(0, run.starts[group] - 3) + len(before) - 1
