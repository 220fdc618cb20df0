"""An invitation or an answer to one -> what the person wrote in it. Never raises. Pure.

Before: parser.py met a text/calendar part and found no other text. After: its text, so that a
"cannot come, call me in the afternoon" is read. The file itself is kept. Source: RFC 5545.
"""

import re

from schemas.text.fold import fold_case

_CHARS = 256 * 1024  # of a calendar that is looked at
_EVENTS = 20  # comments and descriptions that are shown
_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(
    r"^(COMMENT|DESCRIPTION|SUMMARY)(?:;[^:\"\n]{0,500}(?:\"[^\"\n]{0,500}\"[^:\"\n]{0,500}){0,5})?:(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ESCAPE = re.compile(r"\\([nN,;\\])")


def read_calendar(text: str) -> str:
    """Return the comments and descriptions of a calendar; where it has none, what it is about."""
    lines: dict[str, list[str]] = {"comment": [], "description": [], "summary": []}
    for match in _LINE.finditer(_FOLD.sub("", text[:_CHARS])):
        value = _ESCAPE.sub(_unescaped, match[2]).strip()
        values = lines[fold_case(match[1])]
        if value and value not in values and len(values) < _EVENTS:
            values.append(value)
    return "\n\n".join([*lines["comment"], *lines["description"]] or lines["summary"][:1])


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] in "nN" else match[1]
