"""Telephone numbers as people and systems write them -> E.164 (ITU-T E.164). Pure."""

import re

import phonenumbers

_INSIDE = re.compile(r"(?i)\b(?:dahil[iî]|dah\.|dh\.)")
"""What a Turkish extension begins with; phonenumbers knows the others."""


def e164(told: str, country: str) -> str:
    """Return a number in E.164, an empty text when it is none."""
    try:
        made = phonenumbers.parse(_INSIDE.split(told, maxsplit=1)[0], country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(made):
        return ""
    made.extension = None
    return str(phonenumbers.format_number(made, phonenumbers.PhoneNumberFormat.E164))
