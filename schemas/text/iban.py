"""International bank account numbers in a text, with their countries, forms and check digits. Pure.

Source: ISO 13616 and the SWIFT IBAN registry (forms of the basic bank account number, by country).
"""

import functools
import re
from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase

from schemas.text.digit_runs import GAP, SEPARATORS

_REGISTRY = """
    n11:NO n12:BE n14:DK,FI,FO,GL,SD n15:SI n16:AT,BA,EE,LT,MN,XK n17:HR n18:CR,DE,ME,RS,VA
    n19:AE,IL,SO,TL n20:CZ,ES,SE,SK,TN n21:LY,PT,ST n22:IS n23:BI,DJ,MR n24:HU,PL n25:EG
    n3c10n2:MK n3c13:KZ,LU n3c16:OM n2c18:SA n4c20:LB n5c12:CH,LI n6c16:TR n6c19:UA n7c16:GR
    n8c12:AD n8c16:AL,CY n10c11n2:FR,MC n14c15:RU n23a1c1:BR
    a1n10c12:IT,SM a2n12:FK a2n16:GE a4n10:NL a4n14:GB,IE a4n15:IQ a4n16:VG a4n20:HN,NI,SV
    a4n20a3:SC a4n19a3:MU a4n4c18:JO,YE a4n5c18:MT a4n6c8:BG
    a4c13:LV a4c14:BH a4c15:GI a4c16:PK,RO a4c20:AZ a4c21:PS,QA a4c22:KW a4c24:LC
    c4n4c16:BY c4n20:DO c4c20:GT c20:MD
"""
"""The forms of accounts with their countries; n12 is 12 digits, a4 4 letters, c10 10 of either."""

_FORMS = {
    country: form
    for form, countries in (line.split(":") for line in _REGISTRY.split())
    for country in countries.split(",")
}
_CLASSES = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
_SPELLINGS = {"I": "Iiıİ"}
_HEAD = re.compile(rf"(?:{'|'.join(sorted(_FORMS))}){GAP}[0-9]{GAP}[0-9]")
_HEAD_BACKWARDS = re.compile(
    "[0-9]{gap}[0-9]{gap}(?=[A-Za-zıİ])(?:{countries})".format(
        gap=rf"[{SEPARATORS}>]{{0,14}}",
        countries="|".join(
            "".join(f"[{_SPELLINGS.get(letter, letter + letter.lower())}]" for letter in code[::-1])
            for code in sorted(_FORMS)
        ),
    )
)
"""Matches a text from its end wherever `_HEAD` does, and with more characters between. It begins
with a digit, so that it reads a text without IBANs ten times as fast."""
_CAPITALS = str.maketrans(ascii_lowercase + "ıİ", ascii_uppercase + "II")
_VALUES = {ord(letter): str(10 + i) for i, letter in enumerate(ascii_uppercase)}
_NOT_BARE = re.compile(r"[^0-9A-Z]")


def find_ibans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text's IBANs whose country, length and check digits are valid.

    A word may touch an IBAN ("IBANTR33…", "…26'ya"), a further digit may not.
    """
    if _HEAD_BACKWARDS.search(text[::-1]) is None:
        return
    plain, end = text.translate(_CAPITALS), 0
    for head in _HEAD.finditer(plain):
        if head.start() < end:
            continue
        match = _pattern_of(head[0][:2]).match(plain, head.start())
        if match is not None and iban_holds(bare_iban(match[0])):
            end = match.end()
            yield head.start(), end


@functools.cache
def _pattern_of(country: str) -> re.Pattern[str]:
    """Return the pattern of a country's IBANs, with separators anywhere."""
    form = re.findall(r"([nac])(\d+)", _FORMS[country])
    parts = [*country, _CLASSES["n"], _CLASSES["n"]]
    parts += [_CLASSES[kind] for kind, count in form for _ in range(int(count))]
    return re.compile(GAP.join(parts) + "(?![0-9])")


def bare_iban(text: str) -> str:
    """Return an IBAN's letters and digits alone, in capitals."""
    return _NOT_BARE.sub("", text.translate(_CAPITALS))


def iban_holds(value: str) -> bool:
    """Say whether a bare IBAN's check digits are valid (mod 97)."""
    moved = value[4:] + value[:4]
    return int(moved.translate(_VALUES)) % 97 == 1
