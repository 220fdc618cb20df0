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
_ORDER = re.compile(
    r"(?:sipari[sş]|order|takip|tracking|kargo|fatura|invoice|abone|m[uü][sş]teri)"
    r"[^\d\n]{0,25}?(?:no|numara\w*|number|id|#|:|nolu)?[\s:.#]{0,3}([A-Z]{0,4}-?\d[\dA-Z-]{4,20})\b",
    re.IGNORECASE,
)
_KINDS = {
    "sip": "order_number", "ord": "order_number", "tak": "tracking_number",
    "tra": "tracking_number", "kar": "tracking_number", "fat": "invoice_number",
    "inv": "invoice_number", "abo": "customer_no", "mus": "customer_no", "müş": "customer_no",
}  # fmt: skip
_ELEVEN = re.compile(r"(?<!\d)[1-9]\d{10}(?!\d)")
_DIGIT = re.compile(r"\d")
LIMIT = 20
"""Entities kept of one message: a price list is not evidence."""


def entities(text: str) -> tuple[Entity, ...]:
    """Return what is found, in the order of the text."""
    found: list[Entity] = []
    if "@" in text:
        found += [_at("email", m, m[0].lower()) for m in _EMAIL.finditer(text)]
    if _DIGIT.search(text) is None:
        return tuple(found[:LIMIT])
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])[-10:]
        found.append(_at("phone", match, f"+90{digits}"))
    for match in _IBAN.finditer(text) if "TR" in text or "tr" in text else ():
        value = match[0].replace(" ", "").upper()
        if iban_holds(value):
            found.append(_at("iban", match, mask(value)))
    for match in _ELEVEN.finditer(text):
        if identity_holds(match[0]):
            found.append(_at("identity_number", match, mask(match[0])))
    found += [_at("amount", m, _amount(m)) for m in _AMOUNT.finditer(text)]
    for match in _ORDER.finditer(text):
        kind = _KINDS.get(match[0][:3].lower().replace("ş", "s"), "order_number")
        if not any(e.start <= match.start(1) < e.end for e in found):
            found.append(
                Entity(kind=kind, value=match[1].upper(), start=match.start(1), end=match.end(1))
            )
    found.sort(key=lambda e: (e.start, e.kind))
    return tuple(found[:LIMIT])


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
