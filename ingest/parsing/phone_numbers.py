"""Telephone numbers as people and systems write them, in E.164 (ITU-T E.164). Pure."""

import re

import phonenumbers

_TURKISH_EXTENSION = re.compile(r"(?i)\b(?:dahil[iî]|dah\.|dh\.)")
"""The words before a Turkish extension; phonenumbers knows those of other languages."""


def e164(written: str, country: str) -> str:
    """Return a number in E.164, an empty text for an invalid one."""
    try:
        number = phonenumbers.parse(_TURKISH_EXTENSION.split(written, maxsplit=1)[0], country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    number.extension = None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
