"""Things found in the text, with their places: mail, phone, order number, amount, IBAN, identity.

Before: decide.py. After: Decision.entities. Numbers with a check digit count only when it holds.
Personal numbers are masked but for their last digits. Pure.
"""

import re

from schemas.decision import Entity

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_PHONE = re.compile(
    r"(?<![\d\w])(?:\+90|0090|0)?[ (]{0,2}(5\d{2})[ )]{0,2}\d{3}[ -]?\d{2}[ -]?\d{2}(?!\d)"
)
_IBAN = re.compile(r"\bTR\d{2}(?: ?\d{4}){5} ?\d{2}\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:(?P<before>[₺$€£])\s?)?(?<![\d.,])(?P<n>\d{1,3}(?:[.,]\d{3})*(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?)"
    r"\s?(?P<after>TL|₺|lira|USD|EUR|dolar|euro|[$€£])(?!\w)",
    re.IGNORECASE,
)
_NAMED = re.compile("siparis|order|takip|tracking|kargo|fatura|invoice|abone|musteri")
_NUMBER = re.compile(
    r"[^\d\n]{0,30}?(?:no|numara\w*|number|id|#|:|nolu)?[\s:.#]{0,3}([A-Z]{0,4}-?\d[\dA-Z-]{4,20})\b",
    re.IGNORECASE,
)
_KINDS = {
    "sip": "order_number", "ord": "order_number", "tak": "tracking_number",
    "tra": "tracking_number", "kar": "tracking_number", "fat": "invoice_number",
    "inv": "invoice_number", "abo": "customer_no", "mus": "customer_no",
}  # fmt: skip
_ELEVEN = re.compile(r"(?<!\d)[1-9]\d{10}(?!\d)")
_DIGITS = re.compile(r"\d+")
_UNITS = ("tl", "lira", "usd", "eur", "dolar")
_SIGNS = "₺$€£"
LIMIT = 20
"""Entities kept of one message: a price list is not evidence."""


def entities(text: str, folded: str) -> tuple[Entity, ...]:
    """Return what is found, in the order of the text; `folded` is the text folded.

    What a kind needs is looked for before its pattern is: most texts have little of it.
    """
    found: list[Entity] = []
    if "@" in text:
        found += [_at("email", m, m[0].lower()) for m in _EMAIL.finditer(text)]
    digits = sum(map(len, _DIGITS.findall(text)))
    if not digits:
        return tuple(found[:LIMIT])
    if digits >= 10:
        for match in _PHONE.finditer(text):
            number = re.sub(r"\D", "", match[0])[-10:]
            found.append(_at("phone", match, f"+90{number}"))
        for match in _IBAN.finditer(text) if digits >= 24 else ():
            value = match[0].replace(" ", "").upper()
            if iban_holds(value):
                found.append(_at("iban", match, mask(value)))
        for match in _ELEVEN.finditer(text) if digits >= 11 else ():
            if identity_holds(match[0]):
                found.append(_at("identity_number", match, mask(match[0])))
    if any(u in folded for u in _UNITS) or any(s in text for s in _SIGNS):
        found += [_at("amount", m, _amount(m)) for m in _AMOUNT.finditer(text)]
    _numbered(text, folded, found)
    found.sort(key=lambda e: (e.start, e.kind))
    return tuple(found[:LIMIT])


def _numbered(text: str, folded: str, found: list[Entity]) -> None:
    """Add the numbers that stand behind a word that says what they are."""
    end = 0
    for word in _NAMED.finditer(folded):
        match = _NUMBER.match(text, word.end() - 1) if word.start() >= end else None
        if match is None:
            continue
        end = match.end() + 1
        if not any(e.start <= match.start(1) < e.end for e in found):
            kind = _KINDS.get(word[0][:3], "order_number")
            found.append(
                Entity(kind=kind, value=match[1].upper(), start=match.start(1), end=match.end(1))
            )


def _at(kind: str, match: re.Match[str], value: str) -> Entity:
    return Entity(kind=kind, value=value, start=match.start(), end=match.end())


def _amount(match: re.Match[str]) -> str:
    unit = (match["after"] or match["before"]).lower()
    names = {"tl": "TRY", "₺": "TRY", "lira": "TRY", "$": "USD", "usd": "USD", "dolar": "USD",
             "€": "EUR", "eur": "EUR", "euro": "EUR", "£": "GBP"}  # fmt: skip
    return f"{match['n']} {names[unit]}"


def mask(number: str) -> str:
    """Return a personal number of which only the last three characters can be read."""
    return "*" * (len(number) - 3) + number[-3:]


def identity_holds(number: str) -> bool:
    """Whether both check digits of a Turkish identity number hold (NVI)."""
    d = [int(c) for c in number]
    tenth = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[9] == tenth and d[10] == sum(d[:10]) % 10


def iban_holds(value: str) -> bool:
    """Whether an IBAN's check digits hold (ISO 13616, mod 97)."""
    moved = value[4:] + value[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1
