"""Where personal numbers stand in a text: identity number, payment card, IBAN. Pure.

Before: any text. After: masking.py. A number counts only when its check digits hold.
Source: ISO 13616 (IBAN), ISO/IEC 7812 (Luhn), NVI (identity number).
"""

import re

_GAP = r"[\s.\-\u2010-\u2015/\u00a0\u2007\u202f\u2060_]{0,3}"
_IBAN = re.compile(
    rf"(?<![A-Z0-9])[A-Z]{{2}}{_GAP}\d{_GAP}\d(?:{_GAP}[A-Z0-9]){{11,30}}", re.IGNORECASE
)
_DIGITS = re.compile(rf"\d(?:{_GAP}\d){{10,18}}")
_JOINED = re.compile(r"[^0-9A-Za-z]")


def find_personal_numbers(text: str) -> list[tuple[str, int, int]]:
    """Return (kind, start, end) of every personal number, in the order of the text."""
    found: list[tuple[str, int, int]] = []
    at = 0
    while match := _IBAN.search(text, at):
        at, end = match.start() + 1, match.end()
        while end - match.start() > 14:
            value = _JOINED.sub("", text[match.start() : end]).upper()
            if len(value) >= 15 and _iban(value):
                found.append(("iban", match.start(), end))
                at = end
                break
            end -= 1
    for match in _DIGITS.finditer(text):
        start, end = match.span()
        if (start and text[start - 1].isdigit()) or text[end : end + 1].isdigit():
            continue
        if any(a < end and start < b for _, a, b in found):
            continue
        value = _JOINED.sub("", match[0])
        if len(value) == 11 and value[0] != "0" and _identity(value):
            found.append(("identity_number", start, end))
        elif len(value) >= 13 and value[0] in "34569" and _luhn(value):
            found.append(("card_number", start, end))
    return sorted(found, key=lambda f: f[1])


def _identity(number: str) -> bool:
    d = [int(c) for c in number]
    return d[9] == (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10 and d[10] == sum(d[:10]) % 10


def _luhn(number: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(number)):
        digit = int(char) * (2 if place % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def _iban(value: str) -> bool:
    return int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97 == 1
