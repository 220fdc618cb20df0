"""Puts each head of a quoted mail on lines of its own. Pure.

quote_heads.py looks for heads at the beginnings of lines, but some programs put a sentence behind a
person's words, or run the fields of a head together. A line end replaces a blank, so the text keeps
its length.
"""

import re

from ingest.parsing.mail_text.quote_heads import (
    FIELD_NAMES,
    HEAD_ENDS,
    MAX_HEAD_CHARS,
    OPENERS,
    alternatives,
    is_head,
    read_field,
)

MAX_RUN_CHARS = 2000
MIN_RUN_FIELDS = 4
_OPENED_WITHIN = re.compile(
    rf"(?<=[\w.!?,;)]) (?=(?:{alternatives(OPENERS)}) "
    r"(?:\w{2,10}[.,]{0,2} )?(?:\d|\w{3,9} \d))"
)
_FIELD_WITHIN = re.compile(rf"(?:^|(?<=\s))\*?(?:{alternatives(FIELD_NAMES)}) ?[:：]\*?(?=\s)")


def split_heads(lines: list[str]) -> list[str]:
    """Return the lines, with a head that shares its line with other words on its own line."""
    split: list[str] = []
    for index, line in enumerate(lines):
        if "@" not in line:
            split.append(line)
            continue
        ends = len(line) <= MAX_HEAD_CHARS and line.rstrip().endswith(HEAD_ENDS)
        match = _OPENED_WITHIN.search(line) if ends else None
        if match is not None and _is_above_quote(lines, index):
            sentence = line[match.end() :]
            if is_head(sentence, starts=True, quoted=False):
                split += [line[: match.start()], sentence]
                continue
        split += _split_fields(line)
    return split


def _is_above_quote(lines: list[str], index: int) -> bool:
    below = lines[index + 1 : index + 3]
    return any(line.lstrip().startswith(">") for line in below)


def _split_fields(line: str) -> list[str]:
    """Return the fields that a program ran together, as in "From: … Sent: … Subject: …"."""
    if len(line) > MAX_RUN_CHARS or line.count(":") < MIN_RUN_FIELDS:
        return [line]
    starts = [match.start() for match in _FIELD_WITHIN.finditer(line)]
    if len(starts) < MIN_RUN_FIELDS or line[: starts[0]].strip(" \t>*"):
        return [line]
    ends = [start - 1 for start in starts[1:]]
    fields = [line[a:b] for a, b in zip([0, *starts[1:]], [*ends, len(line)], strict=True)]
    keys = {field.key for text in fields if (field := read_field(text)) is not None}
    is_block = len(keys) >= MIN_RUN_FIELDS and {"from", "subject"} <= keys
    return fields if is_block else [line]
