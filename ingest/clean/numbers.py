"""Telephone numbers as people and systems write them -> E.164 (ITU-T E.164). Pure."""

import phonenumbers


def e164(told: str, country: str) -> str:
    """Return a number in E.164, an empty text when it is none."""
    try:
        made = phonenumbers.parse(told, country)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(made):
        return ""
    made.extension = None
    return str(phonenumbers.format_number(made, phonenumbers.PhoneNumberFormat.E164))
