"""Things found in the text, with their places: addresses, phones, numbers, amounts, dates.

Before: decide.py. After: Decision.entities. Numbers with a check digit count only when it holds;
those that belong to a person (identity, tax, IBAN, card) are masked but for their last characters.
A brand's own patterns ([router] patterns) go first. Pure.
Source: ISO 13616 (IBAN), ISO/IEC 7812 (Luhn), NVI and GIB (identity and tax number check digits).
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence

import ahocorasick_rs

from schemas.decision import Entity

Pattern = tuple[str, re.Pattern[str]]

# Patterns begin with what they look for, without looking behind: that is found much sooner. What
# stands before is looked at by _found.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_DOMAIN = re.compile(r"@[\w-]{1,63}\.")  # few texts with an @ have an address
_STRETCH = re.compile(r"\d[\d ().-]{8,}\d")  # where ten digits and more may stand
_PHONE = re.compile(r"5\d{2}[ )]{0,2}\d{3}[ -]?\d{2}[ -]?\d{2}(?!\d)", re.ASCII)
_PREFIX = re.compile(r"(?:(?:\+|00)?90|0)?[ (]{0,2}$")
_ABROAD = re.compile(r"\+[1-9]\d{0,2}[ -]?(?:\(?\d{1,4}\)?[ -]?){2,5}\d{2,4}(?!\d)", re.ASCII)
_IBAN = re.compile(
    r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}(?![\d-])", re.ASCII)
_ELEVEN = re.compile(r"[1-9]\d{10}(?!\d)", re.ASCII)
_TEN = re.compile(r"\d{10}(?!\d)", re.ASCII)
_DIGITS = re.compile("[0-9]+")
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_UNITS = {"TRY": r"TL|₺|lira\w{0,6}|TRY", "USD": r"USD|dolar\w{0,4}|dollars?|\$",
          "EUR": r"EUR|euro\w{0,4}|€", "GBP": "GBP|£"}  # fmt: skip
_AMOUNT = re.compile(
    r"\d+(?:[.,]\d{3})*(?:[.,]\d{1,2})?(?![.,]?\d)"
    rf"(?: ?(?:{'|'.join(f'(?P<{code}>{words})' for code, words in _UNITS.items())})(?!\w))?",
    re.IGNORECASE,
)
_SIGNS = {"₺": "TRY", "$": "USD", "€": "EUR", "£": "GBP"}
_DATE = re.compile(r"\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?![\d/-])")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}(?![\d-])")
_MONTHS = {
    name: number
    for number, names in enumerate((
        "ocak january jan", "subat february feb", "mart march mar", "nisan april apr",
        "mayis may", "haziran june jun", "temmuz july jul", "agustos august aug",
        "eylul september sept sep", "ekim october oct", "kasim november nov",
        "aralik december dec",
    ), 1)
    for name in names.split()
}  # fmt: skip
_NAMED_DATE = re.compile(
    rf" (?:(\d{{1,2}}) ({'|'.join(_MONTHS)})[a-z]{{0,4}}|({'|'.join(_MONTHS)}) (\d{{1,2}}))"
    r"(?:(?:st|nd|rd|th)? {1,2}(\d{4}))? "
)
_NAMED = ("siparis", "order", "takip", "tracking", "kargo", "fatura", "invoice", "abone", "musteri",
          "tesisat", "hizmet")  # fmt: skip
_HINTS = ahocorasick_rs.AhoCorasick([*_NAMED, *(f" {m}" for m in _MONTHS)])
"""What a number may belong to: the words of _NAMED, and months."""

_NUMBER = re.compile(
    r"[^\d\n]{0,30}?(?:no|numara\w*|number|id|#|:|nolu)?[\s:.#]{0,3}([A-Z]{0,4}-?\d[\dA-Z-]{4,20})\b",
    re.IGNORECASE,
)
_TAX_WORDS = ("vergi", "vkn", " tax")
_NUMBER_BEFORE = re.compile(
    r"(?<![\w-])([A-Z]{0,4}-?\d[\dA-Z-]{4,20})(?: ?(?:numara\w*|no[’']? ?lu|nolu|no))? $",
    re.IGNORECASE,
)
"""Turkish puts it first: "123456 numaralı siparişim"."""

_NEAR = 45  # characters in which the number of a word stands
_KINDS = {
    "sip": "order_number", "ord": "order_number", "tak": "tracking_number",
    "tra": "tracking_number", "kar": "tracking_number", "fat": "invoice_number",
    "inv": "invoice_number", "abo": "customer_no", "mus": "customer_no", "tes": "customer_no",
    "hiz": "customer_no",
}  # fmt: skip
LIMIT = 20
"""Entities kept of one message: a price list is not evidence."""


def entities(text: str, folded: str, own: Sequence[Pattern] = ()) -> tuple[Entity, ...]:
    """Return what is found, in the order of the text; `folded` is the text folded.

    What a kind needs is looked for before its pattern is: most texts have little of it.
    """
    found: list[Entity] = []
    for kind, pattern in own:
        found += [_at(kind, m, m[1] if m.re.groups else m[0]) for m in pattern.finditer(text)]
    if "@" in text and _DOMAIN.search(text):
        found += [_at("email", m, m[0].lower()) for m in _EMAIL.finditer(text)]
    digits = len(folded.encode().translate(None, _NO_DIGITS))
    if not digits:
        return tuple(found[:LIMIT])
    runs = _DIGITS.findall(text)
    if digits >= 10:
        _long(text, folded, digits, found)
    if _of_money(text, folded):
        _amounts(text, found)
    if len(runs) >= 3:
        for pattern in (_DATE, _ISO):
            _add(found, ("date", _date, pattern), text, "./-")
    hints = _HINTS.find_matches_as_indexes(folded)
    if hints and max(hints)[0] >= len(_NAMED):
        _named_dates(folded, found)
    if hints and digits >= 5 and max(map(len, runs)) >= 3:
        _numbered(text, [h for h in hints if h[0] < len(_NAMED)], found)
    if digits >= 10:
        _taxes(text, found)
    found.sort(key=lambda e: (e.start, e.kind))
    return tuple(found[:LIMIT])


Search = tuple[str, Callable[[str], str], re.Pattern[str]]
"""A kind, what makes its value of the matched text (empty: it is none), and its pattern."""


def _long(text: str, folded: str, digits: int, found: list[Entity]) -> None:
    """Add numbers of ten digits and more: each place is one thing, the surest first."""
    if digits >= 14:
        _add(found, ("iban", _iban, _IBAN), text, _WORD)
    if not _STRETCH.search(text):
        return
    if digits >= 13:
        _add(found, ("card_number", _card, _CARD), text, "-")
    if digits >= 11:
        _add(found, ("identity_number", _identity, _ELEVEN), text)
    if "+" in text:
        _add(found, ("phone", _abroad, _ABROAD), text)
    _phones(text, found)
    if any(word in folded for word in _TAX_WORDS):
        _taxes(text, found)


def _taxes(text: str, found: list[Entity]) -> None:
    """Add tax numbers. Every tenth number of ten digits has the right check digit: where the text
    does not speak of tax, a word that says what the number is goes first."""
    _add(found, ("tax_number", _tax, _TEN), text)


def _add(found: list[Entity], search: Search, text: str, not_behind: str = "") -> None:
    """Add what overlaps nothing that was found, and does not go on a number or `not_behind`."""
    kind, value_of, pattern = search
    for match in pattern.finditer(text):
        start, end = match.span()
        before = text[start - 1] if start else " "
        if before.isdigit() or before in not_behind:
            continue
        if not_behind is _WORD and before.isalpha():
            continue
        value = value_of(match[0])
        if value and not any(e.start < end and start < e.end for e in found):
            start += len(match[0]) - len(match[0].lstrip(" ("))
            found.append(Entity(kind=kind, value=value, start=start, end=end))


_WORD = "+"
"""What a phone and an IBAN do not stand behind, besides letters and digits."""


def _bare(number: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", number).upper()


def _iban(told: str) -> str:
    value = _bare(told)
    return mask(value) if iban_holds(value) else ""


def _card(told: str) -> str:
    value = _bare(told)
    return mask(value) if card_holds(value) else ""


def _identity(told: str) -> str:
    return mask(told) if identity_holds(told) else ""


def _tax(told: str) -> str:
    return mask(told) if tax_holds(told) else ""


def _phones(text: str, found: list[Entity]) -> None:
    """Add Turkish mobile numbers, with or without the trunk or the country code."""
    for match in _PHONE.finditer(text):
        end = match.end()
        prefix = _PREFIX.search(text, max(0, match.start() - 7), match.start())
        start = prefix.start() if prefix else match.start()
        before = text[start - 1] if start else " "
        if before.isalnum() or before == "+":
            continue
        start += len(text[start:end]) - len(text[start:end].lstrip(" ("))
        if not any(e.start < end and start < e.end for e in found):
            value = f"+90{_bare(match[0])}"
            found.append(Entity(kind="phone", value=value, start=start, end=end))


def _abroad(told: str) -> str:
    value = _bare(told)
    return f"+{value}" if 8 <= len(value) <= 15 else ""


def _of_money(text: str, folded: str) -> bool:
    """Say whether money may be spoken of. Unrolled: it is asked of every text with a number."""
    return (
        "tl" in folded or "lira" in folded or "try" in folded or "usd" in folded or "eur" in folded
        or "gbp" in folded or "dol" in folded or "$" in text
        or (not text.isascii() and ("₺" in text or "€" in text or "£" in text))
    )  # fmt: skip


def _amounts(text: str, found: list[Entity]) -> None:
    for match in _AMOUNT.finditer(text):
        start, currency = match.start(), match.lastgroup
        if start and text[start - 1] in ".,":
            continue
        value = match[0]
        if currency is not None:
            value = value[: match.start(currency) - start].strip()
        else:
            # The sign stands before the number, with or without a space.
            before = text[max(0, start - 2) : start].rstrip()[-1:]
            if not before or before not in _SIGNS:
                continue
            start, currency = text.rindex(before, 0, start), _SIGNS[before]
        entity = Entity(kind="amount", value=f"{value} {currency}", start=start, end=match.end())
        found.append(entity)


def _date(told: str) -> str:
    """Return a date of numbers as ISO 8601; day before month, as Turkish and most others write."""
    parts = [int(x) for x in re.split(r"[./-]", told)]
    year, month, day = parts if parts[0] > 31 else reversed(parts)
    try:
        return dt.date(year + 2000 if year < 100 else year, month, day).isoformat()
    except ValueError:
        return ""


def _named_dates(folded: str, found: list[Entity]) -> None:
    """Add days of a month by name as --MM-DD (ISO 8601), with the year where it is told."""
    for match in _NAMED_DATE.finditer(folded):
        day, month, year = match[1] or match[4], match[2] or match[3], match[5]
        try:
            made = dt.date(int(year) if year else 2000, _MONTHS[month], int(day))
        except ValueError:
            continue
        value = made.isoformat() if year else f"--{made.month:02}-{made.day:02}"
        # Places in the folded text are one further than in the text.
        found.append(
            Entity(kind="date", value=value, start=match.start(), end=len(match[0].rstrip())
                   + match.start() - 1)
        )  # fmt: skip


def _numbered(text: str, words: list[tuple[int, int, int]], found: list[Entity]) -> None:
    """Add the numbers that stand beside a word that says what they are. Places of words are those
    in the folded text, one further than in the text."""
    done = 0
    for which, start, end in words:
        match = _number_of(text, start - 1, end - 1) if start >= done else None
        if match is None:
            continue
        done = match.end() + 1
        first, last = match.span(1)
        if not any(e.start < last and first < e.end for e in found):
            kind = _KINDS.get(_NAMED[which][:3], "order_number")
            found.append(Entity(kind=kind, value=match[1].upper(), start=first, end=last))


def _number_of(text: str, start: int, end: int) -> re.Match[str] | None:
    """Return the number that belongs to the word from `start` to `end`."""
    if _DIGITS.search(text, max(0, start - _NEAR), start):
        before = _NUMBER_BEFORE.search(text[:start], max(0, start - _NEAR))
        if before is not None:
            return before
    return _NUMBER.match(text, end) if _DIGITS.search(text, end, end + _NEAR) else None


def _at(kind: str, match: re.Match[str], value: str) -> Entity:
    return Entity(kind=kind, value=value, start=match.start(), end=match.end())


def mask(number: str) -> str:
    """Return a personal number of which only the last three characters can be read."""
    return "*" * (len(number) - 3) + number[-3:]


def identity_holds(number: str) -> bool:
    """Whether both check digits of a Turkish identity number hold (NVI)."""
    d = [int(c) for c in number]
    tenth = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[9] == tenth and d[10] == sum(d[:10]) % 10


def tax_holds(number: str) -> bool:
    """Whether the check digit of a Turkish tax number holds (GIB)."""
    total = 0
    for place, char in enumerate(number[:9]):
        shifted = (int(char) + 9 - place) % 10
        value = shifted * 2 ** (9 - place) % 9
        total += 9 if shifted and not value else value
    return (10 - total % 10) % 10 == int(number[9])


def card_holds(number: str) -> bool:
    """Whether a payment card's number begins as one does and its check digit holds (Luhn)."""
    if number[0] not in "3456" and number[:4] != "9792":
        return False
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = int(char) * (2 if place % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def iban_holds(value: str) -> bool:
    """Whether an IBAN's check digits hold (ISO 13616, mod 97)."""
    moved = value[4:] + value[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
