"""Finds entities in a text, with their spans: addresses, phones, numbers, amounts, dates. Pure.

Before: decision/decide.py. After: Decision.entities. A number with a check digit counts only when
the digit is valid. Personal numbers (identity, tax, IBAN, card) are masked except their last
characters. A brand's own patterns ([router] patterns) go first. The cost is linear in the text.
"""

import datetime as dt
import re
from collections.abc import Sequence

import ahocorasick_rs

from router.text.phone_numbers import find_phones
from schemas.decision import Entity
from schemas.text.personal_numbers import find_personal_numbers, tax_holds, without

Pattern = tuple[str, re.Pattern[str]]

# Patterns begin with what they look for, without looking behind: that is found much sooner. What
# stands before is looked at afterwards. Each has a longest match, so that none is read twice.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_DOMAIN = re.compile(r"@[\w-]{1,63}\.")  # few texts with an @ have an address
_TEN = re.compile(r"\d{10}(?!\d)", re.ASCII)
_DIGITS = re.compile("[0-9]+")
_ANY_DIGIT = re.compile(r"\d")  # of any script
_LONG = 8  # digits of the shortest telephone number
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
_SIGNS = {"₺": "TRY", "$": "USD", "€": "EUR", "£": "GBP"}
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
_NAMED = (
    "siparis",
    "order",
    "takip",
    "tracking",
    "kargo",
    "fatura",
    "invoice",
    "abone",
    "musteri",
    "tesisat",
    "hizmet",
)
_HINTS = ahocorasick_rs.AhoCorasick([*_NAMED, *(f" {m}" for m in _MONTHS)])
"""What a number may belong to: the words of _NAMED, and months."""

_NUMBER = re.compile(
    r"[^\d\n]{0,30}?(?:no|numara\w*|number|id|#|:|nolu)?[\s:.#]{0,3}([A-Z]{0,4}-?\d[\dA-Z-]{4,20})\b",
    re.IGNORECASE,
)
_NUMBER_BEFORE = re.compile(
    r"(?<![\w-])([A-Z]{0,4}-?\d[\dA-Z-]{4,20})"
    r"(?:\s{0,2}(?:numara\w*|no[’']? ?lu|nolu|no))?\s{1,2}$",
    re.IGNORECASE,
)
"""Turkish puts it first: "123456 numaralı siparişim"."""

_PLAIN_I = str.maketrans("Iİı", "iii")
_CODE_I = str.maketrans("İı", "II")
_NEAR = 45  # characters in which the number of a word stands
_KINDS = {
    "sip": "order_number",
    "ord": "order_number",
    "tak": "tracking_number",
    "tra": "tracking_number",
    "kar": "tracking_number",
    "fat": "invoice_number",
    "inv": "invoice_number",
    "abo": "customer_no",
    "mus": "customer_no",
    "tes": "customer_no",
    "hiz": "customer_no",
}
LIMIT = 20
"""Entities kept of one message: a price list is not evidence."""


def entities(text: str, folded: str, own: Sequence[Pattern] = ()) -> tuple[Entity, ...]:
    """Return the entities in the order of the text; `folded` is the folded text.

    A cheap test runs before each kind's pattern, because most texts have few kinds. Each span
    belongs to one entity, and the surest kind goes first.
    """
    entity_list = _EntityList(text)
    for kind, pattern in own:
        for match in pattern.finditer(text):
            entity_list.keep(kind, match[1] if pattern.groups else match[0], *match.span())
    if "@" in text and _DOMAIN.search(text):
        for match in _EMAIL.finditer(text):
            entity_list.keep("email", match[0].translate(_PLAIN_I).lower(), *match.span())
    digits = len(folded.encode().translate(None, _NO_DIGITS))
    runs = _DIGITS.findall(text) if digits else []
    if digits >= _LONG or (not text.isascii() and len(_ANY_DIGIT.findall(text)) >= _LONG):
        _add_long(text, entity_list)
    if digits and _of_money(text, folded):
        _add_amounts(text, entity_list)
    if len(runs) >= 3:
        _add_dates(text, entity_list)
    hints = _HINTS.find_matches_as_indexes(folded) if digits else []
    if hints and max(hints)[0] >= len(_NAMED):
        _add_named_dates(folded, entity_list)
    if hints and digits >= 5 and max(map(len, runs)) >= 3:
        _add_numbered(text, [h for h in hints if h[0] < len(_NAMED)], entity_list)
    if digits >= 10:
        _add_taxes(text, entity_list)
    return tuple(sorted(entity_list.all, key=lambda e: (e.start, e.kind))[:LIMIT])


class _EntityList:
    """The entities of a text, and the characters that they cover."""

    def __init__(self, text: str) -> None:
        self.all: list[Entity] = []
        self._taken = bytearray(len(text))

    def is_free(self, start: int, end: int) -> bool:
        """Say whether no entity covers a span."""
        return self._taken.find(1, start, end) < 0

    def keep(self, kind: str, value: str, start: int, end: int) -> None:
        """Add an entity and cover its span."""
        self.all.append(Entity(kind=kind, value=value, start=start, end=end))
        self._taken[start:end] = b"\1" * (end - start)


def _add_long(text: str, entity_list: _EntityList) -> None:
    """Add a person's numbers, and phones."""
    personal = find_personal_numbers(text)
    for kind, start, end in personal:
        if entity_list.is_free(start, end):
            entity_list.keep(kind, mask(_bare(text[start:end])), start, end)
    for value, start, end in find_phones(without(text, personal)):
        if entity_list.is_free(start, end):
            entity_list.keep("phone", value, start, end)


def _add_taxes(text: str, entity_list: _EntityList) -> None:
    """Add tax numbers that the text does not name as such. One in ten numbers of ten digits has a
    valid check digit, so that every other kind goes first."""
    for match in _TEN.finditer(text):
        start, end = match.span()
        behind_digit = start > 0 and text[start - 1].isdigit()
        if not behind_digit and tax_holds(match[0]) and entity_list.is_free(start, end):
            entity_list.keep("tax_number", mask(match[0]), start, end)


def _bare(number: str) -> str:
    return re.sub(r"[^0-9A-Z]", "", number.translate(_CODE_I).upper())


def _of_money(text: str, folded: str) -> bool:
    """Say whether a text may name money. Unrolled, because every text with a number comes here."""
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
            if not before or before not in _SIGNS:
                continue
            start, currency = text.rindex(before, 0, start), _SIGNS[before]
        entity_list.keep("amount", f"{value} {currency}", start, match.end())


def _add_dates(text: str, entity_list: _EntityList) -> None:
    for pattern in (_DATE, _ISO):
        for match in pattern.finditer(text):
            start, end = match.span()
            before = text[start - 1] if start else " "
            value = "" if before.isdigit() or before in "./-" else _date(match[0])
            if value and entity_list.is_free(start, end):
                entity_list.keep("date", value, start, end)


def _date(digits: str) -> str:
    """Return a date of numbers as ISO 8601; day before month, as Turkish and most others write."""
    parts = [int(x) for x in re.split(r"[./-]", digits)]
    year, month, day = parts if parts[0] > 31 else reversed(parts)
    try:
        return dt.date(year + 2000 if year < 100 else year, month, day).isoformat()
    except ValueError:
        return ""


def _add_named_dates(folded: str, entity_list: _EntityList) -> None:
    """Add days of a month by name as --MM-DD (ISO 8601), with the year if there is one."""
    for match in _NAMED_DATE.finditer(folded):
        day, month, year = match[1] or match[4], match[2] or match[3], match[5]
        try:
            made = dt.date(int(year) if year else 2000, _MONTHS[month], int(day))
        except ValueError:
            continue
        value = made.isoformat() if year else f"--{made.month:02}-{made.day:02}"
        # Offsets in the folded text are one higher than in the text.
        entity_list.keep("date", value, match.start(), match.start() + len(match[0].rstrip()) - 1)


def _add_numbered(text: str, words: list[tuple[int, int, int]], entity_list: _EntityList) -> None:
    """Add the numbers beside a word that names their kind. Offsets of words refer to the folded
    text, where they are one higher than in the text."""
    done = 0
    for which, start, end in words:
        match = _number_of(text, start - 1, end - 1) if start >= done else None
        if match is None:
            continue
        done = match.end() + 1
        first, last = match.span(1)
        if entity_list.is_free(first, last):
            kind = _KINDS.get(_NAMED[which][:3], "order_number")
            entity_list.keep(kind, match[1].translate(_CODE_I).upper(), first, last)


def _number_of(text: str, start: int, end: int) -> re.Match[str] | None:
    """Return the number that belongs to the word from `start` to `end`."""
    if _DIGITS.search(text, max(0, start - _NEAR), start):
        before = _NUMBER_BEFORE.search(text, max(0, start - _NEAR), start)
        if before is not None:
            return before
    return _NUMBER.match(text, end) if _DIGITS.search(text, end, end + _NEAR) else None


def mask(number: str) -> str:
    """Return a personal number of which only the last three characters can be read."""
    return "*" * (len(number) - 3) + number[-3:]
