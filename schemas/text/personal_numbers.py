"""Finds identity, tax and card numbers and IBANs in a text. Pure.

masking.py masks them, and the router lists them as entities. A number counts only when its check
digits are valid. It may have every separator that people use, and the cost is linear in the text.
Source: NVI (identity number), GIB (tax number), ISO/IEC 7812 (cards), ISO 13616 (IBAN).
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from schemas.text.digit_runs import DigitRun, digit_runs
from schemas.text.iban import find_ibans


class PersonalNumber(NamedTuple):
    """A person's number: its kind, one of schemas.decision.PERSONAL, and its span."""

    kind: str
    start: int
    end: int


_DIGIT = re.compile(r"\d")
_MIN_DIGITS = 10  # a tax number's, the shortest of all
_NEAR = 60  # characters before a number in which a word may name its kind
_CARD_LENGTHS = (
    (re.compile("4"), (16, 13, 19)),  # Visa
    (re.compile("5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile("9792|220[0-4]"), (16,)),  # Troy, Mir
    (re.compile("3[47]"), (15,)),  # American Express
    (re.compile("30[0-5]|36|38|39"), (14, 16, 19)),  # Diners Club
    (re.compile("352[89]|35[3-8]"), (16, 17, 18, 19)),  # JCB; 15 digits with 35 are a telephone's
    (re.compile("5018|5020|5038|5893|6304|6759|676[1-3]"), (16, 13, 14, 15, 17, 18, 19)),  # Maestro
    (re.compile("50|5[6-8]|6"), (16, 17, 18, 19)),  # Discover, UnionPay, Troy, more of Maestro
)
"""First digits of card numbers, and the lengths they may have, the commonest first."""

_LINE_BREAKS = 1  # within one number: more of them are a list
_DOUBLED = str.maketrans("0123456789", "0246813579")


class _Kind(NamedTuple):
    """A kind of number with check digits, and the words that must precede it."""

    name: str
    length: int
    holds: Callable[[str], bool]
    before: re.Pattern[str]


def find_personal_numbers(text: str) -> list[PersonalNumber]:
    """Return all personal numbers of a text in order, without overlaps."""
    if len(_DIGIT.findall(text)) < _MIN_DIGITS:
        return []
    spans = [PersonalNumber("iban", start, end) for start, end in find_ibans(text)]
    rest = without(text, spans)
    for run in digit_runs(rest, _MIN_DIGITS):
        numbers = list(_find_cards(run))
        for kind in _KINDS:
            numbers += _find_checked(run, kind, sorted(numbers, key=_start_of))
        spans += numbers
    return sorted(spans, key=_start_of)


def without(text: str, numbers: list[PersonalNumber]) -> str:
    """Return a text of the same length with these numbers blanked."""
    pieces, end = [], 0
    for number in numbers:
        pieces += [text[end : number.start], "\0" * (number.end - number.start)]
        end = number.end
    return "".join([*pieces, text[end:]]) if numbers else text


def _find_cards(run: DigitRun) -> Iterator[PersonalNumber]:
    group = 0
    while group < len(run.starts):
        lengths = _card_lengths(run.digits[run.offsets[group] : run.offsets[group] + 4])
        for behind, digits in run.windows(group, lengths):
            if _is_laid_out_as_card(run, group, behind) and _luhn_holds(digits):
                yield PersonalNumber("card_number", run.starts[group], run.end(behind - 1))
                group = behind - 1
                break
        group += 1


def _is_laid_out_as_card(run: DigitRun, first: int, behind: int) -> bool:
    """Say whether people write such groups: four digits or more, or all of one length."""
    *sizes, last = run.sizes(first, behind)
    broken = run.text[run.starts[first] : run.end(behind - 1)].count("\n")
    alike = not sizes or (len(set(sizes)) == 1 and last <= sizes[0])
    return broken <= _LINE_BREAKS and (broken > 0 or alike or min(sizes) >= 4)


def _find_checked(
    run: DigitRun, kind: _Kind, taken: list[PersonalNumber]
) -> Iterator[PersonalNumber]:
    """Yield the numbers of a kind that do not overlap a taken span."""
    group, others = 0, iter([*taken, PersonalNumber("", len(run.text), len(run.text))])
    other = next(others)
    while group < len(run.starts):
        start = run.starts[group]
        if start >= other.end:
            other = next(others)
            continue
        for behind, digits in run.windows(group, (kind.length,)):
            end = run.end(behind - 1)
            if end > other.start or not _is_laid_out_alike(run, group, behind):
                continue
            if kind.holds(digits) and kind.before.search(run.text, max(0, start - _NEAR), start):
                yield PersonalNumber(kind.name, start, end)
                group = behind - 1
        group += 1


def _is_laid_out_alike(run: DigitRun, first: int, behind: int) -> bool:
    """Return whether the groups have one separator, without a single digit among longer ones."""
    sizes = run.sizes(first, behind)
    if len(sizes) == 1:
        return True
    gaps = [gap.strip() or " " for gap in run.gaps(first, behind)]
    return len(set(gaps)) == 1 and (min(sizes) > 1 or max(sizes) == 1)


def _card_lengths(beginning: str) -> tuple[int, ...]:
    for pattern, lengths in _CARD_LENGTHS:
        if pattern.match(beginning):
            return lengths
    return ()


def _luhn_holds(digits: str) -> bool:
    """Say whether a card number's check digit is valid (ISO/IEC 7812)."""
    total = sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))
    return total % 10 == 0


def card_holds(digits: str) -> bool:
    """Say whether digits have a card number's first digits, length and check digit."""
    return len(digits) in _card_lengths(digits[:4]) and _luhn_holds(digits)


def identity_holds(digits: str) -> bool:
    """Say whether both check digits of a Turkish identity number are valid (NVI)."""
    d = list(map(int, digits))
    tenth = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[0] != 0 and d[9] == tenth and d[10] == sum(d[:10]) % 10


def tax_holds(digits: str) -> bool:
    """Say whether a Turkish tax number's check digit is valid (GIB)."""
    total = 0
    for index, digit in enumerate(map(int, digits[:9])):
        shifted = (digit + 9 - index) % 10
        value = shifted * 2 ** (9 - index) % 9
        total += 9 if shifted and not value else value
    return (10 - total % 10) % 10 == int(digits[9])


_KINDS = (
    _Kind("identity_number", 11, identity_holds, re.compile("")),
    # One in ten numbers of ten digits has a valid check digit, so a word has to name its kind.
    _Kind("tax_number", 10, tax_holds, re.compile(r"vergi|vkn|\btax\b", re.IGNORECASE)),
)


def _start_of(number: PersonalNumber) -> int:
    return number.start
