"""A forwarded mail -> who wrote the original, when, about what, and its text. Pure.

Before: message.py has the text. After: Message.forwarded, and the words of both for the text.
Each mail program writes the head of what it forwards in its own way and language; what it does not
tell stays empty.
"""

import re
from itertools import takewhile
from typing import NamedTuple

from ingest.parsing.mail_text.quote_heads import (
    FIELD_NAMES,
    has_address,
    is_certain,
    is_head,
    read_block,
    read_field,
    read_title,
)
from ingest.parsing.mail_text.signature import cut_signature, is_rule
from ingest.parsing.mail_text.subject_prefixes import FORWARD
from ingest.parsing.mime import header
from schemas.message import Forwarded

PREFIX = re.compile(FORWARD, re.IGNORECASE)

MAX_LOOKED_AT_LINES = 60
MAX_TITLE_CHARS = 80
MAX_SENTENCE_CHARS = 400
MAX_RUN_CHARS = 2000
_TITLE_IN_LINE = re.compile(
    rf"[ \t>*]{{0,10}}-{{3,40}} ?([^-\n]{{3,{MAX_TITLE_CHARS}}}?) ?-{{3,40}}"
)
_NAMES = "|".join(sorted((re.escape(n) for n in FIELD_NAMES if len(n) > 1), key=len, reverse=True))
_NAME_IN_LINE = re.compile(rf"(?:(?<![^\W\d_])(?:{_NAMES})|(?<=>)(?:A|À)) ?[:：]")
"""A field's name as programs write it, also where the field before it ends without a space."""
_SENTENCE = re.compile(
    r"^[ \t>]{0,10}(?:(?P<before>\d[^<\"\n]{5,40}?),[ ]*)?\"?(?P<name>[^\"<\n]{1,80}?)\"?[ ]*"
    r"<(?P<who>[^<>\s@]{1,64}@[^<>\s]{1,200})>"
    r"(?:,?[ ]*(?P<after>\d[^\n]{5,40}?)[ ]*(?:tarihinde)?[ ]*(?:şun\w+ yazdı|wrote)?)?[ ]*:"
    r"[ \t]*$",
    re.IGNORECASE,
)
"""12.03.2026, 14:25, "Can" <can@…>: and "Can" <can@…>, 12/03/2026 14:25 tarihinde şunu yazdı:"""


_CUT_HERE = re.compile(r"[=-]{2,9}8<[=-]{2,40}[^\n]{0,40}[=-]{2,40}\s*$")
"""What The Bat! writes above the text."""

_AUTHOR = re.compile(
    r"(?:[\"„«](?P<quoted>[^\"„«”»<>\n]{1,80})[\"”»]|(?P<words>[^\"„«”»<>()\[\],:\n]{0,80}))"
    r"[ ]{0,3}[<(\[](?:mailto:)?(?P<who>[^<>()\[\]\s@]{1,64}@[^<>()\[\]\s]{1,200})[>)\]]"
)
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d")


class Forward(NamedTuple):
    """What a forwarded mail tells."""

    original: Forwarded
    words: str
    """The note of who forwards, and the original's text."""


class _Original(NamedTuple):
    """The head of a forwarded mail: where it begins and ends, and its fields."""

    first: int
    after: int
    fields: dict[str, str]


def read_forward(text: str, subject: str, *, is_reply: bool = False) -> Forward | None:
    """Return what is told of the original, None when the mail forwards nothing."""
    lines = text.split("\n")
    title, start, lines = _find_title(lines)
    if title is None and not PREFIX.match(subject) and (is_reply or not _begins_with_block(lines)):
        return None
    found = _find_block(lines, start) or _find_sentence(lines, start)
    if found is None:
        return Forward(Forwarded(), text) if title is not None else None
    values = {key: value.encode("utf-8", "replace") for key, value in found.fields.items()}
    who = header.parse_addresses(values["from"])
    original = Forwarded(
        sender=who[0] if who else None,
        sent_at=header.parse_date(values.get("date", b"")),
        subject=found.fields.get("subject", ""),
        recipients=header.parse_addresses(values.get("to", b"")),
        text=_unquoted("\n".join(lines[_begin_of_text(lines, found.after) :])),
    )
    note = _note(lines[: found.first if title is None else title])
    words = f"{note}\n\n{original.text}".strip()
    return Forward(original, words if original.text else text)


def _note(lines: list[str]) -> str:
    """Return what who forwards wrote above the original, without a title right above that."""
    last = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].strip()), None)
    if last is not None and read_title(lines[last]) is not None:
        lines = lines[:last]
    note = "\n".join(lines).strip()
    return cut_signature(note).strip() if note else ""


def _begin_of_text(lines: list[str], after: int) -> int:
    """Return where the original's text begins: below the title or the rule that ends its head."""
    first = next((i for i in range(after, len(lines)) if lines[i].strip()), None)
    if first is None:
        return after
    ends = is_rule(lines[first]) or _CUT_HERE.match(lines[first])
    return first + 1 if ends or read_title(lines[first]) == "forwarded" else after


def forwarded(text: str, subject: str) -> Forwarded | None:
    """Return what is told of the original, None when the mail forwards nothing."""
    forward = read_forward(text, subject)
    return forward.original if forward is not None else None


def _find_title(lines: list[str]) -> tuple[int | None, int, list[str]]:
    """Return the title's line, where the head begins, and the lines, with fields that a program
    ran together each on a line of its own."""
    for index, line in enumerate(lines):
        if read_title(line) == "forwarded":
            return index, index + 1, _parted(lines, index + 1)
        match = _TITLE_IN_LINE.match(line)
        if match is not None and read_title(f"--{match[1]}--") == "forwarded":
            rest = line[match.end() :].strip()
            parted = [*lines[: index + 1], rest, *lines[index + 1 :]]
            return index, index + 1, _parted(parted, index + 1)
    return None, 0, lines


def _parted(lines: list[str], start: int) -> list[str]:
    """Return lines with the fields of a head that stand in one line each on a line of its own."""
    for index in range(start, min(len(lines), start + 3)):
        line = lines[index]
        if not line.strip():
            continue
        starts = [m.start() for m in _NAME_IN_LINE.finditer(line[:MAX_RUN_CHARS])]
        if len(starts) < 3:
            break
        ends = [*starts[1:], len(line)]
        fields = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        return [*lines[:index], *fields, *lines[index + 1 :]]
    return lines


def _begins_with_block(lines: list[str]) -> bool:
    """Say whether a text begins with another mail's header, with its date and subject."""
    first = next((index for index, line in enumerate(lines) if line.strip(" \t>*")), None)
    block = read_block(lines, first) if first is not None else None
    if block is None or not {"date", "subject"} <= block[1].keys():
        return False
    return is_certain(block[1]) and has_address(block[1])


def _find_block(lines: list[str], start: int) -> _Original | None:
    for index in range(start, min(len(lines), start + MAX_LOOKED_AT_LINES)):
        block = read_block(lines, index) if read_field(lines[index]) is not None else None
        if block is not None and "from" in block[1]:
            return _Original(index, block[0], block[1])
    return None


def _find_sentence(lines: list[str], start: int) -> _Original | None:
    for index in range(start, min(len(lines), start + MAX_LOOKED_AT_LINES)):
        line = lines[index][:MAX_SENTENCE_CHARS]
        match = _SENTENCE.match(line)
        if match is not None:
            sender = f'"{match["name"].strip()}" <{match["who"]}>'
            date = match["before"] or match["after"] or ""
            return _Original(index, index + 1, {"from": sender, "date": date})
        if (
            "@" in line
            and line.rstrip().endswith((":", "："))
            and is_head(line, starts=True, quoted=True)
        ):
            return _Original(index, index + 1, _sentence_fields(line))
    return None


def _sentence_fields(sentence: str) -> dict[str, str]:
    """Return author and date of a sentence like: Am 3.3.2026, 14:05 schrieb "Can" <can@…>:"""
    match = _AUTHOR.search(sentence)
    if match is None:
        return {"from": ""}
    words = (match["words"] or "").split()
    capitals = takewhile(lambda word: word[:1].isupper(), reversed(words))
    name = (match["quoted"] or "").strip() or " ".join(reversed(list(capitals)))
    date = _DATE.search(sentence)
    return {"from": f'"{name}" <{match["who"]}>', "date": date[0] if date else ""}


def _unquoted(text: str) -> str:
    """Take one level of ">" off when every line has one, and the indent that all share."""
    lines = text.strip("\n").split("\n")
    filled = [x for x in lines if x.strip()]
    if filled and all(x.lstrip().startswith(">") for x in filled):
        lines = [re.sub(r"^[ \t]*> ?", "", x) for x in lines]
    return "\n".join(x.strip() if x.startswith("    ") else x for x in lines).strip()
