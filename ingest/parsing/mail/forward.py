"""Reads the author, the time, the subject and the text of a forwarded mail. Pure.

message.py sets Message.forwarded and adds the words of both authors to the text. Each mail program
writes the head of a forwarded mail in its own way and language; absent fields stay empty.
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

MAX_HEAD_LINES = 60
MAX_TITLE_CHARS = 80
MAX_SENTENCE_CHARS = 400
MAX_RUN_CHARS = 2000
_TITLE_IN_LINE = re.compile(
    rf"[ \t>*]{{0,10}}-{{3,40}} ?([^-\n]{{3,{MAX_TITLE_CHARS}}}?) ?-{{3,40}}"
)
_FIELD_NAMES = "|".join(
    sorted((re.escape(n) for n in FIELD_NAMES if len(n) > 1), key=len, reverse=True)
)
_FIELD_IN_LINE = re.compile(rf"(?:(?<![^\W\d_])(?:{_FIELD_NAMES})|(?<=>)(?:A|À)) ?[:：]")
"""The name of a field, which can follow the previous field without a space."""
_SENTENCE = re.compile(
    r"^[ \t>]{0,10}(?:(?P<before>\d[^<\"\n]{5,40}?),[ ]*)?\"?(?P<name>[^\"<\n]{1,80}?)\"?[ ]*"
    r"<(?P<address>[^<>\s@]{1,64}@[^<>\s]{1,200})>"
    r"(?:,?[ ]*(?P<after>\d[^\n]{5,40}?)[ ]*(?:tarihinde)?[ ]*(?:şun\w+ yazdı|wrote)?)?[ ]*:"
    r"[ \t]*$",
    re.IGNORECASE,
)
"""12.03.2026, 14:25, "Can" <can@…>:, or "Can" <can@…>, 12/03/2026 14:25 tarihinde şunu yazdı:"""


_CUT_LINE = re.compile(r"[=-]{2,9}8<[=-]{2,40}[^\n]{0,40}[=-]{2,40}\s*$")
"""The line that The Bat! writes above the text."""

_AUTHOR = re.compile(
    r"(?:[\"„«](?P<quoted>[^\"„«”»<>\n]{1,80})[\"”»]|(?P<words>[^\"„«”»<>()\[\],:\n]{0,80}))"
    r"[ ]{0,3}[<(\[](?:mailto:)?(?P<address>[^<>()\[\]\s@]{1,64}@[^<>()\[\]\s]{1,200})[>)\]]"
)
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d\d")


class Forward(NamedTuple):
    """A forwarded mail, with the words of both authors."""

    original: Forwarded
    words: str
    """The note of the person who forwards, and the text of the original."""


class _Original(NamedTuple):
    """The fields of a forwarded mail's head, which is `lines[first:after]`."""

    first: int
    after: int
    fields: dict[str, str]


def read_forward(text: str, subject: str, *, is_reply: bool = False) -> Forward | None:
    """Return the forwarded mail in a text, None when the text forwards nothing."""
    lines = text.split("\n")
    title, start, lines = _find_title(lines)
    if title is None and not PREFIX.match(subject) and (is_reply or not _begins_with_block(lines)):
        return None
    head = _find_block(lines, start) or _find_sentence(lines, start)
    if head is None:
        return Forward(Forwarded(), text) if title is not None else None
    values = {key: value.encode("utf-8", "replace") for key, value in head.fields.items()}
    authors = header.parse_addresses(values["from"])
    original = Forwarded(
        sender=authors[0] if authors else None,
        sent_at=header.parse_date(values.get("date", b"")),
        subject=head.fields.get("subject", ""),
        recipients=header.parse_addresses(values.get("to", b"")),
        text=_unquote("\n".join(lines[_text_start(lines, head.after) :])),
    )
    note = _note(lines[: head.first if title is None else title])
    words = f"{note}\n\n{original.text}".strip()
    return Forward(original, words if original.text else text)


def _note(lines: list[str]) -> str:
    """Return the text above the original without the title directly above it."""
    last = next((i for i in range(len(lines) - 1, -1, -1) if lines[i].strip()), None)
    if last is not None and read_title(lines[last]) is not None:
        lines = lines[:last]
    note = "\n".join(lines).strip()
    return cut_signature(note).strip() if note else ""


def _text_start(lines: list[str], after: int) -> int:
    """Return the first line of the original's text, below the title or rule that ends its head."""
    first = next((i for i in range(after, len(lines)) if lines[i].strip()), None)
    if first is None:
        return after
    ends = is_rule(lines[first]) or _CUT_LINE.match(lines[first])
    return first + 1 if ends or read_title(lines[first]) == "forwarded" else after


def read_original(text: str, subject: str) -> Forwarded | None:
    """Return the original of a forwarded mail, None when the text forwards nothing."""
    forward = read_forward(text, subject)
    return forward.original if forward is not None else None


def _find_title(lines: list[str]) -> tuple[int | None, int, list[str]]:
    """Return the line of the title, the line at which the head begins, and the lines.

    Fields that a program ran together get lines of their own.
    """
    for index, line in enumerate(lines):
        if read_title(line) == "forwarded":
            return index, index + 1, _split_fields(lines, index + 1)
        match = _TITLE_IN_LINE.match(line)
        if match is not None and read_title(f"--{match[1]}--") == "forwarded":
            rest = line[match.end() :].strip()
            split = [*lines[: index + 1], rest, *lines[index + 1 :]]
            return index, index + 1, _split_fields(split, index + 1)
    return None, 0, lines


def _split_fields(lines: list[str], start: int) -> list[str]:
    """Return the lines with each field of a head on a line of its own."""
    for index in range(start, min(len(lines), start + 3)):
        line = lines[index]
        if not line.strip():
            continue
        starts = [m.start() for m in _FIELD_IN_LINE.finditer(line[:MAX_RUN_CHARS])]
        if len(starts) < 3:
            break
        ends = [*starts[1:], len(line)]
        fields = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        return [*lines[:index], *fields, *lines[index + 1 :]]
    return lines


def _begins_with_block(lines: list[str]) -> bool:
    """Say whether a text begins with the header of another mail, with its date and subject."""
    first = next((index for index, line in enumerate(lines) if line.strip(" \t>*")), None)
    block = read_block(lines, first) if first is not None else None
    if block is None or not {"date", "subject"} <= block[1].keys():
        return False
    return is_certain(block[1]) and has_address(block[1])


def _find_block(lines: list[str], start: int) -> _Original | None:
    for index in range(start, min(len(lines), start + MAX_HEAD_LINES)):
        block = read_block(lines, index) if read_field(lines[index]) is not None else None
        if block is not None and "from" in block[1]:
            return _Original(index, block[0], block[1])
    return None


def _find_sentence(lines: list[str], start: int) -> _Original | None:
    for index in range(start, min(len(lines), start + MAX_HEAD_LINES)):
        line = lines[index][:MAX_SENTENCE_CHARS]
        match = _SENTENCE.match(line)
        if match is not None:
            sender = f'"{match["name"].strip()}" <{match["address"]}>'
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
    """Return author and date of a sentence such as `Am 3.3.2026, 14:05 schrieb "Can" <can@…>:`."""
    match = _AUTHOR.search(sentence)
    if match is None:
        return {"from": ""}
    words = (match["words"] or "").split()
    capitals = takewhile(lambda word: word[:1].isupper(), reversed(words))
    name = (match["quoted"] or "").strip() or " ".join(reversed(list(capitals)))
    date = _DATE.search(sentence)
    return {"from": f'"{name}" <{match["address"]}>', "date": date[0] if date else ""}


def _unquote(text: str) -> str:
    """Remove one level of ">" that every line has, and the common indent."""
    lines = text.strip("\n").split("\n")
    filled = [x for x in lines if x.strip()]
    if filled and all(x.lstrip().startswith(">") for x in filled):
        lines = [re.sub(r"^[ \t]*> ?", "", x) for x in lines]
    return "\n".join(x.strip() if x.startswith("    ") else x for x in lines).strip()
