"""Reads the mails of an mbox file, byte for byte except for the format's own escapes.

Programs write separators of many kinds (RFC 4155, qmail's mbox(5), Thunderbird, Gmail's export,
bare "From "), but a person's line may begin with "From " too. A separator follows a blank line,
and either has a full date or precedes a header field. Without the blank line it must have both, or
consist of "From" alone.
"""

import re
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

from schemas.errors import Unavailable

MAX_LOOKED_AT_BYTES = 400
_START = re.compile(rb"From(?: |\r?\n|$)")
_DATED = re.compile(
    rb"From \S{1,200} .{0,120}?\d{1,2}:\d\d(?::\d\d)?\b.{0,40}?\b(?:19|20)\d\d\b"
    rb"|From \S{1,200} +(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d"
)
_FIELD = re.compile(
    rb">?(?:from|to|cc|subject|date|message-id|received|return-path|mime-version|content-[\w-]+|"
    rb"in-reply-to|references|reply-to|sender|delivered-to|status|x-[\w-]+|envelope-to|"
    rb"dkim-signature|arc-[\w-]+|authentication-results|list-[\w-]+|user-agent)[ \t]*:",
    re.IGNORECASE,
)
_ESCAPED = re.compile(rb">+From ")


def is_mbox(path: Path) -> bool:
    """Say whether a file begins as an mbox does."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                following = file.readline(MAX_LOOKED_AT_BYTES)
                return _is_separator(line, following, is_below_blank=True)
    return False


def read_mails(path: Path) -> Iterator[bytes]:
    """Yield the mails of an mbox; raise Unavailable for a text without any separator."""
    mail: list[bytes] | None = None
    is_blank, has_words = True, False
    with path.open("rb") as file:
        for line, following in pairwise(chain(file, (b"",))):
            if _is_separator(line, following, is_below_blank=is_blank):
                if mail:
                    yield b"".join(mail)
                mail = []
            elif mail is not None:
                mail.append(line[1:] if _ESCAPED.match(line) else line)
            else:
                has_words = has_words or bool(line.strip())
            is_blank = not line.strip(b"\r\n")
    if mail:
        yield b"".join(mail)
    if mail is None and has_words:
        raise Unavailable(
            f"{path} is not an mbox file: no line begins a mail (From, a sender, a date). "
            "To hand over a single mail, use `santral send`"
        )


def _is_separator(line: bytes, following: bytes, *, is_below_blank: bool) -> bool:
    if not _START.match(line):
        return False
    is_dated = _DATED.match(line[:MAX_LOOKED_AT_BYTES]) is not None
    begins_header = _FIELD.match(following[:MAX_LOOKED_AT_BYTES]) is not None
    if is_below_blank:
        return is_dated or begins_header
    return begins_header and (is_dated or not line[5:].strip())
