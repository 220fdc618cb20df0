"""Reads the text that a person wrote in an invitation or in the answer to one. Never raises. Pure.

A mail whose only text is a calendar may say "cannot come, call me in the afternoon". The calendar
stays an attachment, too. Source: RFC 5545.
"""

import re

from schemas.text.fold import fold_case

_MAX_CHARS = 256 * 1024  # the rest of a calendar is not read
_MAX_TEXTS = 20  # comments, and as many descriptions
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(
    r"^(COMMENT|DESCRIPTION|SUMMARY)(?:;[^:\"\n]{0,500}(?:\"[^\"\n]{0,500}\"[^:\"\n]{0,500}){0,5})?:(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ESCAPE = re.compile(r"\\([nN,;\\])")


def read_calendar(text: str) -> str:
    """Return the comments and descriptions of a calendar, else its summary."""
    lines: dict[str, list[str]] = {"comment": [], "description": [], "summary": []}
    for match in _LINE.finditer(_FOLD.sub("", text[:_MAX_CHARS])):
        value = _ESCAPE.sub(_unescape, match[2]).strip()
        values = lines[fold_case(match[1])]
        if value and value not in values and len(values) < _MAX_TEXTS:
            values.append(value)
    return "\n\n".join([*lines["comment"], *lines["description"]] or lines["summary"][:1])


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] in "nN" else match[1]
