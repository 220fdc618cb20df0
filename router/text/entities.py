"""Finds the entities of a text with their spans: addresses, phones, numbers, amounts, dates. Pure.

A number with a check digit counts only when the digit is valid. Personal numbers (identity, tax,
IBAN, card) are masked except their last characters. A brand's own patterns ([router] patterns) go
first. The cost is linear in the text. The words of months, currencies and kinds of numbers were
written for this project.
"""

import datetime as dt
import re
from collections.abc import Sequence

import ahocorasick_rs

from router.text.phone_numbers import find_phones
from schemas.decision import Entity
from schemas.text.masking import mask_number
from schemas.text.personal_numbers import find_personal_numbers, tax_holds, without

Pattern = tuple[str, re.Pattern[str]]
"""The kind of a brand's own entity, and the expression that finds it."""

# A pattern begins with its own first character, because a look-behind is much slower. The code
# checks the characters before a match afterwards. Each pattern has a longest match, so that the
# search never reads a character many times.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_DOMAIN = re.compile(r"@[\w-]{1,63}\.")  # a cheap test, since few texts with an @ have an address
_TEN_DIGITS = re.compile(r"\d{10}(?!\d)", re.ASCII)
_DIGITS = re.compile("[0-9]+")
_ANY_DIGIT = re.compile(r"\d")  # in any script
_MIN_PHONE_DIGITS = 8
_DATE_RUNS = 3  # a date in digits has a day, a month and a year
_MIN_NUMBER_DIGITS, _MIN_NUMBER_RUN = 5, 3  # digits of an order number, all and in a row
_TAX_DIGITS = 10
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_UNITS = {
    "TRY": r"TL|₺|lira\w{0,6}|TRY",
    "USD": r"USD|dolar\w{0,4}|dollars?|\$",
    "EUR": r"EUR|euro\w{0,4}|€",
    "GBP": "GBP|£",
}
_UNIT = "|".join(f"(?P<{code}>{words})" for code, words in _UNITS.items())
_AMOUNT = re.compile(
    r"\d{1,12}(?:[.,]\d{3}){0,6}(?:[.,]\d{1,2})?(?![.,]?\d)"
    rf"(?:\s{{0,2}}(?:{_UNIT})(?!\w))?",
    re.IGNORECASE,
)
_CURRENCY_SIGNS = {"₺": "TRY", "$": "USD", "€": "EUR", "£": "GBP"}
_MAX_DAY = 31
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?![\d/-])")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?![\d-])")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "ocak january jan",
            "subat february feb",
            "mart march mar",
            "nisan april apr",
            "mayis may",
            "haziran june jun",
            "temmuz july jul",
            "agustos august aug",
            "eylul september sept sep",
            "ekim october oct",
            "kasim november nov",
            "aralik december dec",
        ),
        1,
    )
    for name in names.split()
}
_NAMED_DATE = re.compile(
    rf" (?:(\d{{1,2}}) {{1,2}}({'|'.join(_MONTHS)})[a-z]{{0,4}}"
    rf"|({'|'.join(_MONTHS)}) {{1,2}}(\d{{1,2}}))"
    r"(?:(?:st|nd|rd|th)? {1,3}(\d{4}))? "
)
_NUMBER_KINDS = {
    "siparis": "order_number",
    "order": "order_number",
    "takip": "tracking_number",
    "tracking": "tracking_number",
    "kargo": "tracking_number",
    "fatura": "invoice_number",
    "invoice": "invoice_number",
    "abone": "customer_no",
    "musteri": "customer_no",
    "tesisat": "customer_no",
    "hizmet": "customer_no",
}
"""Folded words beside a number, and the kind of the number."""

_KINDS_BY_HINT = tuple(_NUMBER_KINDS.values())
_HINTS = ahocorasick_rs.AhoCorasick([*_NUMBER_KINDS, *(f" {month}" for month in _MONTHS)])
"""Finds the words that a number may belong to, and months."""

_NUMBER = re.compile(
    r"[^\d\n]{0,30}?(?:no|numara\w*|number|id|#|:|nolu)?[\s:.#]{0,3}([A-Z]{0,4}-?\d[\dA-Z-]{4,20})\b",
    re.IGNORECASE,
)
_NUMBER_BEFORE = re.compile(
    r"(?<![\w-])([A-Z]{0,4}-?\d[\dA-Z-]{4,20})"
    r"(?:\s{0,2}(?:numara\w*|no[’']? ?lu|nolu|no))?\s{1,2}$",
    re.IGNORECASE,
)
"""Turkish puts the number first, as in "123456 numaralı siparişim"."""

_NUMBERED = re.compile(r"\s{0,2}(?:numaral[ıi]|no[’']? ?lu)\s{1,2}", re.IGNORECASE)
"""It ties the number before it to the word after it, whatever word came earlier."""

_PLAIN_I = str.maketrans("Iİı", "iii")
_CODE_I = str.maketrans("İı", "II")
_MAX_DISTANCE_CHARS = 45  # between a word and its number
MAX_ENTITIES = 20
"""A message with more is a price list or a table, whose entities show nothing."""


def find_entities(
    text: str, folded: str, own_patterns: Sequence[Pattern] = ()
) -> tuple[Entity, ...]:
    """Return the entities in the order of the text; `folded` is the folded text.

    A cheap test runs before each kind's pattern, because most texts have few kinds. Each span
    belongs to one entity, and the surest kind goes first.
    """
    entity_list = _EntityList(text)
    for kind, pattern in own_patterns:
        for match in pattern.finditer(text):
            entity_list.add(kind, match[1] if pattern.groups else match[0], *match.span())
    if "@" in text and _DOMAIN.search(text):
        for match in _EMAIL.finditer(text):
            entity_list.add("email", match[0].translate(_PLAIN_I).lower(), *match.span())
    digits = len(folded.encode().translate(None, _NO_DIGITS))
    runs = _DIGITS.findall(text) if digits else []
    if digits >= _MIN_PHONE_DIGITS or (
        not text.isascii() and len(_ANY_DIGIT.findall(text)) >= _MIN_PHONE_DIGITS
    ):
        _add_personal_numbers_and_phones(text, entity_list)
    if digits and _may_name_money(text, folded):
        _add_amounts(text, entity_list)
    if len(runs) >= _DATE_RUNS:
        _add_dates(text, entity_list)
    hints = _HINTS.find_matches_as_indexes(folded) if digits else []
    if hints and max(hints)[0] >= len(_KINDS_BY_HINT):
        _add_named_dates(folded, entity_list)
    if hints and digits >= _MIN_NUMBER_DIGITS and max(map(len, runs)) >= _MIN_NUMBER_RUN:
        _add_numbered(text, [hint for hint in hints if hint[0] < len(_KINDS_BY_HINT)], entity_list)
    if digits >= _TAX_DIGITS:
        _add_taxes(text, entity_list)
    return tuple(sorted(entity_list.entities, key=lambda e: (e.start, e.kind))[:MAX_ENTITIES])


class _EntityList:
    """The entities of a text, and the characters that they cover."""

    def __init__(self, text: str) -> None:
        self.entities: list[Entity] = []
        self._covered = bytearray(len(text))

    def is_free(self, start: int, end: int) -> bool:
        """Say whether no entity covers a span."""
        return self._covered.find(1, start, end) < 0

    def add(self, kind: str, value: str, start: int, end: int) -> None:
        """Add an entity and cover its span."""
        self.entities.append(Entity(kind=kind, value=value, start=start, end=end))
        self._covered[start:end] = b"\1" * (end - start)


def _add_personal_numbers_and_phones(text: str, entity_list: _EntityList) -> None:
    """Add personal numbers, and the phone numbers outside them."""
    personal = find_personal_numbers(text)
    for kind, start, end in personal:
        if entity_list.is_free(start, end):
            entity_list.add(kind, mask_number(_bare(text[start:end])), start, end)
    for value, start, end in find_phones(without(text, personal)):
        if entity_list.is_free(start, end):
            entity_list.add("phone", value, start, end)


def _add_taxes(text: str, entity_list: _EntityList) -> None:
    """Add tax numbers that the text does not name as such.

    One in ten numbers of ten digits has a valid check digit, so every other kind goes first.
    """
    for match in _TEN_DIGITS.finditer(text):
        start, end = match.span()
        behind_digit = start > 0 and text[start - 1].isdigit()
        if not behind_digit and tax_holds(match[0]) and entity_list.is_free(start, end):
            entity_list.add("tax_number", mask_number(match[0]), start, end)


def _bare(number: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", number.translate(_CODE_I).upper())


def _may_name_money(text: str, folded: str) -> bool:
    """Say whether a text may name money. The loop is unrolled, since most texts come here."""
    return (
        "tl" in folded
        or "lira" in folded
        or "try" in folded
        or "usd" in folded
        or "eur" in folded
        or "gbp" in folded
        or "dol" in folded
        or "$" in text
        or (not text.isascii() and ("₺" in text or "€" in text or "£" in text))
    )


def _add_amounts(text: str, entity_list: _EntityList) -> None:
    for match in _AMOUNT.finditer(text):
        start, currency = match.start(), match.lastgroup
        if start and (text[start - 1] in ".," or text[start - 1].isdigit()):
            continue
        value = match[0]
        if currency is not None:
            value = value[: match.start(currency) - start].strip()
        else:
            # The sign precedes the number, with or without a space.
            before = text[max(0, start - 2) : start].rstrip()[-1:]
            if not before or before not in _CURRENCY_SIGNS:
                continue
            start, currency = text.rindex(before, 0, start), _CURRENCY_SIGNS[before]
        entity_list.add("amount", f"{value} {currency}", start, match.end())


def _add_dates(text: str, entity_list: _EntityList) -> None:
    for pattern in (_DATE, _ISO):
        for match in pattern.finditer(text):
            start, end = match.span()
            before = text[start - 1] if start else " "
            value = "" if before.isdigit() or before in "./-" else _date(match[0])
            if value and entity_list.is_free(start, end):
                entity_list.add("date", value, start, end)


def _date(digits: str) -> str:
    """Return a date of numbers as ISO 8601, empty for other numbers.

    The day precedes the month, as in Turkish and most other languages.
    """
    numbers = [int(number) for number in re.split(r"[./-]", digits)]
    year, month, day = numbers if numbers[0] > _MAX_DAY else reversed(numbers)
    try:
        return dt.date(year + 2000 if year < 100 else year, month, day).isoformat()
    except ValueError:
        return ""


def _add_named_dates(folded: str, entity_list: _EntityList) -> None:
    """Add days of a month by name as --MM-DD (ISO 8601), with the year if there is one."""
    for match in _NAMED_DATE.finditer(folded):
        day, month, year = match[1] or match[4], match[2] or match[3], match[5]
        try:
            date = dt.date(int(year) if year else 2000, _MONTHS[month], int(day))
        except ValueError:
            continue
        value = date.isoformat() if year else f"--{date.month:02}-{date.day:02}"
        # Offsets in the folded text are one higher than in the text.
        entity_list.add("date", value, match.start(), match.start() + len(match[0].rstrip()) - 1)


def _add_numbered(text: str, words: list[tuple[int, int, int]], entity_list: _EntityList) -> None:
    """Add the numbers beside a word that names their kind.

    Offsets of words refer to the folded text, where they are one higher than in the text.
    """
    next_start = 0
    for position, (index, start, end) in enumerate(words):
        match = _number_of(text, start - 1, end - 1) if start >= next_start else None
        if match is None or _belongs_to_next(match, words[position + 1 : position + 2]):
            continue
        next_start = match.end() + 1
        first, last = match.span(1)
        if entity_list.is_free(first, last):
            entity_list.add(_KINDS_BY_HINT[index], match[1].translate(_CODE_I).upper(), first, last)


def _belongs_to_next(number: re.Match[str], next_word: list[tuple[int, int, int]]) -> bool:
    """Say whether a number is tied to the next word, as in "kargo 123456 numaralı sipariş"."""
    numbered = _NUMBERED.match(number.string, number.end(1))
    return numbered is not None and any(numbered.end() == start - 1 for _, start, _ in next_word)


def _number_of(text: str, start: int, end: int) -> re.Match[str] | None:
    """Return the number that belongs to the word from `start` to `end`."""
    if _DIGITS.search(text, max(0, start - _MAX_DISTANCE_CHARS), start):
        before = _NUMBER_BEFORE.search(text, max(0, start - _MAX_DISTANCE_CHARS), start)
        if before is not None:
            return before
    return (
        _NUMBER.match(text, end) if _DIGITS.search(text, end, end + _MAX_DISTANCE_CHARS) else None
    )
